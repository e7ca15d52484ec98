"""What lets a machine go, what stops it, and what leaves the question open."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.judgement import Outcome
from nodeagent.model.profile import Match
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.report.compose import make_document
from nodeagent.report.document import Decision, Document, GateOutcome, JournalSummary
from tests.unit.report.sample import CPU, IOPS, JUDGEMENTS, PROFILE, evidence, facts, good_evidence, judged


def with_state(state: State, *, optional: bool = False, stage: str = "local") -> Document:
    finding = Finding(subject="vm.swappiness", state=state, got="60", wanted="1", remedy="mend it", optional=optional)
    verdicts = (Verdict(tunable="sysctl", findings=(finding,)),)
    return make_document(replace(good_evidence(), verdicts=verdicts, stage=stage))


def test_a_machine_with_everything_as_wanted_may_go() -> None:
    document = make_document(good_evidence())
    assert document.decision is Decision.GO
    assert document.reasons == (f"all {len(document.gates)} gates pass",)


@pytest.mark.parametrize(
    ("state", "decision"),
    [
        (State.OK, Decision.GO),
        (State.NOT_APPLICABLE, Decision.GO),
        (State.DRIFT, Decision.NO_GO),
        (State.NEEDS_REBOOT, Decision.NO_GO),
        (State.UNKNOWN, Decision.INCOMPLETE),
    ],
)
def test_a_setting_decides_by_its_state(state: State, decision: Decision) -> None:
    assert with_state(state).decision is decision


@pytest.mark.parametrize("state", list(State))
def test_a_setting_that_is_only_told_never_decides(state: State) -> None:
    assert with_state(state, optional=True).decision is Decision.GO


def test_what_is_unknown_stops_a_production_machine() -> None:
    document = with_state(State.UNKNOWN, stage="production")
    assert document.decision is Decision.NO_GO
    assert "unknown is a FAIL" in document.reasons[0]


def test_failed_gates_come_first_then_open_ones() -> None:
    outcomes = [gate.outcome for gate in make_document(evidence()).gates]
    order = [GateOutcome.FAIL, GateOutcome.OPEN, GateOutcome.PASS]
    assert outcomes == sorted(outcomes, key=order.index)
    assert set(outcomes) == set(order)


def test_a_host_that_nobody_measured_or_held_against_a_profile_is_incomplete() -> None:
    document = make_document(replace(good_evidence(), profile=None, verdicts=(), judgements=()))
    assert document.decision is Decision.INCOMPLETE
    assert {gate.id for gate in document.gates_with(GateOutcome.OPEN)} == {"profile", "benchmark"}
    assert all(gate.remedy for gate in document.gates_with(GateOutcome.OPEN))


@pytest.mark.parametrize(
    ("match", "outcome"),
    [
        (Match(cores_at_least=48), GateOutcome.PASS),
        (Match(cores_at_least=96), GateOutcome.FAIL),
        (Match(stage="production"), GateOutcome.FAIL),
    ],
)
def test_a_profile_for_another_machine_stops_this_one(match: Match, outcome: GateOutcome) -> None:
    gates = make_document(replace(good_evidence(), profile=replace(PROFILE, match=match))).gates
    assert [gate.outcome for gate in gates if gate.id == "profile"] == [outcome]


def test_a_profile_whose_fit_cannot_be_told_leaves_the_question_open() -> None:
    unread = replace(facts(), cpus=replace(facts().cpus, cores=None))
    profile = replace(PROFILE, match=Match(cores_at_least=48))
    document = make_document(replace(good_evidence(), profile=profile, facts=unread))
    assert document.decision is Decision.INCOMPLETE


def test_a_figure_without_a_target_only_informs_in_an_early_stage() -> None:
    judgement = judged(IOPS, "ledger", (3e5, 3.1e5, 3.2e5, 3.3e5, 3.4e5), None)
    assert judgement.outcome is Outcome.NO_TARGET
    document = make_document(replace(good_evidence(), judgements=(judgement, JUDGEMENTS[3])))
    assert document.decision is Decision.GO
    assert not [gate for gate in document.gates if "iops" in gate.id]


def test_a_figure_without_a_target_stops_a_production_machine() -> None:
    judgement = judged(IOPS, "ledger", (3e5, 3.1e5, 3.2e5, 3.3e5, 3.4e5), None, stage="production")
    document = make_document(replace(good_evidence(), stage="production", judgements=(judgement,)))
    assert document.decision is Decision.NO_GO


def test_a_figure_for_information_is_never_a_gate() -> None:
    judgement = judged(CPU, "ledger", (1.0, 2.0), None, stage="production")
    document = make_document(replace(good_evidence(), stage="production", judgements=(judgement,)))
    assert not [gate for gate in document.gates if "cpu-per-io" in gate.id]


@pytest.mark.parametrize(
    ("journal", "outcome"),
    [
        (JournalSummary(), GateOutcome.PASS),
        (JournalSummary(problem="journal.db: no permission"), GateOutcome.OPEN),
        (JournalSummary(unconfirmed=("t1",)), GateOutcome.OPEN),
        (JournalSummary(unfinished=("t1",)), GateOutcome.FAIL),
        (JournalSummary(conflicts=("vm.swappiness",)), GateOutcome.FAIL),
    ],
)
def test_the_journal_is_a_gate_of_its_own(journal: JournalSummary, outcome: GateOutcome) -> None:
    gates = make_document(replace(good_evidence(), journal=journal)).gates
    assert [gate.outcome for gate in gates if gate.id == "journal"] == [outcome]


@given(states=st.lists(st.sampled_from(State), max_size=8), stage=st.sampled_from(["local", "production"]))
def test_go_means_that_nothing_failed_and_nothing_is_unknown(states: list[State], stage: str) -> None:
    findings = tuple(
        Finding(subject=f"s{number}", state=state, got="a", wanted="b") for number, state in enumerate(states)
    )
    verdicts = (Verdict(tunable="sysctl", findings=findings),)
    document = make_document(replace(good_evidence(), verdicts=verdicts, stage=stage))
    harmless = all(state in {State.OK, State.NOT_APPLICABLE} for state in states)
    assert (document.decision is Decision.GO) == harmless
    assert not (stage == "production" and document.decision is Decision.INCOMPLETE)


def test_the_same_evidence_gives_the_same_document() -> None:
    assert make_document(evidence()) == make_document(evidence())
    assert evidence().profile == PROFILE
