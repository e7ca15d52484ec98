"""What `sysctl` and `kernel-command-line` are made of."""
