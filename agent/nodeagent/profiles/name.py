"""What documents and their entries may be called."""

NAME_PATTERN = "[a-z0-9][a-z0-9-]{0,62}"
"""What a profile, a stage and a named list entry may be called: nothing that could be a path."""
