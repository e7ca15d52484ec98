"""What `firewall` is made of: settings, our table, its other owners, who is connected."""
