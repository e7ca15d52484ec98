"""Targets of a stage: bounds in base units, and stages that may only tighten what they extend."""

from pathlib import Path

import pytest

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.model.errors import ProfileError
from nodeagent.model.measurement import Direction, Target, Unit
from nodeagent.profiles import default_search
from nodeagent.profiles.problems import DocumentError
from nodeagent.profiles.search import shipped_directory
from nodeagent.profiles.targets import load_targets, parse_bound

METRICS = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
STAGES = ("local", "vm", "staging", "production")


def _write(directory: Path, stage: str, *targets: str, extends: str = "") -> Path:
    folder = directory / "targets"
    folder.mkdir(exist_ok=True)
    path = folder / f"{stage}.yaml"
    head = f"schema: 1\nstage: {stage}\nsummary: a stage\n" + (f"extends: [{extends}]\n" if extends else "")
    path.write_text(head + "targets:\n" + "".join(f"  - {{{target}}}\n" for target in targets))
    return path


def _problems(path: Path) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        load_targets(path, search=[path.parents[1]], metrics=METRICS)
    return [
        f"{problem.mark.line}:{problem.mark.column}: {str(problem).partition(': ')[2]}"
        for problem in caught.value.problems
    ]


IOPS = "metric: storage.randread4k.iops, role: ledger, unit: iops"


def test_a_target_is_read_with_its_place_in_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path, "local", f'{IOPS}, bound: ">= 300000", why: because, source: there')
    assert load_targets("local", search=[tmp_path], metrics=METRICS) == (
        Target(
            metric="storage.randread4k.iops", role="ledger", stage="local", bound=300_000.0, unit=Unit.IOPS,
            direction=Direction.HIGHER, why="because", source="there", origin=f"{path}:5:72",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "unit", "wanted"),
    [
        (">= 300000", Unit.IOPS, (Direction.HIGHER, 300_000.0)),
        (">=0.5", Unit.RATIO, (Direction.HIGHER, 0.5)),
        ("<= 0.1 %", Unit.RATIO, (Direction.LOWER, 0.001)),
        ("<= 2 ms", Unit.SECONDS, (Direction.LOWER, 0.002)),
        ("<= 0.002", Unit.SECONDS, (Direction.LOWER, 0.002)),
        (">= 20 Gbit/s", Unit.BYTES_PER_SECOND, (Direction.HIGHER, 2.5e9)),
        (">= 2.5GB/s", Unit.BYTES_PER_SECOND, (Direction.HIGHER, 2.5e9)),
        (">= 1 MiB/s", Unit.BYTES_PER_SECOND, (Direction.HIGHER, 2.0**20)),
    ],
)
def test_bounds_are_base_units(text: str, unit: Unit, wanted: tuple[Direction, float]) -> None:
    assert parse_bound(text, unit) == wanted


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("300000", Unit.IOPS), ("> 5", Unit.IOPS), (">= ", Unit.IOPS), (">= 3e5", Unit.IOPS), (">= NaN", Unit.IOPS),
        (">= inf", Unit.SECONDS), (">= -5", Unit.IOPS), (">= 300k", Unit.IOPS), (">= 5 GB", Unit.BYTES_PER_SECOND),
        (">= 5 Gbit", Unit.BYTES_PER_SECOND), ("<= 2 minutes", Unit.SECONDS), ("<= 5 %", Unit.SECONDS),
        (f">= {'9' * 400}", Unit.IOPS),
    ],
)  # fmt: skip
def test_what_is_no_bound_is_refused(text: str, unit: Unit) -> None:
    with pytest.raises(ValueError, match="wanted"):
        parse_bound(text, unit)


def test_every_fault_is_told_at_its_place(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "local",
        'metric: storage.randraed4k.iops, role: ledger, unit: iops, bound: ">= 1"',
        'metric: storage.randread4k.iops, role: ledger, unit: s, bound: ">= 1"',
        'metric: storage.randread4k.iops, role: accounts, unit: iops, bound: "<= 1"',
        'metric: net.udp.jitter, role: network, unit: s, bound: "<= soon", minimum_effect: 0.01',
        'metric: net.udp.jitter, role: network, unit: s, bound: "<= 1 ms", minimum_effect: 2',
        'metric: net.udp.jitter, role: network, unit: s, bound: "<= 2 ms"',
    )
    assert _problems(path) == [
        "5:14: targets[0].metric: there is no metric of this name, got 'storage.randraed4k.iops', "
        "did you mean 'storage.randread4k.iops'?",
        "6:59: targets[1].unit: the metric is measured in iops, got 's'",
        "7:74: targets[2].bound: of this metric more is better, got '<= 1'",
        "8:61: targets[3].bound: wanted a number of seconds, or one with a unit such as 2 ms, after <=, got '<= soon'",
        "9:88: targets[4].minimum_effect: wanted a ratio from 0 to below 1, got '2'",
        "10:14: targets[5].metric: a second bound for net.udp.jitter of network, got 'net.udp.jitter'",
    ]


def test_a_stage_that_extends_another_inherits_and_may_tighten(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "staging",
        f'{IOPS}, bound: ">= 300000"',
        'metric: net.udp.jitter, role: network, unit: s, bound: "<= 2 ms"',
    )
    _write(tmp_path, "production", f'{IOPS}, bound: ">= 400000"', extends="staging")
    targets = load_targets("production", search=[tmp_path], metrics=METRICS)
    assert [(target.metric, target.bound, target.stage) for target in targets] == [
        ("storage.randread4k.iops", 400_000.0, "production"),
        ("net.udp.jitter", 0.002, "production"),
    ]


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (f'{IOPS}, bound: ">= 299999"', "a stage may only tighten it"),
        (f'{IOPS}, bound: "<= 300000"', "of this metric more is better"),
        ('metric: storage.randread4k.iops, role: ledger, unit: count, bound: ">= 300000"', "measured in iops"),
        ('metric: net.udp.jitter, role: network, unit: s, bound: "<= 3 ms"', "a stage may only tighten it"),
    ],
)
def test_a_stage_never_loosens_nor_changes_unit_or_direction(tmp_path: Path, target: str, told: str) -> None:
    _write(
        tmp_path,
        "staging",
        f'{IOPS}, bound: ">= 300000"',
        'metric: net.udp.jitter, role: network, unit: s, bound: "<= 2 ms"',
    )
    assert any(told in problem for problem in _problems(_write(tmp_path, "production", target, extends="staging")))


def test_a_machine_can_only_tighten_a_shipped_stage(tmp_path: Path) -> None:
    _write(tmp_path, "production", f'{IOPS}, bound: ">= 1"', extends="production")
    with pytest.raises(ProfileError, match="stage production has '>= 300000'; a stage may only tighten it"):
        load_targets("production", search=[tmp_path, shipped_directory()], metrics=METRICS)


def test_an_absent_stage_is_told_with_the_nearest() -> None:
    with pytest.raises(ProfileError, match=r"there is no stage 'prodution' .* did you mean 'production'"):
        load_targets("prodution", search=default_search())


@pytest.mark.parametrize("stage", STAGES)
def test_every_shipped_target_is_of_a_known_metric_and_has_a_reason_and_a_source(stage: str) -> None:
    targets = load_targets(stage, search=default_search(), metrics=METRICS)
    assert targets
    assert [target.origin for target in targets if not target.why or not target.source] == []


def test_the_production_bounds_are_those_of_the_requirements() -> None:
    targets = load_targets("production", search=default_search(), metrics=METRICS)
    bounds = {(target.metric, target.role): target.bound for target in targets}
    assert bounds["storage.randread4k.iops", "ledger"] == 300_000
    assert bounds["storage.randread4k.iops", "accounts"] == 500_000
    assert bounds["net.tcp.forward.bytes_per_second", "network"] == 20e9 / 8
    assert bounds["net.tcp.reverse.bytes_per_second", "network"] == 20e9 / 8


def test_units_and_directions_are_the_same_in_every_shipped_stage() -> None:
    kinds: dict[str, set[tuple[Unit, Direction]]] = {}
    for stage in STAGES:
        for target in load_targets(stage, search=default_search()):
            kinds.setdefault(target.metric, set()).add((target.unit, target.direction))
    assert {metric: len(kind) for metric, kind in kinds.items()} == dict.fromkeys(kinds, 1)


def test_every_gated_figure_of_the_workstation_suite_has_a_local_target() -> None:
    from nodeagent.profiles import load_profile
    from nodeagent.tune.tunables import TUNABLES

    types = {tunable.name: tunable.Settings for tunable in TUNABLES}
    suite = load_profile("workstation", settings_types=types, search=default_search()).benchmarks
    targets = {(target.metric, target.role) for target in load_targets("local", search=default_search())}
    gated = {
        (metric.name, setting.place)
        for setting in suite
        for benchmark in BENCHMARKS
        for metric in benchmark.metrics
        if benchmark.name == setting.benchmark and metric.gate
    }
    assert gated == targets
