"""A profile after loading: typed, merged, with the origin of every value. Made by `profiles/`, read by everyone.

`tune` maps a tunable's name to its Settings object, whose type the tunable itself declares; what a profile does not
name is not ours. `benchmarks` lists what to measure and where.
"""

from dataclasses import dataclass, field
from typing import Any

from nodeagent.model.placement_settings import PlacementSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """When a profile fits a host; None is "any". Checked by `profiles/match.py`, reported, never guessed."""

    cpu_model: str | None = None
    cores_at_least: int | None = None
    memory_at_least_bytes: int | None = None
    virtualisation: bool | None = None
    stage: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceSetting:
    """Where benchmarks run: a directory (storage) or a peer (network; "loopback" is this host)."""

    role: str
    directory: str | None = None
    peer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkSetting:
    """One benchmark at one place, with typed options as strings (`size`: "256MiB", `runtime`: "5s")."""

    benchmark: str
    place: str
    options: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatorSetting:
    """The systemd units whose disturbance costs money: the validator's own, and `also` what it can't do without."""

    unit: str | None = None
    also: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*([self.unit] if self.unit else []), *self.also]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """A clash of docs/conflicts.md that the profile means, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """`digest` is the sha256 of the merged document: two hosts with the same digest want the same.

    `placement` is None where a profile doesn't say who uses which CPUs: nothing is placed then.
    """

    name: str
    summary: str
    digest: str
    files: tuple[str, ...]
    tune: dict[str, Any]
    places: tuple[PlaceSetting, ...] = ()
    benchmarks: tuple[BenchmarkSetting, ...] = ()
    match: Match = Match()
    validator: ValidatorSetting = ValidatorSetting()
    overrides: tuple[Override, ...] = ()
    left_out: tuple[str, ...] = ()
    placement: PlacementSettings | None = None
