"""Attributes of a resource, read without trusting their types: what isn't what we look for is not there."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

Values: TypeAlias = Mapping[str, object]


def text(values: Values, key: str) -> str:
    """A text, or a number as text; "" for everything else."""
    value = values.get(key)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def flag(values: Values, key: str) -> bool:
    """True only where the attribute is true."""
    return values.get(key) is True


def whole_number(values: Values, key: str) -> int | None:
    value = values.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def texts(values: Values, key: str) -> tuple[str, ...]:
    """The texts of a list or set."""
    value = values.get(key)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def text_map(values: Values, key: str) -> dict[str, str]:
    """A map of texts; entries of other types are left out."""
    value = values.get(key)
    if not isinstance(value, Mapping):
        return {}
    return {name: item for name, item in value.items() if isinstance(name, str) and isinstance(item, str)}


def blocks(values: Values, key: str) -> Iterator[Values]:
    """The objects of a list, set or single nested block."""
    value = values.get(key)
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping):
            yield item
