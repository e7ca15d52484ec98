"""One value of a profile: what is wanted, how strictly, why, and who says so."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Mode(StrEnum):
    """`enforce` is changed and verified, `warn` is only told, `ignore` is left alone and out of the verdict."""

    ENFORCE = "enforce"
    WARN = "warn"
    IGNORE = "ignore"


class Bound(StrEnum):
    """How the value is meant: exactly, or only raise (`>=`), or only lower (`<=`)."""

    EXACTLY = "=="
    AT_LEAST = ">="
    AT_MOST = "<="


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting(Generic[T]):
    """A wanted value with its modifiers; in YAML a bare scalar or a mapping of these fields.

    `origin` is `file:line:column` of the value, filled in by the loader, so that every message can point at it.
    """

    value: T
    bound: Bound = Bound.EXACTLY
    mode: Mode = Mode.ENFORCE
    why: str = ""
    source: str = ""
    origin: str = ""

    def accepts(self, current: T) -> bool:
        """Is `current` as wanted? `>=` and `<=` compare numbers; ValueError where the texts are no numbers."""
        if current == self.value:
            return True
        match self.bound:
            case Bound.EXACTLY:
                return False
            case Bound.AT_LEAST:
                return float(str(current)) >= float(str(self.value))
            case Bound.AT_MOST:
                return float(str(current)) <= float(str(self.value))
