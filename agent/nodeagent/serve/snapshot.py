"""What /metrics shows: one typed picture of the host, taken outside of any scrape.

A snapshot is made on an interval by reading what other commands left (judgements in the history, changes in the
journal) and by comparing the settings, which never writes. A scrape only hands out the page that was rendered from the
last one, so no scraper can start work on the host, however often it asks.
"""

from dataclasses import dataclass, field

from nodeagent.model.facts import HostFacts
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Target
from nodeagent.model.verdict import Verdict
from nodeagent.report.document import JournalSummary, ProfileReference


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How taking snapshots went. `sources` says of each part whether it could be read this time."""

    sources: dict[str, bool] = field(default_factory=dict)
    duration_seconds: float = 0.0
    failures: int = 0

    @property
    def good(self) -> bool:
        return all(self.sources.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What the server itself counted until the snapshot was taken. `responses` is keyed by path and status code."""

    responses: dict[tuple[str, int], int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    connections: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BootApply:
    """What became of the last confirmed profile at this boot; `at` is since the epoch."""

    good: bool
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Moments are seconds since the epoch; None is "not known" and gives no series.

    `benchmarks` maps each metric to the benchmark that measures it. `reserved_interrupts` are those of devices on the
    CPUs of a role that should have none, since serving began; empty where nothing places roles.
    """

    taken_at: float
    started_at: float
    agent_version: str
    python_version: str
    stage: str
    health: Health
    facts: HostFacts | None = None
    profile: ProfileReference | None = None
    verdicts: tuple[Verdict, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    targets: tuple[Target, ...] = ()
    benchmarks: dict[str, str] = field(default_factory=dict)
    journal: JournalSummary | None = None
    boot: BootApply | None = None
    traffic: Traffic = field(default_factory=Traffic)
    reserved_interrupts: dict[str, int] = field(default_factory=dict)
