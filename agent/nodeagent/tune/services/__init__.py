"""What the tunables of systemd units share: what a unit should be, and who else sets what we set."""
