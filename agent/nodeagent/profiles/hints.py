"""Questions about the types that settings are declared with: which names are known below one, and what is each.

Only the shapes that a document can have are known here: dataclasses with named fields, mappings, lists, `Setting`,
optional values, and leaves. A plain dict of names to types stands for a document put together while running.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import fields, is_dataclass
from functools import lru_cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from nodeagent.model.setting import Setting
from nodeagent.profiles.constraint import Check

SETTING_KEYS = ("value", "mode", "why", "source")
"""What may be written in a setting's long form; its bound is part of the value, its origin is filled in."""


def bare(hint: Any) -> Any:
    """The type without annotations and without `| None`."""
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            hint = get_args(hint)[0]
        elif origin in (Union, UnionType):
            arms = [arm for arm in get_args(hint) if arm is not type(None)]
            if len(arms) != 1:
                return hint
            hint = arms[0]
        else:
            return hint


def checks(hint: Any) -> tuple[Check, ...]:
    """The `Check` annotations at the top of a type."""
    return tuple(mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Check))


def setting_type(hint: Any) -> Any:
    """T for `Setting[T]`, else None."""
    hint = bare(hint)
    return get_args(hint)[0] if get_origin(hint) is Setting else None


def names(hint: Any) -> tuple[str, ...] | None:
    """The keys a document may use here; None where any key or none is meant."""
    if isinstance(hint, dict):
        return tuple(hint)
    if setting_type(hint) is not None:
        return SETTING_KEYS
    hint = bare(hint)
    if is_dataclass(_class(hint)):
        return tuple(_fields(hint))
    return None


def child(hint: Any, key: str | int) -> Any:
    """The type below `key`; `Any` where nothing is known of it."""
    if isinstance(hint, dict):
        return hint.get(key, Any)
    hint = bare(hint)
    if is_dataclass(_class(hint)):
        return _fields(hint).get(str(key), Any)
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(origin, type) and arguments:
        if issubclass(origin, Mapping):
            return arguments[-1]
        if issubclass(origin, Sequence | Set):
            return arguments[0]
    return Any


def _class(hint: Any) -> Any:
    return get_origin(hint) or hint


@lru_cache(maxsize=256)
def _fields(hint: Any) -> dict[str, Any]:
    """Field names to types, the parameters of a generic dataclass filled in."""
    cls = _class(hint)
    known = get_type_hints(cls, include_extras=True)
    parameters = dict(zip(getattr(cls, "__parameters__", ()), get_args(hint), strict=False))
    found = {}
    for item in fields(cls):
        kind = known[item.name]
        found[item.name] = parameters.get(kind, Any) if isinstance(kind, TypeVar) else kind
    return found
