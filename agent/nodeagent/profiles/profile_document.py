"""The shape of a profile's YAML, as types: what the loader checks and the JSON Schema shows.

What stands below `tune` has the types that the tunables declare for their settings; they are handed to the loader,
and nothing here knows one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.profile import BenchmarkSetting, Match, PlaceSetting
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.profiles.hints import bare, child, names
from nodeagent.profiles.name import Name
from nodeagent.profiles.placement_section import placement_faults

Summary = Annotated[str, Pattern(r"[^\n]*\S[^\n]*", "one line that says what it is for")]
SchemaVersion = Literal["1"]


UnitName = Annotated[
    str, Pattern(r"[A-Za-z0-9:_.@\\-]+\.(service|scope)", "the name of a systemd unit, such as sol.service")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorSection:
    """`unit` is the validator's own, before which settings come at boot; `also` names others to leave in peace."""

    unit: UnitName | None = None
    also: tuple[UnitName, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OverrideSection:
    """A clash (docs/conflicts.md) that the profile means, and why."""

    id: Annotated[str, Pattern(r"NA-CONFLICT-\d{3}", "the id of a clash, such as NA-CONFLICT-001")]
    why: Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileDocument:
    """One profile: how a machine should be set up, where to measure it and what.

    `extends` names profiles to start from, the last one standing over the first; `leave_out` names settings of theirs
    to forget (`tune.sysctl.vm.swappiness`). `match` says which machines it is meant for, `placement` who uses which
    CPUs of them, `validator` which units are not to be disturbed, `overrides` which clashes are meant.
    """

    schema: SchemaVersion
    summary: Summary
    name: Name | None = None
    extends: tuple[Name, ...] = ()
    leave_out: tuple[str, ...] = ()
    match: Match = field(default_factory=Match)
    validator: ValidatorSection = field(default_factory=ValidatorSection)
    placement: PlacementSettings | None = None
    overrides: tuple[OverrideSection, ...] = ()
    tune: Mapping[str, Any] = field(default_factory=dict)
    places: tuple[PlaceSetting, ...] = ()
    benchmarks: tuple[BenchmarkSetting, ...] = ()


def _faults(document: ProfileDocument) -> Iterator[Fault]:
    for fault in placement_faults(document.placement):
        yield replace(fault, path=("placement", *fault.path))


CheckedDocument = Annotated[ProfileDocument, Check(_faults)]
"""The type to bind a whole document to: also with the faults that only its values tell."""


def merged_shape(settings_types: Mapping[str, Any]) -> dict[str, Any]:
    """What a profile inherits from those it extends, with its types; every other key is its own."""
    inherited = ("match", "placement", "validator", "overrides", "places", "benchmarks")
    shape = {key: child(ProfileDocument, key) for key in inherited}
    return {**shape, "tune": dict(settings_types)}


def identity_keys(item_type: Any) -> tuple[str, ...]:
    """The keys whose values tell one entry of a list from another; () where a list is replaced as a whole."""
    item = bare(item_type)
    if item is PlaceSetting:
        return ("role",)
    if item is OverrideSection:
        return ("id",)
    if item is BenchmarkSetting:
        return ("benchmark", "place")
    return ("name",) if "name" in (names(item) or ()) else ()
