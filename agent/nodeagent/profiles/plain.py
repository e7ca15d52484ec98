"""Typed values to JSON's types and back, without pydantic: for the digest of a profile and for the cache.

`from_plain` takes only what `to_plain` made of the same type. It is no reader of documents: for anything else it
raises ValueError, TypeError or KeyError and promises nothing more.
"""

from collections.abc import Collection, Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any, get_origin

from nodeagent.profiles.hints import bare, child


def to_plain(value: Any, *, without: Collection[str] = ()) -> Any:
    """Dataclasses and mappings become dicts, other collections lists, enums their values, paths texts.

    `without` names fields of dataclasses to leave out.
    """
    match value:
        case Enum():
            return to_plain(value.value)
        case None | bool() | int() | float() | str():
            return value
        case PurePath():
            return str(value)
        case Mapping():
            return {str(key): to_plain(item, without=without) for key, item in value.items()}
        case Set():
            return sorted(to_plain(item, without=without) for item in value)
        case Sequence():
            return [to_plain(item, without=without) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            kept = [item.name for item in fields(value) if item.name not in without]
            return {name: to_plain(getattr(value, name), without=without) for name in kept}
        case _:
            raise TypeError(f"no plain form for {type(value).__name__}")


def from_plain(hint: Any, value: Any) -> Any:
    """What `to_plain` made `value` of, given its type."""
    hint = bare(hint)
    kind = get_origin(hint) or hint
    if value is None or hint is Any:
        return value
    if isinstance(kind, type) and is_dataclass(kind):
        return kind(**{name: from_plain(child(hint, name), item) for name, item in value.items()})
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return {name: from_plain(child(hint, name), item) for name, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, Sequence | Set) and not issubclass(kind, str):
        made = tuple(from_plain(child(hint, 0), item) for item in value)
        return kind(made) if issubclass(kind, tuple | list | frozenset | set) else made
    if isinstance(kind, type) and issubclass(kind, Enum | PurePath):
        return kind(value)
    if isinstance(kind, type) and not isinstance(value, kind):
        raise TypeError(f"wanted {kind.__name__}, got {type(value).__name__}")
    return value
