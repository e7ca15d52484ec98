"""The measuring engine: run until decided, judge by the bound, keep every sample."""
