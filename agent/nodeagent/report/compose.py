"""Evidence in, Document out: pure, so that the same evidence always gives the same report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from nodeagent.model.facts import HostFacts
from nodeagent.model.judgement import Judgement, Outcome
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.report.cleaning import cleaned
from nodeagent.report.document import (
    SCHEMA_VERSION,
    BenchmarkRow,
    Document,
    Header,
    JournalSummary,
    ProfileReference,
    RepeatCommand,
    ToolVersion,
    TuningRow,
)
from nodeagent.report.gates import decide, make_gates
from nodeagent.report.hardware import make_hardware

_SEVERITY = (State.DRIFT, State.NEEDS_REBOOT, State.UNKNOWN, State.NOT_APPLICABLE, State.OK)
_OUTCOMES = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.NOT_MEASURED, Outcome.PASS, Outcome.NO_TARGET)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that a report rests on. `commands` repeat what was looked at; `notes` say what could not be looked at."""

    stage: str
    created_at: float
    agent_version: str
    facts: HostFacts
    profile: Profile | None = None
    verdicts: tuple[Verdict, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    journal: JournalSummary = field(default_factory=JournalSummary)
    tools: Mapping[str, str] = field(default_factory=dict)
    commands: tuple[RepeatCommand, ...] = ()
    notes: tuple[str, ...] = ()


def make_document(evidence: Evidence) -> Document:
    """The report on one host for one stage."""
    gates = make_gates(
        evidence.stage,
        profile=evidence.profile,
        facts=evidence.facts,
        verdicts=evidence.verdicts,
        judgements=evidence.judgements,
        journal=evidence.journal,
    )
    decision, reasons = decide(gates)
    document = Document(
        schema_version=SCHEMA_VERSION,
        header=_header(evidence),
        decision=decision,
        reasons=reasons,
        gates=gates,
        tuning=_tuning(evidence.verdicts),
        benchmarks=_benchmarks(evidence.judgements),
        hardware=make_hardware(evidence.facts),
        journal=evidence.journal,
        commands=evidence.commands,
        notes=evidence.notes,
    )
    return cleaned(document)


def _header(evidence: Evidence) -> Header:
    profile, platform = evidence.profile, evidence.facts.platform
    return Header(
        host=platform.hostname or "unknown",
        stage=evidence.stage,
        created_at=evidence.created_at,
        agent_version=evidence.agent_version,
        boot_id=platform.boot_id,
        profile=_reference(profile) if profile else None,
        tools=tuple(ToolVersion(name=name, version=evidence.tools[name]) for name in sorted(evidence.tools)),
    )


def _reference(profile: Profile) -> ProfileReference:
    return ProfileReference(name=profile.name, digest=profile.digest, summary=profile.summary, files=profile.files)


def _tuning(verdicts: Sequence[Verdict]) -> tuple[TuningRow, ...]:
    """Worst first; rows of one state keep the order of the tunables and of their findings."""
    rows = [_tuning_row(verdict.tunable, finding) for verdict in verdicts for finding in verdict.findings]
    return tuple(sorted(rows, key=lambda row: (_SEVERITY.index(row.state), row.optional)))


def _tuning_row(tunable: str, finding: Finding) -> TuningRow:
    return TuningRow(
        tunable=tunable,
        subject=finding.subject,
        state=finding.state,
        got=finding.got,
        wanted=finding.wanted,
        why=finding.why,
        source=finding.source,
        remedy=finding.remedy,
        optional=finding.optional,
        finding_id=finding.id or "",
    )


def _benchmarks(judgements: Sequence[Judgement]) -> tuple[BenchmarkRow, ...]:
    """What needs a look first, figures that only inform last."""
    ordered = sorted(judgements, key=lambda one: (not one.metric.gate, _OUTCOMES.index(one.outcome)))
    return tuple(_benchmark_row(judgement) for judgement in ordered)


def _benchmark_row(judgement: Judgement) -> BenchmarkRow:
    measurement = judgement.measurement
    return BenchmarkRow(
        benchmark=measurement.benchmark if measurement else "",
        metric=judgement.metric,
        place=judgement.place,
        outcome=judgement.outcome,
        reason=judgement.reason,
        remedy=judgement.remedy,
        # JSON has no NaN, and a value that is none says nothing; `reason` tells that it was there.
        values=tuple(value for value in measurement.values if isfinite(value)) if measurement else (),
        interval=judgement.interval,
        target=judgement.target,
        ceiling=judgement.ceiling if judgement.ceiling is not None and isfinite(judgement.ceiling) else None,
        steady=measurement.steady if measurement else None,
        decided_at_run=judgement.decided_at_run,
        measured_at=judgement.measured_at,
        fingerprint=judgement.fingerprint,
        evidence=measurement.evidence if measurement else (),
    )
