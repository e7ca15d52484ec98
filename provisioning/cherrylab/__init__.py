"""Cherry Servers in miniature: machines to rehearse on, for nothing."""
