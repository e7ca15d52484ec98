"""What a rule has to say about a place."""

from dataclasses import dataclass
from pathlib import Path

from house_lint.configuration import Declaration


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Finding:
    """One thing that should be otherwise: where, which rule, what was found and what is wanted."""

    file: Path
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


def at(declaration: Declaration, rule: str, message: str) -> Finding:
    """A finding at a declaration, which its message names first."""
    what = " ".join((declaration.kind, *declaration.labels))
    return Finding(file=declaration.file, line=declaration.line, rule=rule, message=f"{what} {message}")
