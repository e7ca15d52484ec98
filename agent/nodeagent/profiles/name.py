"""What documents and their entries may be called."""

from typing import Annotated

from nodeagent.profiles.constraint import Pattern

NAME_PATTERN = "[a-z0-9][a-z0-9-]{0,62}"
"""What a profile, a stage and a named list entry may be called: nothing that could be a path."""

Name = Annotated[str, Pattern(NAME_PATTERN, "a name of small letters, digits and '-'")]
