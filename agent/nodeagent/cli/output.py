"""How results look: colour policy, symbols, aligned tables and JSON.

Text is for people and may change; JSON is for programs and carries `schema_version`. A table is never wrapped or cut:
a pipe has no width, and a serial number that lost its end is no serial number. Live progress (rich) lives with the
commands that show it and goes to stderr.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import PurePath
from typing import TextIO

from nodeagent.model.cpuset import CpuSet

SCHEMA_VERSION = 1


class ColorChoice(StrEnum):
    """The values of `--color`."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class Tone(StrEnum):
    """What a piece of text means; the value is its SGR code."""

    GOOD = "32"
    BAD = "31"
    WARN = "33"
    FAINT = "2"
    STRONG = "1"


class Symbol(Enum):
    """Marks that carry their meaning without colour: as UTF-8 and as ASCII."""

    CREATE = ("+", "+")
    CHANGE = ("~", "~")
    REMOVE = ("-", "-")
    REPLACE = ("-/+", "-/+")
    REBOOT = ("!", "!")
    DEFERRED = ("?", "?")
    OK = ("✓", "ok")
    FAIL = ("✗", "FAIL")
    UNSURE = ("…", "...")
    ARROW = ("→", "->")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """What stdout can show. `interactive` is a terminal with a person; `unicode` says that symbols survive."""

    color: bool = False
    interactive: bool = False
    unicode: bool = True

    @classmethod
    def of(cls, *, stream: TextIO, choice: ColorChoice, environment: Mapping[str, str]) -> "Terminal":
        """`--color` decides; `auto` means a terminal that isn't dumb, without NO_COLOR (https://no-color.org)."""
        interactive = stream.isatty() and environment.get("TERM") != "dumb"
        automatic = interactive and not environment.get("NO_COLOR")
        return cls(
            color=choice is ColorChoice.ALWAYS or (choice is ColorChoice.AUTO and automatic),
            interactive=interactive,
            unicode=(stream.encoding or "").lower().replace("-", "") == "utf8",
        )

    def style(self, text: str, tone: Tone) -> str:
        return f"\x1b[{tone.value}m{text}\x1b[0m" if self.color else text

    def symbol(self, symbol: Symbol) -> str:
        return symbol.value[0] if self.unicode else symbol.value[1]


def table(rows: Sequence[Sequence[str]], *, header: Sequence[str] = ()) -> str:
    """Left-aligned columns, two blanks between them, no trailing blanks; "" for no rows."""
    if not rows:
        return ""
    lines = [tuple(header), *map(tuple, rows)] if header else list(map(tuple, rows))
    widths = [max(len(_visible(cell)) for cell in column) for column in zip(*lines, strict=True)]
    return "\n".join(_line(cells, widths) for cells in lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - len(_visible(cell))) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def _visible(cell: str) -> str:
    """The cell without its colour codes."""
    if "\x1b" not in cell:
        return cell
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", cell)


def print_json(document: object, *, kind: str, stream: TextIO | None = None) -> None:
    """Write one indented JSON object: `schema_version`, `kind`, then the document's own keys.

    `document` is a dataclass or a mapping of what `plain` understands.
    """
    out = sys.stdout if stream is None else stream
    out.write(json.dumps(_with_head(document, kind), indent=2) + "\n")


def print_json_line(document: object, *, kind: str, stream: TextIO | None = None) -> None:
    """The same on one line, at once: JSON Lines (https://jsonlines.org) for what is told while it happens."""
    out = sys.stdout if stream is None else stream
    out.write(json.dumps(_with_head(document, kind), separators=(",", ":")) + "\n")
    out.flush()


def _with_head(document: object, kind: str) -> dict[str, object]:
    body = plain(document)
    if not isinstance(body, dict):
        raise TypeError(f"a JSON document is an object, got {type(document).__name__}")
    head = {"schema_version": SCHEMA_VERSION, "kind": kind}
    if taken := head.keys() & body.keys():
        raise ValueError(f"the keys {', '.join(sorted(taken))} of a JSON document are taken")
    return head | body


def plain(value: object) -> object:
    """A value as JSON can hold it: dataclasses by field, enums by value, sets sorted, the rest by `str`.

    A type with a text form of its own (a CPU set, a path) is written in that form. Floats that JSON lacks (NaN,
    infinities) become null.
    """
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return plain(value.value)
        case float():
            return value if value - value == 0.0 else None
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case PurePath() | CpuSet():
            return str(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case Set():
            return sorted((plain(item) for item in value), key=lambda item: (str(type(item)), item))
        case Sequence() if not isinstance(value, bytes):
            return [plain(item) for item in value]
        case _:
            raise TypeError(f"no JSON form for {type(value).__name__}")
