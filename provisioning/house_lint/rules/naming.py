"""Names are small words joined by underscores, those of directories by hyphens."""

import re
from collections.abc import Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding, at

_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_naming_convention."""
    for declaration in configuration.of("variable", "output", "local", "resource", "data", "module", "check"):
        if not _SNAKE.fullmatch(declaration.name):
            yield at(declaration, "naming", "is not named in snake_case")
    # An example speaks the words of its reader.
    in_example = "examples" in configuration.directory.parts
    if not in_example and not _KEBAB.fullmatch(configuration.directory.name):
        message = f"the directory {configuration.directory.name} is not named in kebab-case"
        yield Finding(file=configuration.directory, line=1, rule="naming", message=message)
