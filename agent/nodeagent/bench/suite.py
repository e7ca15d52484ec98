"""What will be measured, where and for how long, known in full before anything starts.

A suite is made from the benchmarks of a profile, or from names and places alone. Everything that can't be meant is told
now (an unknown benchmark, a place of the wrong kind, a size that is none), and so is the time it will take.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from nodeagent.bench.benchmark import Benchmark
from nodeagent.bench.effort import Effort
from nodeagent.bench.places import Site
from nodeagent.model.errors import UsageError
from nodeagent.model.measurement import Metric, Target
from nodeagent.model.profile import BenchmarkSetting
from nodeagent.model.units import parse_bytes, parse_duration

DEFAULT_RUNTIME_SECONDS = 5.0
DEFAULT_RAMP_SECONDS = 1.0
DEFAULT_SIZE_BYTES = 256 * 1024 * 1024

_START_SECONDS = 0.6
"""A tool's own start and end, on an ordinary machine."""

_FILL_BYTES_PER_SECOND = 400e6
"""A cautious guess for writing a test file full; only the estimate uses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One benchmark at one place. `options` are those that the engine itself doesn't use."""

    benchmark: Benchmark
    site: Site
    runtime_seconds: float
    ramp_seconds: float
    size_bytes: int
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def run_seconds(self) -> float:
        return self.runtime_seconds + self.ramp_seconds + _START_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """How long a suite takes: with every verdict after the fewest runs, and with none before the cap."""

    at_least_seconds: float
    at_most_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The items at one site, which share a test file of `size_bytes` (0: none needed)."""

    site: Site
    items: tuple[Item, ...]

    @property
    def size_bytes(self) -> int:
        return max((item.size_bytes for item in self.items if item.site.kind == "storage"), default=0)


def make_suite(
    settings: Sequence[BenchmarkSetting],
    *,
    sites: Mapping[str, Site],
    benchmarks: Sequence[Benchmark],
    effort: Effort,
) -> tuple[Item, ...]:
    """The items of a suite, in the order of the settings; UsageError for what can't be meant."""
    known = {benchmark.name: benchmark for benchmark in benchmarks}
    return tuple(_item(setting, sites, known, effort) for setting in settings)


def spread(
    names: Sequence[str], *, sites: Mapping[str, Site], benchmarks: Sequence[Benchmark]
) -> tuple[BenchmarkSetting, ...]:
    """Settings for benchmarks by name (all for none) at every site of their kind; UsageError where none fits."""
    chosen = [find(name, benchmarks) for name in names] or list(benchmarks)
    settings = tuple(
        BenchmarkSetting(benchmark=benchmark.name, place=site.setting.role)
        for site in sites.values()
        for benchmark in chosen
        if benchmark.kind == site.kind
    )
    placed = {setting.benchmark for setting in settings}
    for benchmark in chosen if names else ():
        if benchmark.name not in placed:
            raise UsageError(f"nowhere to run {benchmark.name}", remedy=_where(benchmark))
    if not settings:
        raise UsageError("nowhere to measure", remedy="give --directory ROLE=DIR, --peer ROLE=PEER or --profile NAME")
    return settings


def find(name: str, benchmarks: Sequence[Benchmark]) -> Benchmark:
    """The benchmark of a name; UsageError with the nearest known one."""
    for benchmark in benchmarks:
        if benchmark.name == name:
            return benchmark
    known = [benchmark.name for benchmark in benchmarks]
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    raise UsageError(f"there is no benchmark {name!r}; {hint}", remedy="nodeagent bench list")


def batches(items: Iterable[Item]) -> tuple[Batch, ...]:
    """Items by site, in the order in which the sites are first met: a test file is made once a place."""
    by_role: dict[str, list[Item]] = {}
    for item in items:
        by_role.setdefault(item.site.place.role, []).append(item)
    return tuple(Batch(site=group[0].site, items=tuple(group)) for group in by_role.values())


def estimate(items: Iterable[Item], effort: Effort) -> Estimate:
    """The time that measuring takes, test files included."""
    measured = [item for item in items if not item.site.problem]
    fill = sum(batch.size_bytes for batch in batches(measured)) / _FILL_BYTES_PER_SECOND
    once = sum(item.run_seconds for item in measured)
    return Estimate(at_least_seconds=fill + effort.minimum_runs * once, at_most_seconds=fill + effort.cap_runs * once)


def find_target(targets: Iterable[Target], metric: Metric, role: str) -> Target | None:
    """The bound of a metric at a role."""
    return next((target for target in targets if target.metric == metric.name and target.role == role), None)


def _item(setting: BenchmarkSetting, sites: Mapping[str, Site], known: Mapping[str, Benchmark], effort: Effort) -> Item:
    benchmark = find(setting.benchmark, tuple(known.values()))
    site = sites.get(setting.place)
    if site is None:
        places = ", ".join(sites) or "none"
        raise UsageError(f"{setting.benchmark}: there is no place {setting.place!r}; known: {places}")
    if site.kind != benchmark.kind:
        raise UsageError(f"{benchmark.name} measures {benchmark.kind}, but {setting.place} is a place for {site.kind}")
    options = dict(setting.options)
    runtime = _duration(setting, options.pop("runtime", None), default=DEFAULT_RUNTIME_SECONDS)
    ramp = _duration(setting, options.pop("ramp", None), default=DEFAULT_RAMP_SECONDS)
    return Item(
        benchmark=benchmark,
        site=site,
        runtime_seconds=runtime if effort.runtime_seconds is None else effort.runtime_seconds,
        ramp_seconds=ramp if effort.ramp_seconds is None else effort.ramp_seconds,
        size_bytes=_size(setting, options.pop("size", None)),
        options=options,
    )


def _duration(setting: BenchmarkSetting, text: str | None, *, default: float) -> float:
    if text is None:
        return default
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"{setting.benchmark} at {setting.place}: {error}") from error


def _size(setting: BenchmarkSetting, text: str | None) -> int:
    if text is None:
        return DEFAULT_SIZE_BYTES
    try:
        return parse_bytes(text)
    except ValueError as error:
        raise UsageError(f"{setting.benchmark} at {setting.place}: {error}") from error


def _where(benchmark: Benchmark) -> str:
    return "give --directory ROLE=DIR" if benchmark.kind == "storage" else "give --peer ROLE=loopback or ROLE=ADDRESS"
