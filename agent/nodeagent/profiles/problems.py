"""What is wrong with a document, where, and how it is told: every fault at once, never only the first.

One line a fault, in the form that editors and terminals turn into a link:
`file:line:column: path: what is wrong, got 'text', did you mean 'x'?`
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import get_close_matches

from nodeagent.model.errors import ProfileError

_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A place in a file; lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault. `got` is what stood there, as `shown` or in words; `nearest` a known name like it."""

    mark: Mark
    problem: str
    path: str = ""
    got: str | None = None
    nearest: str = ""

    def __str__(self) -> str:
        where = f"{self.mark}: {self.path}: " if self.path else f"{self.mark}: "
        got = "" if self.got is None else f", got {self.got}"
        nearest = f", did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{where}{self.problem}{got}{nearest}"


class DocumentError(ProfileError):
    """A document with faults: the message tells them line by line, `problems` holds them one by one."""

    def __init__(self, message: str, *, problems: tuple[Problem, ...]) -> None:
        super().__init__(message, remedy="mend the lines named above; docs/profiles.md has the format")
        self.problems = problems


@dataclass(slots=True)
class Problems:
    """Collects faults while a document is read; the same fault at the same place is told once."""

    found: dict[Problem, None] = field(default_factory=dict)

    def add(self, mark: Mark, problem: str, *, path: str = "", got: str | None = None, nearest: str = "") -> None:
        self.found[Problem(mark=mark, problem=problem, path=path, got=got, nearest=nearest)] = None

    def __bool__(self) -> bool:
        return bool(self.found)

    def raise_if_any(self, what: str) -> None:
        """DocumentError with every fault, in the order of the files; `what` names the document."""
        if self.found:
            raise DocumentError(self.text(what), problems=self.ordered())

    def ordered(self) -> tuple[Problem, ...]:
        """File by file as they were first met, then as they stand in the file."""
        files: dict[str, int] = {}
        for problem in self.found:
            files.setdefault(problem.mark.file, len(files))
        return tuple(sorted(self.found, key=lambda p: (files[p.mark.file], p.mark.line, p.mark.column)))

    def text(self, what: str) -> str:
        count = "1 problem" if len(self.found) == 1 else f"{len(self.found)} problems"
        return "\n".join([f"{count} in {what}", *map(str, self.ordered())])


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that `name` was probably meant to be; "" if none is close."""
    matches = get_close_matches(name[:_SHOWN_CHARACTERS], list(known), n=1)
    return matches[0] if matches else ""


def shown(text: str) -> str:
    """A text from a document as it may stand in a message: quoted, escaped, not endless."""
    if len(text) > _SHOWN_CHARACTERS:
        return f"{text[:_SHOWN_CHARACTERS]!r}... ({len(text)} characters)"
    return repr(text)
