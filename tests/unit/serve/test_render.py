"""The page that Prometheus reads: what is on it, what is not, and how much of it there may be."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from nodeagent.model.judgement import Outcome
from nodeagent.model.verdict import State, Verdict
from nodeagent.serve.render import SERIES_CAP, render
from nodeagent.serve.snapshot import Snapshot
from tests.unit.report.golden import FIXTURES, assert_golden
from tests.unit.report.sample import JUDGEMENTS, PROFILE, VERDICTS, facts
from tests.unit.serve.sample import empty, snapshot

METRICS_PAGE = FIXTURES.parent / "serve" / "metrics.txt"


def families(taken: Snapshot, *, cap: int = SERIES_CAP) -> dict[str, Metric]:
    page = render(taken, cap=cap).decode()
    return {family.name: family for family in text_string_to_metric_families(page)}


def value(taken: Snapshot, name: str, **labels: str) -> float:
    samples = [sample for family in families(taken).values() for sample in family.samples]
    (found,) = [sample.value for sample in samples if sample.name == name and labels.items() <= sample.labels.items()]
    return found


def test_the_page_is_what_it_was() -> None:
    assert_golden(METRICS_PAGE, render(snapshot()).decode())


def test_every_family_is_ours_and_explains_itself() -> None:
    for name, family in families(snapshot()).items():
        assert name.startswith("nodeagent_")
        assert family.documentation.endswith((".", ";"))


def test_throughput_of_a_network_is_in_bytes() -> None:
    labels = {"metric": "net.tcp.received", "role": "peer"}
    assert value(snapshot(), "nodeagent_benchmark_value", **labels) == 2.7e9
    assert value(snapshot(), "nodeagent_benchmark_target", **labels) == 2.5e9


def test_a_target_has_the_labels_of_its_value_so_that_a_rule_can_divide_them() -> None:
    page = families(snapshot())
    labels = {
        name: {tuple(sorted(sample.labels.items())) for sample in page[f"nodeagent_benchmark_{name}"].samples}
        for name in ("value", "target", "runs")
    }
    assert labels["target"] <= labels["runs"]
    assert labels["value"] <= labels["runs"]


def test_a_target_that_nothing_was_measured_for_is_on_the_page() -> None:
    unmeasured = replace(snapshot(), judgements=())
    assert value(unmeasured, "nodeagent_benchmark_target", metric="net.udp.loss", role="snapshots") == 0.01


@pytest.mark.parametrize("verdict", VERDICTS)
def test_exactly_one_state_of_a_tunable_is_set(verdict: Verdict) -> None:
    states = {
        state: value(snapshot(), "nodeagent_tunable_state", tunable=verdict.tunable, state=state.value)
        for state in State
    }
    assert states == {state: float(state is verdict.state) for state in State}


def test_exactly_one_outcome_of_a_figure_is_set() -> None:
    for judgement in JUDGEMENTS:
        labels = {"metric": judgement.metric.name, "role": judgement.place.role}
        outcomes = {
            outcome: value(snapshot(), "nodeagent_benchmark_outcome", outcome=outcome.value, **labels)
            for outcome in Outcome
        }
        assert outcomes == {outcome: float(outcome is judgement.outcome) for outcome in Outcome}


def test_drift_is_counted_in_settings_that_count() -> None:
    assert value(snapshot(), "nodeagent_tunable_drift_settings", tunable="sysctl") == 1
    assert value(snapshot(), "nodeagent_tunable_settings", tunable="sysctl") == 2


def test_a_host_where_nothing_could_be_read_still_says_so() -> None:
    page = families(empty())
    assert value(empty(), "nodeagent_up") == 0
    assert value(empty(), "nodeagent_source_success", source="journal") == 0
    assert "nodeagent_journal_conflicts" not in page
    assert page["nodeagent_benchmark_value"].samples == []


def test_what_was_not_measured_has_no_value_but_an_outcome() -> None:
    labels = {"metric": "net.udp.loss", "role": "snapshots"}
    with pytest.raises(ValueError, match="unpack"):
        value(snapshot(), "nodeagent_benchmark_value", **labels)
    assert value(snapshot(), "nodeagent_benchmark_outcome", outcome="not-measured", **labels) == 1


def test_beyond_the_cap_series_are_dropped_from_the_end_and_counted() -> None:
    everything = sum(len(family.samples) for family in families(snapshot()).values())
    page = families(snapshot(), cap=40)
    samples = sum(len(family.samples) for family in page.values())
    dropped = page["nodeagent_dropped_series"].samples[0].value
    assert samples == 41
    assert dropped == everything - 41
    assert page["nodeagent_up"].samples


def test_a_profile_gone_wild_stays_below_the_cap() -> None:
    verdicts = tuple(Verdict(tunable=f"t{number}") for number in range(5000))
    page = render(replace(snapshot(), verdicts=verdicts))
    assert sum(not line.startswith(b"#") for line in page.splitlines()) <= SERIES_CAP + 1


def test_a_label_is_printable_and_of_sane_length() -> None:
    taken = facts()
    odd = replace(taken, cpus=replace(taken.cpus, model="x" * 100 + "\x1b[2J\n\udcff" + "y" * 500))
    label = families(replace(snapshot(), facts=odd))["nodeagent_host_info"].samples[0].labels["cpu_model"]
    assert label == "x" * 100 + "?[2J??" + "y" * 22


def test_the_digest_of_a_profile_is_short() -> None:
    assert value(snapshot(), "nodeagent_profile_info", profile=PROFILE.name, digest=PROFILE.digest[:12]) == 1


def test_every_metric_has_a_line_in_the_manual_and_none_is_made_up() -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(nodeagent_\w+)`", page, re.MULTILINE))
    lines = render(snapshot()).decode().splitlines()
    shown = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert documented == shown
