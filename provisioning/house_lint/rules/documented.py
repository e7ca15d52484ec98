"""Variables and outputs say what they are for, and variables say their type."""

from collections.abc import Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding, at


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_documented_variables, terraform_documented_outputs, terraform_typed_variables."""
    for declaration in configuration.of("variable", "output"):
        if not str(declaration.body.get("description", "")).strip():
            yield at(declaration, "documented", "has no description")
        if declaration.kind == "variable" and declaration.body.get("type") in {None, "any", "${any}"}:
            yield at(declaration, "documented", "has no type, or the type any")
