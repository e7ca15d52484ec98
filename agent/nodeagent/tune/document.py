"""Changes and deferred steps as JSON documents, and back: what a journal row and a saved plan hold.

The form is read off the types of model/change.py, so a new field can't be forgotten; and it is strict, because what is
read here will be written to a machine: an unknown kind, a missing, extra or mistyped field is a ValueError.
"""

import dataclasses
from collections.abc import Mapping
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from nodeagent.model.array_change import MakeArray
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import (
    Change,
    Deferred,
    MakeFilesystem,
    PlanItem,
    SetDirectory,
    SetMount,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.firewall_change import SetFirewallTable
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.network_change import BindDriver, SetLink, SetVf, SetVfCount
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap

_KINDS: tuple[type[Change], ...] = (
    *(WriteFile, WriteCoupled, WriteConfig, SetDirectory, SetMount, MakeFilesystem, MakeArray),
    *(SetVfCount, SetVf, BindDriver, SetLink),
    *(SetChannels, SetRings, SetCoalescing, SetFeatures, SetFlowHash),
    *(SetUnit, SetSwap),
    SetBootParameters,
    SetNvmeFeature,
    SetFirewallTable,
    SetIrqAffinity,
)
_CHANGES: dict[str, type[Change]] = {kind.kind: kind for kind in _KINDS}
_DEFERRED = "deferred"

Document = dict[str, Any]
"""JSON: texts, numbers, booleans, None, lists and documents."""


def change_to_document(change: Change) -> Document:
    """One JSON object with the kind and every field; sets become sorted lists."""
    return {"kind": change.kind, **_fields_to_document(change)}


def change_from_document(document: Mapping[str, Any]) -> Change:
    """The exact inverse of `change_to_document`; ValueError for anything that it could not have made."""
    kind = _CHANGES.get(_kind_of(document))
    if kind is None:
        raise ValueError(f"kind {_kind_of(document)!r} is none of {', '.join(sorted(_CHANGES))}")
    change: Change = _from_document(kind, {name: document[name] for name in document if name != "kind"}, kind.kind)
    return change


def item_to_document(item: PlanItem) -> Document:
    """As `change_to_document`, for a deferred step too."""
    if isinstance(item, Deferred):
        return {"kind": _DEFERRED, **_fields_to_document(item)}
    return change_to_document(item)


def item_from_document(document: Mapping[str, Any]) -> PlanItem:
    """The inverse of `item_to_document`; ValueError."""
    if _kind_of(document) != _DEFERRED:
        return change_from_document(document)
    deferred: Deferred = _from_document(Deferred, {k: v for k, v in document.items() if k != "kind"}, _DEFERRED)
    return deferred


def _kind_of(document: object) -> str:
    if not isinstance(document, Mapping):
        raise ValueError(f"a change is an object, got {type(document).__name__}")
    kind = document.get("kind")
    if not isinstance(kind, str):
        raise ValueError(f"a change has a kind, got {kind!r}")
    return kind


def _fields_to_document(value: Any) -> Document:
    return {field.name: _to_document(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _to_document(value: object) -> object:
    match value:
        case Enum():
            return value.value
        case None | bool() | int() | str():
            return value
        case tuple():
            return [_to_document(item) for item in value]
        case frozenset():
            return sorted(value)
        case _:
            return _fields_to_document(value)


@cache
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _from_document(kind: type, document: Mapping[str, Any], where: str) -> Any:
    hints = _hints(kind)
    if document.keys() != hints.keys():
        wrong = sorted(map(str, document.keys() ^ hints.keys()))
        raise ValueError(f"{where}: missing or unknown fields: {', '.join(wrong)}")
    return kind(**{name: _typed(hint, document[name], f"{where}.{name}") for name, hint in hints.items()})


def _typed(hint: Any, value: object, where: str) -> object:
    """`value` as the type that the field names; ValueError."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return None
        return _typed(next(choice for choice in arguments if choice is not NoneType), value, where)
    if origin in (tuple, frozenset):
        if not isinstance(value, list):
            raise ValueError(f"{where}: wanted a list, got {type(value).__name__}")
        items = tuple(_typed(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
        if origin is frozenset and len(set(items)) != len(items):
            raise ValueError(f"{where}: something stands twice in a set")
        return items if origin is tuple else frozenset(items)
    if issubclass(hint, Enum):
        return hint(value)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ValueError(f"{where}: wanted an object, got {type(value).__name__}")
        return _from_document(hint, value, where)
    if type(value) is not hint:
        raise ValueError(f"{where}: wanted {hint.__name__}, got {type(value).__name__}")
    return value
