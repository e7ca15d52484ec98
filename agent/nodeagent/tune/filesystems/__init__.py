"""What `filesystem` is made of: settings, what is there, what the next boot would mount."""
