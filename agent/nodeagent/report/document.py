"""The report as data: one typed, versioned document that every format is a rendering of.

It holds what a production review asks for, in the order it is asked: may the machine go, which gates say no, how is it
set up, how fast is it, what is it made of, what was changed and can it be undone, and what to type to see it again.
Values stay in base units and seconds since the epoch; a rendering makes them readable. The JSON form of these types is
the record: `report.json` reads it back whole, and profiles/schema/report.schema.json is generated from them.
"""

from dataclasses import dataclass
from enum import StrEnum

from nodeagent.model.judgement import Interval, Outcome
from nodeagent.model.measurement import Metric, Place, Target
from nodeagent.model.verdict import State

SCHEMA_VERSION = 1
"""Raised whenever an old reader would misunderstand a new document."""

PRODUCTION = "production"


class Decision(StrEnum):
    """The answer of the review. INCOMPLETE: nothing failed, and something is not known yet."""

    GO = "GO"
    NO_GO = "NO-GO"
    INCOMPLETE = "INCOMPLETE"


class GateOutcome(StrEnum):
    """How one gate stands; OPEN could still become either."""

    PASS = "pass"  # noqa: S105 - a word of the report, not a secret
    FAIL = "fail"
    OPEN = "open"


class GateKind(StrEnum):
    """Which part of the evidence a gate rests on."""

    PROFILE = "profile"
    TUNING = "tuning"
    BENCHMARK = "benchmark"
    JOURNAL = "journal"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileReference:
    """Two documents with the same digest were held against the same wishes."""

    name: str
    digest: str
    summary: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolVersion:
    """A program that took part, and what it says of its version; "" is "not found"."""

    name: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Whose report it is, held against what, made when and by which versions."""

    host: str
    stage: str
    created_at: float
    agent_version: str
    boot_id: str = ""
    profile: ProfileReference | None = None
    tools: tuple[ToolVersion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition of the stage. `id` is stable: `tuning.sysctl`, `benchmark.ledger.storage.randread4k.iops`."""

    id: str
    kind: GateKind
    title: str
    outcome: GateOutcome
    got: str
    wanted: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningRow:
    """One setting, compared; see model.verdict.Finding for the fields."""

    tunable: str
    subject: str
    state: State
    got: str
    wanted: str
    why: str = ""
    source: str = ""
    remedy: str = ""
    optional: bool = False
    finding_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRow:
    """One metric at one place, judged. `values` has one figure a run, in the order measured, in the metric's unit."""

    benchmark: str
    metric: Metric
    place: Place
    outcome: Outcome
    reason: str
    remedy: str = ""
    values: tuple[float, ...] = ()
    interval: Interval | None = None
    target: Target | None = None
    ceiling: float | None = None
    steady: bool | None = None
    decided_at_run: int | None = None
    measured_at: float | None = None
    fingerprint: str = ""
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line of the inventory."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveRow:
    """One whole drive. `link` compares the negotiated PCIe link with the possible one."""

    name: str
    model: str
    serial: str
    size_bytes: int | None
    kind: str
    link: str
    link_reduced: bool
    numa_node: int | None
    scheduler: str
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NicRow:
    """One network interface that has a driver behind it."""

    name: str
    driver: str
    pci_address: str
    speed_mbps: int | None
    mtu: int | None
    queues: str
    numa_node: int | None
    link: str
    link_reduced: bool
    sriov: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hardware:
    """The inventory; `problems` names what could not be read, so that nothing is missing in silence."""

    facts: tuple[Fact, ...] = ()
    drives: tuple[DriveRow, ...] = ()
    nics: tuple[NicRow, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactionRow:
    """One apply of the journal: how it ended, and what of it stands."""

    id: str
    state: str
    started_at: float
    changes: int
    profile: str = ""
    undo_script: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSummary:
    """What was changed here and whether it can be undone. `problem` is set where the journal could not be read.

    `unfinished` are transactions that neither ended nor were undone, `unconfirmed` those whose guard still waits for
    `nodeagent tune confirm`, `conflicts` keys that somebody else changed since.
    """

    last_apply: TransactionRow | None = None
    unfinished: tuple[str, ...] = ()
    unconfirmed: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    rollback: str = ""
    head: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatCommand:
    """What to type to see a part of the report again."""

    what: str
    command: str
    tool: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """The whole report. `reasons` say in sentences why `decision` is what it is; failed gates come first."""

    schema_version: int
    header: Header
    decision: Decision
    reasons: tuple[str, ...]
    gates: tuple[Gate, ...]
    tuning: tuple[TuningRow, ...]
    benchmarks: tuple[BenchmarkRow, ...]
    hardware: Hardware
    journal: JournalSummary
    commands: tuple[RepeatCommand, ...]
    notes: tuple[str, ...] = ()

    def gates_with(self, outcome: GateOutcome) -> tuple[Gate, ...]:
        return tuple(gate for gate in self.gates if gate.outcome is outcome)
