"""Observe and perform each kind of Change, one file a kind; the engine in tune/ calls these two and nothing else."""
