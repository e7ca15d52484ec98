"""What is declared is used: variables, local values, data sources."""

from collections.abc import Iterator

from house_lint.configuration import Configuration, Declaration, references
from house_lint.finding import Finding, at


def check(configuration: Configuration) -> Iterator[Finding]:
    """tflint: terraform_unused_declarations."""
    for declaration in configuration.of("variable", "local", "data"):
        pattern = rf"\b({_address(declaration)})\b"
        others = (other for other in configuration.declarations if other is not declaration)
        # The validation of a variable names it, which is no use of it.
        if not any(references(other.body, pattern) for other in others):
            yield at(declaration, "unused", "is used nowhere")


def _address(declaration: Declaration) -> str:
    prefix = {"variable": "var", "local": "local", "data": "data"}[declaration.kind]
    return r"\.".join((prefix, *declaration.labels))
