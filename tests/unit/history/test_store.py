"""The history keeps what it was given, whole and in order."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.history import History, RunFilter, Suite
from nodeagent.history.document import dump_judgement, load_judgement
from nodeagent.model.errors import HistoryError
from nodeagent.model.judgement import Interval, Judgement, Outcome
from nodeagent.model.measurement import Direction, Measurement, Metric, Place, Run, Sample, Target, Unit

IOPS = Metric(name="storage.randread4k.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="reads")
LEDGER = Place(role="ledger", identity="S1", detail="/mnt/ledger on nvme0n1")
SUITE = Suite(id="a1b2", started_at=100.0, stage="local", profile="workstation", agent_version="0.1")
RUN = Run(
    benchmark="randread-4k",
    place=LEDGER,
    started_at=101.0,
    duration_seconds=5.25,
    command="fio --name=x",
    tool="fio",
    tool_version="fio-3.33",
    options={"runtime": "5s"},
    samples=(
        Sample(metric="storage.randread4k.iops", value=1234.5, series=(1.0, 2.5)),
        Sample(metric="storage.randread4k.p99", value=8e-5),
        Sample(metric="storage.a", value=1.0),
    ),
    raw='{"fio version": "fio-3.33"}',
    notes=("page cache dropped",),
)
TARGET = Target(
    metric=IOPS.name, role="ledger", stage="local", bound=1000.0, unit=Unit.IOPS, direction=Direction.HIGHER, why="w"
)
JUDGEMENT = Judgement(
    metric=IOPS,
    place=LEDGER,
    outcome=Outcome.PASS,
    reason="all of it",
    interval=Interval(low=1.0, median=2.0, high=3.0, confidence=0.9375),
    measurement=Measurement(
        metric=IOPS, benchmark="randread-4k", place=LEDGER, values=(1.0, 2.0, 3.0), steady=True, evidence=("run 1",)
    ),
    target=TARGET,
    decided_at_run=5,
    measured_at=101.5,
    ceiling=5e6,
    fingerprint="f1",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


def filled(path: Path, *runs: Run) -> History:
    history = History.open(path)
    history.begin_suite(SUITE)
    for run in runs:
        history.add_run(run, suite=SUITE.id, fingerprint="f1", parts={"kernel": "6.1"})
    return history


def test_a_run_comes_back_as_it_was(path: Path) -> None:
    with filled(path, RUN) as history:
        (stored,) = history.runs(with_raw=True)
    assert stored.run == RUN
    assert (stored.suite, stored.fingerprint) == ("a1b2", "f1")


def test_raw_output_is_left_out_unless_asked_for(path: Path) -> None:
    with filled(path, RUN) as history:
        assert history.runs()[0].run == replace(RUN, raw="")


def test_an_aborted_run_is_kept_with_its_reason(path: Path) -> None:
    aborted = replace(RUN, samples=(), aborted="fio: killed by signal 9", raw="")
    with filled(path, aborted) as history:
        assert history.runs(with_raw=True)[0].run == aborted


def test_bytes_that_are_no_utf8_are_kept_in_raw_and_shown_elsewhere(path: Path) -> None:
    odd = replace(RUN, raw="\udcff{", place=replace(LEDGER, identity="S\udcfe"), aborted="\ud800")
    with filled(path, odd) as history:
        run = history.runs(with_raw=True)[0].run
    assert run.raw == "\udcff{"
    assert run.place.identity == "S\\udcfe"
    assert run.aborted == "\\ud800"


def test_a_sample_that_is_no_number_stays_one(path: Path) -> None:
    with filled(path, replace(RUN, samples=(Sample(metric="m", value=math.nan, series=(math.inf, 1.0)),))) as history:
        (sample,) = history.runs()[0].run.samples
    assert math.isnan(sample.value)
    assert sample.series == (math.inf, 1.0)


def test_what_was_committed_is_there_for_the_next_process(path: Path) -> None:
    with filled(path, RUN), History.open(path, read_only=True) as other:
        assert len(other.runs()) == 1
    with History.open(path) as again:
        assert len(again.runs()) == 1


def test_the_file_belongs_to_its_owner_alone(path: Path) -> None:
    filled(path).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_runs_are_found_by_every_part_of_the_filter_in_the_order_they_were_made(path: Path) -> None:
    write = replace(RUN, benchmark="randwrite-4k", started_at=200.0)
    accounts = replace(RUN, place=Place(role="accounts"), started_at=300.0)
    with filled(path, RUN, write, accounts) as history:
        found = {
            "all": history.runs(),
            "benchmark": history.runs(RunFilter(benchmark="randwrite-4k")),
            "role": history.runs(RunFilter(role="accounts")),
            "since": history.runs(RunFilter(since=200.0)),
            "limit": history.runs(RunFilter(limit=2)),
            "id": history.runs(RunFilter(id=2)),
            "suite": history.runs(RunFilter(suite="nobody")),
            "fingerprint": history.runs(RunFilter(fingerprint="f1", role="ledger")),
        }
    assert {name: [stored.id for stored in runs] for name, runs in found.items()} == {
        "all": [1, 2, 3],
        "benchmark": [2],
        "role": [3],
        "since": [2, 3],
        "limit": [2, 3],
        "id": [2],
        "suite": [],
        "fingerprint": [1, 2],
    }


def test_a_judgement_comes_back_with_its_runs(path: Path) -> None:
    with filled(path, RUN, RUN) as history:
        history.add_judgement(JUDGEMENT, suite=SUITE.id, judged_at=150.0, run_ids=(1, 2))
        (stored,) = history.judgements(SUITE.id)
    assert stored.judgement == JUDGEMENT
    assert (stored.run_ids, stored.judged_at) == ((1, 2), 150.0)


def test_the_latest_judgement_of_each_metric_and_role_is_told(path: Path) -> None:
    newer = replace(JUDGEMENT, outcome=Outcome.FAIL, place=replace(LEDGER, identity="S2"))
    elsewhere = replace(JUDGEMENT, place=Place(role="accounts"))
    with filled(path) as history:
        for judgement in (JUDGEMENT, elsewhere, newer):
            history.add_judgement(judgement, suite=SUITE.id, judged_at=1.0, run_ids=())
        assert history.latest_judgements() == (elsewhere, newer)


def test_suites_are_told_newest_first(path: Path) -> None:
    later = replace(SUITE, id="zz", started_at=200.0)
    with filled(path) as history:
        history.begin_suite(later)
        assert history.suites() == (later, SUITE)
        assert history.suites(limit=1) == (later,)


def test_a_fingerprint_is_kept_once_with_its_parts(path: Path) -> None:
    with filled(path, RUN, RUN) as history:
        assert history.fingerprint("f1") == {"kernel": "6.1"}
        assert history.fingerprint("unknown") == {}


def test_a_run_of_an_unknown_suite_is_refused_and_leaves_nothing(path: Path) -> None:
    with filled(path) as history:
        with pytest.raises(HistoryError, match="FOREIGN KEY"):
            history.add_run(RUN, suite="nobody", fingerprint="f9", parts={})
        assert history.fingerprint("f9") == {}


def test_a_run_with_two_samples_of_one_metric_is_refused_whole(path: Path) -> None:
    twice = replace(RUN, samples=(RUN.samples[0], RUN.samples[0]))
    with filled(path) as history:
        with pytest.raises(HistoryError, match="UNIQUE"):
            history.add_run(twice, suite=SUITE.id, fingerprint="f1", parts={})
        assert history.runs() == ()


def test_the_export_tells_every_row_with_the_raw_output_readable(path: Path) -> None:
    with filled(path, RUN) as history:
        rows = list(history.export())
    assert [row["table"] for row in rows] == ["fingerprint", "run", "sample", "sample", "sample", "suite"]
    run = next(row for row in rows if row["table"] == "run")
    assert run["raw"] == RUN.raw
    assert json.loads(json.dumps(rows)) == rows


finite = st.floats(allow_nan=False)
words = st.text(max_size=12)


@given(
    judgement=st.builds(
        Judgement,
        metric=st.builds(Metric, name=words, unit=st.sampled_from(Unit), direction=st.sampled_from(Direction)),
        place=st.builds(Place, role=words, identity=words),
        outcome=st.sampled_from(Outcome),
        reason=words,
        interval=st.none() | st.builds(Interval, low=finite, median=finite, high=finite, confidence=finite),
        measurement=st.none()
        | st.builds(
            Measurement,
            metric=st.just(IOPS),
            benchmark=words,
            place=st.just(LEDGER),
            values=st.lists(finite, max_size=5).map(tuple),
            steady=st.none() | st.booleans(),
            evidence=st.lists(words, max_size=2).map(tuple),
        ),
        target=st.none() | st.just(TARGET),
        decided_at_run=st.none() | st.integers(1, 99),
        measured_at=st.none() | finite,
        ceiling=st.none() | finite,
        fingerprint=words,
    )
)
@settings(max_examples=60)
def test_a_judgement_survives_its_document(judgement: Judgement) -> None:
    assert load_judgement(dump_judgement(judgement)) == judgement


def test_a_document_of_a_newer_version_with_more_fields_is_read() -> None:
    document = json.loads(dump_judgement(JUDGEMENT))
    document["mood"] = "good"
    document["metric"]["colour"] = "green"
    assert load_judgement(json.dumps(document)) == JUDGEMENT


def test_a_document_that_makes_no_sense_is_an_error_with_the_way_on(path: Path) -> None:
    with filled(path) as history:
        history.add_judgement(JUDGEMENT, suite=SUITE.id, judged_at=1.0, run_ids=())
        history._connection.execute("UPDATE judgement SET document = '{}'")
        with pytest.raises(HistoryError, match=r"judgement 1 .* makes no sense") as caught:
            history.latest_judgements()
    assert caught.value.remedy is not None
    assert "--export" in caught.value.remedy
