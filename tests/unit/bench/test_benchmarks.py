"""Every benchmark: its names are promises (targets, history and dashboards hold on to them), its pages exist."""

from pathlib import Path

import pytest

from nodeagent.bench.benchmark import Benchmark
from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.model.errors import BenchmarkError, UsageError
from tests.unit.bench.outputs import BY_NAME, facts, recorded, spec

DOCS = Path(__file__).parents[3] / "docs" / "benchmarks"

GATES = {
    "storage.randread4k.iops": ("randread-4k", "iops", "higher"),
    "storage.randwrite4k.iops": ("randwrite-4k", "iops", "higher"),
    "storage.mixed70.iops": ("mixed-70", "iops", "higher"),
    "storage.qd1_read4k.latency_p99": ("qd1-read-4k", "s", "lower"),
    "storage.seq_read.bytes_per_second": ("seq-read", "bytes/s", "higher"),
    "storage.seq_write.bytes_per_second": ("seq-write", "bytes/s", "higher"),
    "net.tcp.forward.bytes_per_second": ("tcp-forward", "bytes/s", "higher"),
    "net.tcp.reverse.bytes_per_second": ("tcp-reverse", "bytes/s", "higher"),
    "net.udp.loss_ratio": ("udp", "ratio", "lower"),
    "net.udp.jitter": ("udp", "s", "lower"),
}
INFORMING = {
    "storage.qd1_read4k.latency_p50",
    "storage.qd1_read4k.latency_p999",
    "storage.mixed70.read_iops",
    "storage.mixed70.write_iops",
    "storage.randread4k.cpu_seconds_per_io",
    "storage.randwrite4k.cpu_seconds_per_io",
    "storage.mixed70.cpu_seconds_per_io",
    "storage.qd1_read4k.cpu_seconds_per_io",
    "storage.seq_read.cpu_seconds_per_io",
    "storage.seq_write.cpu_seconds_per_io",
    "net.tcp.forward.retransmits",
    "net.tcp.reverse.retransmits",
}


def test_metrics_that_gate_have_their_names_units_and_directions() -> None:
    found = {
        metric.name: (benchmark.name, str(metric.unit), str(metric.direction))
        for benchmark in BENCHMARKS
        for metric in benchmark.metrics
        if metric.gate
    }
    assert found == GATES


def test_metrics_that_only_inform_do_not_gate() -> None:
    names = [metric.name for benchmark in BENCHMARKS for metric in benchmark.metrics]
    assert set(names) == set(GATES) | INFORMING
    assert len(names) == len(set(names))


def test_quiet_benchmarks_come_first_and_writing_ones_last() -> None:
    writes = [benchmark.writes for benchmark in BENCHMARKS]
    assert writes == sorted(writes)
    assert BENCHMARKS[-1].name == "seq-write"


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_a_benchmark_has_a_page_that_names_its_metrics_and_options(benchmark: Benchmark) -> None:
    page = (DOCS / f"{benchmark.name}.md").read_text()
    assert page.startswith(f"# {benchmark.name}\n")
    for word in (*(metric.name for metric in benchmark.metrics), *benchmark.option_names):
        assert f"`{word}`" in page


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_a_real_run_gives_each_metric_once(benchmark: Benchmark) -> None:
    run = recorded(benchmark.name)
    samples = benchmark.parse(run.raw(), run.spec)
    assert [sample.metric for sample in samples] == [metric.name for metric in benchmark.metrics]


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_an_unknown_option_is_told_even_where_nothing_can_be_measured(benchmark: Benchmark) -> None:
    wrong = spec(benchmark, options={"iodpeth": "4"}, address="")
    with pytest.raises(UsageError, match=f"{benchmark.name}: no option 'iodpeth'; it has: "):
        benchmark.prepare(wrong, facts())


@pytest.mark.parametrize("name", ["iodepth", "jobs"])
@pytest.mark.parametrize("value", ["0", "-1", "4.5", "", "x", "1e3", "99999999", "٣", "9" * 5000])
def test_a_value_that_cannot_be_meant_is_told(name: str, value: str) -> None:
    with pytest.raises(UsageError, match=f"option {name}: got "):
        BY_NAME["randread-4k"].prepare(spec(BY_NAME["randread-4k"], options={name: value}), facts())


def test_without_the_tool_there_is_an_error_with_the_next_command() -> None:
    from nodeagent.bench.benchmark import ToolVersions

    for benchmark in BENCHMARKS:
        with pytest.raises(BenchmarkError, match=f"{benchmark.tool}: not found") as caught:
            benchmark.prepare(spec(benchmark, tools=ToolVersions()), facts())
        assert caught.value.remedy == f"apt-get install {benchmark.tool}"
