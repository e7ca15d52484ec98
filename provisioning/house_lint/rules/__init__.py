"""The rules, one a file; each is a function from a configuration to findings."""

from collections.abc import Callable, Iterator

from house_lint.configuration import Configuration
from house_lint.finding import Finding
from house_lint.rules import documented, naming, pinned, secrets, structure, syntax, unused, validated

RULES: tuple[Callable[[Configuration], Iterator[Finding]], ...] = (
    structure.check,
    documented.check,
    naming.check,
    pinned.check,
    secrets.check,
    unused.check,
    validated.check,
    syntax.check,
)
