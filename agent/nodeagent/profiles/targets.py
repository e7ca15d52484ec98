"""Bounds that a stage asks for: `profiles/targets/<stage>.yaml` becomes a tuple of Target.

A stage may extend another, and may then only tighten: a bound moves to the harder side or stays, and its unit and
direction never change. So a machine that passes production has passed whatever production extends, and nobody loosens
a target by putting a file beside it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Annotated

from nodeagent.model.measurement import Direction, Metric, Target, Unit
from nodeagent.model.units import parse_bytes, parse_duration
from nodeagent.profiles import document
from nodeagent.profiles.binding import Binder, Spot
from nodeagent.profiles.constraint import Pattern
from nodeagent.profiles.layers import Layer, LayerReader
from nodeagent.profiles.name import Name
from nodeagent.profiles.problems import Problems, nearest, shown
from nodeagent.profiles.profile_document import SchemaVersion, Summary
from nodeagent.profiles.search import find, is_path

_BOUND = re.compile(r"(>=|<=)\s*(.+)", re.DOTALL)
_BIT_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?)bit/s", re.ASCII)
_BIT_FACTORS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_PLAIN = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%", re.ASCII)

MetricName = Annotated[str, Pattern(r"[a-z0-9_]+(\.[a-z0-9_]+)+", "the name of a metric, such as net.udp.jitter")]
Role = Annotated[str, Pattern("[a-z0-9][a-z0-9-]{0,62}", "the role of a place, such as ledger")]
BoundText = Annotated[str, Pattern(r"(>=|<=)\s*.+", "'>=' or '<=' and a number, such as '>= 300000'")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    """One bound. `>=` means that more is better, `<=` that less is; numbers may carry a unit (`20 Gbit/s`, `2 ms`)."""

    metric: MetricName
    role: Role
    bound: BoundText
    unit: Unit
    minimum_effect: float = 0.03
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetsDocument:
    """All bounds of one stage; those of the stages it extends come first, and it may only tighten them."""

    schema: SchemaVersion
    summary: Summary
    stage: Name
    targets: tuple[TargetEntry, ...]
    extends: tuple[Name, ...] = ()


def load_targets(
    reference: str | Path, *, search: Sequence[Path], metrics: Mapping[str, Metric] | None = None
) -> tuple[Target, ...]:
    """The bounds of a stage, named or by the path of its file; ProfileError with every fault of every file.

    `search` lists directories that hold `targets/`. With `metrics`, names and units are held against the known ones.
    """
    folders = [directory / "targets" for directory in search]
    path = find(reference, folders, what="stage")
    problems = Problems()
    found = _Targets(problems, metrics)
    layers = LayerReader(folders, problems).read(path)
    stage = next((layer for layer in layers if layer.path == path), None)
    for layer in layers:
        found.add(layer)
    if stage and not is_path(reference):
        _tell_other_stage(stage, str(reference), problems)
    problems.raise_if_any(f"the targets of {shown(str(reference))}")
    return found.of(found.stage)


class _Targets:
    """The bounds so far, by metric and role, as files are added in their order."""

    def __init__(self, problems: Problems, metrics: Mapping[str, Metric] | None) -> None:
        self._problems = problems
        self._metrics = metrics
        self._binder = Binder.of(TargetsDocument)
        self._targets: dict[tuple[str, str], tuple[TargetEntry, Target]] = {}
        self.stage = ""

    def of(self, stage: str) -> tuple[Target, ...]:
        return tuple(replace(target, stage=stage) for _, target in self._targets.values())

    def add(self, layer: Layer) -> None:
        typed = self._binder.bind(layer.node, (), self._problems)
        if not isinstance(typed, TargetsDocument):
            return
        self.stage = typed.stage
        seen: set[tuple[str, str]] = set()
        for at, entry in enumerate(typed.targets):
            spot = Spot.at(layer.node, ("targets", at, "bound"), below=())
            target = self._target(entry, typed.stage, spot, layer.node, at)
            if target is None:
                continue
            key = (entry.metric, entry.role)
            if key in seen:
                self._tell(layer.node, at, "metric", f"a second bound for {entry.metric} of {entry.role}")
                continue
            seen.add(key)
            self._tell_loosened(self._targets.get(key), target, entry, layer.node, at)
            self._targets[key] = (entry, target)

    def _target(self, entry: TargetEntry, stage: str, spot: Spot, node: document.Mapping, at: int) -> Target | None:
        self._tell_unknown(entry, node, at)
        if not 0 <= entry.minimum_effect < 1:
            self._tell(node, at, "minimum_effect", "wanted a ratio from 0 to below 1")
        try:
            direction, bound = parse_bound(entry.bound, entry.unit)
        except ValueError as error:
            self._problems.add(spot.mark, str(error), path=spot.text, got=shown(entry.bound))
            return None
        return Target(
            metric=entry.metric,
            role=entry.role,
            stage=stage,
            bound=bound,
            unit=entry.unit,
            direction=direction,
            minimum_effect=entry.minimum_effect,
            why=entry.why,
            source=entry.source,
            origin=str(spot.mark),
        )

    def _tell_unknown(self, entry: TargetEntry, node: document.Mapping, at: int) -> None:
        if self._metrics is None:
            return
        metric = self._metrics.get(entry.metric)
        if metric is None:
            near = nearest(entry.metric, self._metrics)
            self._tell(node, at, "metric", "there is no metric of this name", near=near)
        elif metric.unit is not entry.unit:
            self._tell(node, at, "unit", f"the metric is measured in {metric.unit}")
        elif metric.direction is not _direction(entry.bound):
            better = "more" if metric.direction is Direction.HIGHER else "less"
            self._tell(node, at, "bound", f"of this metric {better} is better")

    def _tell_loosened(
        self,
        earlier: tuple[TargetEntry, Target] | None,
        target: Target,
        entry: TargetEntry,
        node: document.Mapping,
        at: int,
    ) -> None:
        if earlier is None:
            return
        before, extended = earlier
        if extended.unit is not target.unit:
            self._tell(node, at, "unit", f"stage {extended.stage} has {extended.unit}; a unit never changes")
        elif extended.direction is not target.direction:
            self._tell(node, at, "bound", f"stage {extended.stage} has {before.bound!r}; a direction never changes")
        elif _looser(target, extended):
            self._tell(node, at, "bound", f"stage {extended.stage} has {before.bound!r}; a stage may only tighten it")

    def _tell(self, node: document.Mapping, at: int, key: str, problem: str, *, near: str = "") -> None:
        spot = Spot.at(node, ("targets", at, key), below=())
        self._problems.add(spot.mark, problem, path=spot.text, got=document.kind(spot.node), nearest=near)


def _looser(target: Target, than: Target) -> bool:
    if target.direction is Direction.HIGHER:
        return target.bound < than.bound
    return target.bound > than.bound


def parse_bound(text: str, unit: Unit) -> tuple[Direction, float]:
    """`>= 20 Gbit/s` in bytes/s is (HIGHER, 2.5e9); ValueError says what was wanted."""
    match = _BOUND.fullmatch(text.strip())
    if match is None:
        raise ValueError("wanted '>=' or '<=' and a number")
    try:
        value = float(_number(match[2].strip(), unit))
    except ValueError as error:
        raise ValueError(f"wanted a number{_examples(unit)} after {match[1]}") from error
    if not isfinite(value):
        raise ValueError("wanted a finite number")
    return _direction(text), value


def _direction(text: str) -> Direction:
    return Direction.HIGHER if text.strip().startswith(">=") else Direction.LOWER


def _number(text: str, unit: Unit) -> Decimal | float:
    if _PLAIN.fullmatch(text):
        return Decimal(text)
    if unit is Unit.SECONDS:
        return parse_duration(text)
    if unit is Unit.RATIO and (percent := _PERCENT.fullmatch(text)):
        return Decimal(percent[1]) / 100
    if unit is Unit.BYTES_PER_SECOND and (bits := _BIT_RATE.fullmatch(text)):
        return Decimal(bits[1]) * _BIT_FACTORS[bits[2]] / 8
    if unit is Unit.BYTES_PER_SECOND and text.endswith("/s"):
        return parse_bytes(text.removesuffix("/s"))
    raise ValueError(text)


def _examples(unit: Unit) -> str:
    examples = {
        Unit.BYTES_PER_SECOND: " of bytes, or one with a unit such as 20 Gbit/s or 2.5 GB/s,",
        Unit.SECONDS: " of seconds, or one with a unit such as 2 ms,",
        Unit.RATIO: " from 0 to 1, or a percentage such as 0.1 %,",
    }
    return examples.get(unit, "")


def _tell_other_stage(layer: Layer, reference: str, problems: Problems) -> None:
    node = layer.node.entries.get("stage")
    if isinstance(node, document.Scalar) and node.text != reference:
        problems.add(
            node.mark, f"is found as {reference!r}, so its stage must be that", path="stage", got=shown(node.text)
        )
