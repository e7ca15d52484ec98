"""What stands behind a server that the cloud sold: nothing at all, or a machine."""
