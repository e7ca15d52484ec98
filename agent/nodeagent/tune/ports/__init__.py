"""What the tunables of network ports share: which ports are meant, what drivers can do, who else sets them."""
