"""What report and serve gather: from the history, against the targets of the stage, with what is missing named."""

from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.bench.judge import Circumstances, judge
from nodeagent.cli.evidence import Documents, Question, gather, load_documents
from nodeagent.history import History, Suite
from nodeagent.host.host import Host
from nodeagent.model.errors import ProfileError
from nodeagent.model.judgement import Outcome
from nodeagent.model.measurement import Direction, Measurement, Metric, Place, Run, Sample, Target, Unit
from nodeagent.tune.journal import Journal
from nodeagent.tune.record import RecordType

METRIC = Metric(name="storage.randread4k.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="random reads")
PLACE = Place(role="ledger", identity="S1")
VALUES = (20e3, 21e3, 22e3, 23e3, 24e3)

PROFILE = """\
schema: 1
name: small
summary: one setting and one benchmark
tune:
  sysctl:
    vm.swappiness: "<=30"
places:
  - { role: ledger, directory: /mnt/ledger }
benchmarks:
  - { benchmark: randread-4k, place: ledger }
"""
TARGETS = """\
schema: 1
stage: local
summary: one bound
targets:
  - { metric: storage.randread4k.iops, role: ledger, bound: ">= BOUND", unit: iops }
"""


@pytest.fixture
def question(tmp_path: Path) -> Question:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "small.yaml").write_text(PROFILE)
    (tmp_path / "targets.yaml").write_text(TARGETS.replace("BOUND", "10000"))
    return Question(
        state_directory=tmp_path / "state",
        profile=str(tmp_path / "small.yaml"),
        targets=tmp_path / "targets.yaml",
    )


@pytest.fixture
def host(tmp_path: Path) -> Host:
    root = tmp_path / "root"
    (root / "proc/sys/vm").mkdir(parents=True)
    (root / "proc/sys/vm/swappiness").write_text("60\n")
    return Host(root=root)


def keep(question: Question, *, bound: float, aborted: int = 0) -> None:
    """Runs and their judgement, as `bench run` leaves them."""
    target = Target(
        metric=METRIC.name, role="ledger", stage="local", bound=bound, unit=METRIC.unit, direction=METRIC.direction
    )
    run = Run(
        benchmark="randread-4k",
        place=PLACE,
        started_at=1000.0,
        duration_seconds=5.0,
        command="fio --name=randread-4k",
        tool="fio",
        tool_version="fio-3.33",
    )
    with History.open(question.state_directory / "history.db") as history:
        history.begin_suite(Suite(id="s1", started_at=1000.0, stage="local"))
        runs = [replace(run, samples=(Sample(metric=METRIC.name, value=value),)) for value in VALUES]
        runs += [replace(run, aborted="the drive went away") for _ in range(aborted)]
        numbers = [history.add_run(one, suite="s1", fingerprint="f", parts={}) for one in runs]
        judgement = judge(
            Measurement(metric=METRIC, benchmark="randread-4k", place=PLACE, values=VALUES),
            target,
            circumstances=Circumstances(stage="local", aborted=("the drive went away",) * aborted, measured_at=1000.0),
        )
        history.add_judgement(judgement, suite="s1", judged_at=1001.0, run_ids=numbers)


def test_a_host_without_state_is_read_and_what_nobody_measured_is_named(question: Question, host: Host) -> None:
    gathered = gather(question, host)
    assert all(gathered.sources.values())
    assert {judgement.outcome for judgement in gathered.evidence.judgements} == {Outcome.NOT_MEASURED}
    (verdict,) = gathered.evidence.verdicts
    assert [finding.got for finding in verdict.findings] == ["60"]
    assert list(question.state_directory.iterdir()) == []


def test_what_was_measured_is_there_with_tool_and_command(question: Question, host: Host) -> None:
    keep(question, bound=10e3)
    evidence = gather(question, host).evidence
    assert evidence.judgements[0].outcome is Outcome.PASS
    assert evidence.tools == {"fio": "fio-3.33"}
    assert evidence.commands[-1].command == "fio --name=randread-4k"


def test_a_stage_that_asks_for_more_judges_the_same_runs_again(question: Question, host: Host) -> None:
    keep(question, bound=10e3)
    assert question.targets is not None
    question.targets.write_text(TARGETS.replace("BOUND", "300000"))
    judgement = gather(question, host).evidence.judgements[0]
    assert judgement.outcome is Outcome.FAIL
    assert judgement.measured_at == 1000.0
    assert judgement.target is not None
    assert judgement.target.bound == 300e3


def test_judged_again_an_aborted_run_still_counts_against_a_pass(question: Question, host: Host) -> None:
    keep(question, bound=300e3, aborted=1)
    assert gather(question, host).evidence.judgements[0].outcome is not Outcome.PASS


def test_what_the_profile_does_not_ask_for_is_left_out_and_counted(question: Question, host: Host) -> None:
    keep(question, bound=10e3)
    assert question.profile is not None
    Path(question.profile).write_text(PROFILE.replace("randread-4k", "seq-read"))
    evidence = gather(question, host).evidence
    assert {judgement.metric.name for judgement in evidence.judgements} == {"storage.seq_read.bytes_per_second"}
    assert any(note == "left out: 1 figures that this profile does not ask for" for note in evidence.notes)
    everything = gather(replace(question, profile=None), host).evidence
    assert [judgement.metric.name for judgement in everything.judgements] == [METRIC.name]


def test_figures_from_before_the_last_apply_are_told(question: Question, host: Host) -> None:
    keep(question, bound=10e3)
    with Journal(question.state_directory, boot_id="b") as journal:
        journal.append(RecordType.BEGIN, "t1", kind="apply", profile="small")
        journal.append(RecordType.END, "t1", outcome="applied")
    notes = gather(question, host).evidence.notes
    assert any("1 of 1 figures were measured before the last apply" in note for note in notes)


def test_a_damaged_history_is_told_and_the_rest_is_still_read(question: Question, host: Host) -> None:
    (question.state_directory / "history.db").write_bytes(b"no database" * 100)
    (question.state_directory / "history.db").chmod(0o600)
    gathered = gather(question, host)
    assert gathered.sources["history"] is False
    assert gathered.sources["verify"] is True
    assert any(note.startswith("history:") for note in gathered.evidence.notes)
    assert gathered.evidence.verdicts


def test_a_damaged_journal_leaves_the_question_of_changes_open(question: Question, host: Host) -> None:
    (question.state_directory / "journal.db").write_bytes(b"no database" * 100)
    gathered = gather(question, host)
    assert gathered.sources["journal"] is False
    assert gathered.evidence.journal.problem


def test_a_profile_with_faults_is_an_error_where_a_person_waits(question: Question, host: Host) -> None:
    assert question.profile is not None
    Path(question.profile).write_text("schema: 1\nsummary: [")
    with pytest.raises(ProfileError):
        load_documents(question)
    gathered = gather(question, host)
    assert gathered.sources["profile"] is False
    assert gathered.evidence.profile is None


def test_documents_are_read_again_only_when_a_file_changed(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    documents = Documents()
    first = documents(question)
    assert documents(question) is first
    assert question.profile is not None
    path = Path(question.profile)
    path.write_text(PROFILE.replace("<=30", "<=10"))
    changed = documents(question)
    assert changed is not first
    assert changed[0] is not None
    assert first[0] is not None
    assert changed[0].digest != first[0].digest
    path.unlink()
    with pytest.raises(ProfileError):
        documents(question)
