"""Which conditions a stage sets, and how each one stands.

A gate is one tunable, one figure that has a target, the profile, or the journal. What is unknown leaves a gate open,
and an open gate keeps the decision from GO; in production it fails, since silence is not success. A figure without a
target informs in the earlier stages and is a failed gate in production (bench.judge says so already).
"""

from collections.abc import Sequence
from dataclasses import replace

from nodeagent.bench.quantity import bound, quantity
from nodeagent.model.facts import HostFacts
from nodeagent.model.judgement import Judgement, Outcome
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.match import fits
from nodeagent.report.document import PRODUCTION, Decision, Gate, GateKind, GateOutcome, JournalSummary

_ORDER = (GateOutcome.FAIL, GateOutcome.OPEN, GateOutcome.PASS)

_OF_STATE = {
    State.OK: GateOutcome.PASS,
    State.NOT_APPLICABLE: GateOutcome.PASS,
    State.DRIFT: GateOutcome.FAIL,
    State.NEEDS_REBOOT: GateOutcome.FAIL,
    State.UNKNOWN: GateOutcome.OPEN,
}
_OF_OUTCOME = {
    Outcome.PASS: GateOutcome.PASS,
    Outcome.FAIL: GateOutcome.FAIL,
    Outcome.INCONCLUSIVE: GateOutcome.OPEN,
    Outcome.NOT_MEASURED: GateOutcome.OPEN,
    Outcome.NO_TARGET: GateOutcome.OPEN,
}


def make_gates(
    stage: str,
    *,
    profile: Profile | None,
    facts: HostFacts,
    verdicts: Sequence[Verdict],
    judgements: Sequence[Judgement],
    journal: JournalSummary,
) -> tuple[Gate, ...]:
    """All gates of the stage, the failed ones first, otherwise in the order of the evidence."""
    gates = [
        _profile_gate(profile, facts, stage) if profile else _no_profile(),
        *(_tuning_gate(verdict) for verdict in verdicts),
        *(_benchmark_gate(judgement) for judgement in judgements if is_gate(judgement, stage)),
        *([] if judgements else [_nothing_measured()]),
        _journal_gate(journal),
    ]
    strict = [_as_in_production(gate) for gate in gates] if stage == PRODUCTION else gates
    return tuple(sorted(strict, key=lambda gate: _ORDER.index(gate.outcome)))


def decide(gates: Sequence[Gate]) -> tuple[Decision, tuple[str, ...]]:
    """The decision and its reasons, one sentence each."""
    failed = [gate for gate in gates if gate.outcome is GateOutcome.FAIL]
    undecided = [gate for gate in gates if gate.outcome is GateOutcome.OPEN]
    if failed:
        return Decision.NO_GO, tuple(f"{gate.title}: {gate.reason}" for gate in failed)
    if undecided:
        return Decision.INCOMPLETE, tuple(f"{gate.title}: {gate.reason}" for gate in undecided)
    return Decision.GO, (f"all {len(gates)} gates pass",)


def is_gate(judgement: Judgement, stage: str) -> bool:
    """Figures that only inform never gate; one without a target gates in production only."""
    return judgement.metric.gate and (judgement.outcome is not Outcome.NO_TARGET or stage == PRODUCTION)


def _no_profile() -> Gate:
    return Gate(
        id="profile",
        kind=GateKind.PROFILE,
        title="profile",
        outcome=GateOutcome.OPEN,
        got="none",
        wanted="a profile that fits this host",
        reason="no profile was named and none was applied, so nothing says how this machine should be set up",
        remedy="nodeagent profile list, then nodeagent report --profile NAME",
    )


def _profile_gate(profile: Profile, facts: HostFacts, stage: str) -> Gate:
    found = fits(profile.match, facts, stage=stage)
    wrong = [fit for fit in found if fit.fits is False]
    unknown = [fit for fit in found if fit.fits is None]
    return Gate(
        id="profile",
        kind=GateKind.PROFILE,
        title="profile",
        outcome=GateOutcome.FAIL if wrong else GateOutcome.OPEN if unknown else GateOutcome.PASS,
        got=profile.name,
        wanted="a profile that fits this host",
        reason="; ".join(map(str, wrong or unknown)) or f"{profile.name} fits this host",
        remedy="choose another one: nodeagent profile list" if wrong or unknown else "",
    )


def _nothing_measured() -> Gate:
    return Gate(
        id="benchmark",
        kind=GateKind.BENCHMARK,
        title="benchmarks",
        outcome=GateOutcome.OPEN,
        got="no run",
        wanted="at least one benchmark",
        reason="nothing was measured on this host",
        remedy="nodeagent bench run",
    )


def _tuning_gate(verdict: Verdict) -> Gate:
    counting = [finding for finding in verdict.findings if not finding.optional]
    wrong = [finding for finding in counting if _OF_STATE[finding.state] is not GateOutcome.PASS]
    leading = next((finding for finding in wrong if finding.state is verdict.state), None)
    absent = sum(finding.state is State.NOT_APPLICABLE for finding in counting)
    return Gate(
        id=f"tuning.{verdict.tunable}",
        kind=GateKind.TUNING,
        title=f"tuning of {verdict.tunable}",
        outcome=_OF_STATE[verdict.state],
        got=f"{len(counting) - len(wrong) - absent} as wanted" + (f", {len(wrong)} not" if wrong else ""),
        wanted=f"{len(counting)} settings as the profile says",
        reason=_tuning_reason(wrong, absent),
        remedy=leading.remedy if leading else "",
    )


def _tuning_reason(wrong: Sequence[Finding], absent: int) -> str:
    if not wrong:
        return f"as wanted; {absent} not applicable on this host" if absent else "every setting is as wanted"
    told = ", ".join(f"{finding.subject} is {finding.got}, wanted {finding.wanted}" for finding in wrong[:3])
    return told + (f", and {len(wrong) - 3} more" if len(wrong) > 3 else "")


def benchmark_id(judgement: Judgement) -> str:
    """The stable id of a figure's gate."""
    return f"benchmark.{judgement.place.role}.{judgement.metric.name}"


def _benchmark_gate(judgement: Judgement) -> Gate:
    interval, target = judgement.interval, judgement.target
    return Gate(
        id=benchmark_id(judgement),
        kind=GateKind.BENCHMARK,
        title=f"{judgement.metric.name} at {judgement.place.role}",
        outcome=_OF_OUTCOME[judgement.outcome],
        got=quantity(interval.median, judgement.metric) if interval else "not measured",
        wanted=bound(target.bound, judgement.metric) if target else "a target",
        reason=judgement.reason,
        remedy=judgement.remedy,
    )


def _journal_gate(journal: JournalSummary) -> Gate:
    outcome, got, reason, remedy = _journal_state(journal)
    return Gate(
        id="journal",
        kind=GateKind.JOURNAL,
        title="journal",
        outcome=outcome,
        got=got,
        wanted="no open transaction, no conflict",
        reason=reason,
        remedy=remedy,
    )


def _journal_state(journal: JournalSummary) -> tuple[GateOutcome, str, str, str]:
    if journal.problem:
        return GateOutcome.OPEN, "unreadable", journal.problem, "nodeagent tune history"
    if journal.unfinished:
        names = ", ".join(journal.unfinished)
        return GateOutcome.FAIL, "unfinished", f"an apply stopped half-way: {names}", "nodeagent tune rollback"
    if journal.unconfirmed:
        names = ", ".join(journal.unconfirmed)
        reason = f"waits for confirmation and will be undone without it: {names}"
        return GateOutcome.OPEN, "unconfirmed", reason, "nodeagent tune confirm"
    if journal.conflicts:
        reason = f"changed by somebody else since we set it: {', '.join(journal.conflicts)}"
        return GateOutcome.FAIL, "conflict", reason, "nodeagent tune history"
    return GateOutcome.PASS, "settled", "every recorded change is complete and can be undone", ""


def _as_in_production(gate: Gate) -> Gate:
    if gate.outcome is not GateOutcome.OPEN:
        return gate
    reason = gate.reason if "in production" in gate.reason else f"{gate.reason} (in production, unknown is a FAIL)"
    return replace(gate, outcome=GateOutcome.FAIL, reason=reason)
