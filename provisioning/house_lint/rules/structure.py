"""Every configuration has the same files, and each kind of declaration its place in them; an example is one file."""

from collections.abc import Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding, at

_FILES = ("main.tf", "variables.tf", "outputs.tf", "versions.tf", "README.md")
_EXAMPLE_FILES = ("main.tf", "README.md")
_PLACES = {"variable": "variables.tf", "output": "outputs.tf"}


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_standard_module_structure."""
    for name in _EXAMPLE_FILES if "examples" in configuration.directory.parts else _FILES:
        if not (configuration.directory / name).is_file():
            message = f"there is no {name}"
            yield Finding(file=configuration.directory, line=1, rule="structure", message=message)
    for declaration in configuration.of(*_PLACES):
        if "examples" in configuration.directory.parts:
            return
        place = _PLACES[declaration.kind]
        if declaration.file.name != place:
            yield at(declaration, "structure", f"belongs into {place}")
