"""Answers of the API taken apart. What we can't do without is demanded, everything else may be absent or null."""

from collections.abc import Iterator, Mapping
from math import isfinite

from nodeagent.cherry.api import CherryError, Json


def number(answer: Json, key: str, where: str) -> int:
    """A whole number that must be there."""
    value = answer.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise CherryError(
        f"{where}: wanted a number as `{key}`, got {type(value).__name__}",
        remedy="see whether a newer nodeagent knows the API's new shape",
    )


def optional_number(answer: Json, key: str) -> float | None:
    """A finite number; None for everything else."""
    value = answer.get(key)
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        return None
    return float(value)


def text(answer: Json, key: str) -> str:
    """Printable text; "" where there is none."""
    value = answer.get(key)
    if not isinstance(value, str):
        return ""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in value)


def part(answer: Json, key: str) -> Json:
    """An object inside; {} where there is none."""
    value = answer.get(key)
    return value if isinstance(value, dict) else {}


def parts(answer: Json, key: str) -> Iterator[Json]:
    """The objects of a list inside."""
    value = answer.get(key)
    yield from (item for item in value if isinstance(item, dict)) if isinstance(value, list) else ()


def tags(answer: Json) -> dict[str, str]:
    value = answer.get("tags")
    return {str(name): str(item) for name, item in value.items()} if isinstance(value, Mapping) else {}
