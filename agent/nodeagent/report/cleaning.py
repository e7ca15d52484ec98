"""Text from a machine made fit for every format.

A serial number or a mount option may hold any byte: lone surrogates (bytes that were no UTF-8) cannot be written to a
file, control characters are forbidden in XML and can command a terminal. Both become visible escapes.
"""

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")


def cleaned(value: T) -> T:
    """The same value with every text inside it escaped; frozen dataclasses, tuples and texts are walked."""
    result: Any = value
    if isinstance(value, str) and not isinstance(value, Enum):
        result = _escaped(value)
    elif isinstance(value, tuple):
        result = tuple(cleaned(item) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        changes = {field.name: cleaned(getattr(value, field.name)) for field in fields(value)}
        result = replace(value, **changes)
    return result  # type: ignore[no-any-return]


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
