"""What a benchmark gives: per run one value a metric; runs together are a measurement.

A *run* is the sample: one-second intervals inside a run depend on each other and would make any interval too narrow.
Values are in base units (bytes, seconds, bytes per second, ratios 0-1); conversion for people happens when printing.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Direction(StrEnum):
    """Which way is better."""

    HIGHER = "higher"
    LOWER = "lower"


class Unit(StrEnum):
    """Base units only; people see others where text is made."""

    IOPS = "iops"
    BYTES_PER_SECOND = "bytes/s"
    SECONDS = "s"
    RATIO = "ratio"
    COUNT = "count"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`name` is dotted and stable: `storage.randread4k.iops`. `gate` is False for figures that only inform."""

    name: str
    unit: Unit
    direction: Direction
    summary: str
    gate: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where it was measured. `identity` is stable (drive serial or filesystem uuid, peer address)."""

    role: str
    identity: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One metric of one run; `series` holds one-second values for plots and steady state, never for the interval."""

    metric: str
    value: float
    series: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One execution of a benchmark with its evidence. `aborted` names why it gave no samples.

    `raw` is the tool's own output, kept whole; `command` is what to type to repeat it.
    """

    benchmark: str
    place: Place
    started_at: float
    duration_seconds: float
    command: str
    tool: str
    tool_version: str
    options: dict[str, str] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    raw: str = ""
    aborted: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All runs of one metric at one place: `values` in the order measured, one a run."""

    metric: Metric
    benchmark: str
    place: Place
    values: tuple[float, ...]
    steady: bool | None = None
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A bound a stage asks for. `minimum_effect` is the smallest relative difference worth telling."""

    metric: str
    role: str
    stage: str
    bound: float
    unit: Unit
    direction: Direction
    minimum_effect: float = 0.03
    why: str = ""
    source: str = ""
    origin: str = ""


Evidence = dict[str, Any]
"""JSON-able facts kept beside a run: fingerprint, options used, versions."""
