"""What the tunables of CPUs and memory nodes share."""
