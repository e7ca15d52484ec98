"""From a benchmark to fio's command line."""

from dataclasses import replace
from pathlib import Path

import pytest

from nodeagent.bench.benchmark import Job
from nodeagent.bench.fio import check_version, prefill_least_bytes
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import BenchmarkError, UsageError
from nodeagent.model.facts import NumaNode
from tests.unit.bench.outputs import BY_NAME, TOOLS, facts, spec

STORAGE = [name for name, benchmark in BY_NAME.items() if benchmark.kind == "storage"]
TWO_NODES = tuple(
    NumaNode(id=number, cpus=CpuSet.of([number]), memory_bytes=1 << 30, distances={}) for number in (0, 1)
)


def prepared(name: str, **changes: object) -> Job:
    benchmark = BY_NAME[name]
    return benchmark.prepare(spec(benchmark, **changes), facts())  # type: ignore[arg-type]


def options(job: Job) -> dict[str, str]:
    pairs = (argument.removeprefix("--").partition("=") for argument in job.main.argv[1:])
    return {name: value for name, _, value in pairs}


def test_the_deep_random_read_is_the_job_that_the_page_promises() -> None:
    job = prepared("randread-4k")
    assert job.main.argv[0] == "fio"
    wanted = {
        "rw": "randread",
        "bs": "4096",
        "iodepth": "64",
        "numjobs": "4",
        "ioengine": "io_uring",
        "direct": "1",
        "time_based": "1",
        "runtime": "3000ms",
        "ramp_time": "1000ms",
        "thread": "1",
        "group_reporting": "1",
        "norandommap": "1",
        "randrepeat": "0",
        "random_generator": "tausworthe64",
        "lat_percentiles": "1",
        "output-format": "json+",
        "size": str(64 << 20),
        "filename": "/srv/ledger/area/testfile",
    }
    assert wanted.items() <= options(job).items()
    assert job.output_file == Path("/var/lib/nodeagent/runs/run-1/fio.json")
    assert job.main.directory == Path("/var/lib/nodeagent/runs/run-1")


@pytest.mark.parametrize("name", STORAGE)
def test_a_job_that_reads_is_refused_every_write_and_one_that_writes_has_fresh_data(name: str) -> None:
    given = options(prepared(name))
    assert ("readonly" in given) == (not BY_NAME[name].writes)
    assert (given.get("refill_buffers") == "1") == BY_NAME[name].writes
    assert given["allow_file_create"] == "0"


def test_the_mixed_job_says_its_mix_and_no_other_does() -> None:
    for name in STORAGE:
        assert options(prepared(name)).get("rwmixread") == ("70" if name == "mixed-70" else None)


def test_options_change_the_load() -> None:
    given = options(prepared("randread-4k", options={"iodepth": "8", "jobs": "2", "direct": "no"}))
    assert (given["iodepth"], given["numjobs"], given["direct"]) == ("8", "2", "0")


def test_without_a_queueing_engine_threads_give_the_depth() -> None:
    tools = replace(TOOLS, fio_engines=("psync",))
    given = options(prepared("randread-4k", tools=tools, options={"iodepth": "8", "jobs": "4"}))
    assert (given["ioengine"], given["iodepth"], given["numjobs"]) == ("psync", "1", "32")
    job = prepared("randread-4k", tools=tools)
    assert options(job)["numjobs"] == "64"
    assert job.notes == ("io_uring does not work here: measured with psync",)
    assert prepared("randread-4k").notes == ()


def test_where_no_engine_works_there_is_an_error() -> None:
    with pytest.raises(BenchmarkError, match="none of the engines io_uring, libaio, psync works here"):
        prepared("randread-4k", tools=replace(TOOLS, fio_engines=()))


def test_a_file_that_is_not_full_is_written_first_by_the_same_engine() -> None:
    job = prepared("randread-4k", prefill=True)
    (command,) = job.before
    given = options(Job(main=command))
    assert (given["rw"], given["bs"], given["end_fsync"], given["numjobs"]) == ("write", str(1 << 20), "1", "1")
    assert "time_based" not in given
    assert "readonly" not in given
    assert prepared("randread-4k").before == ()


def test_a_prefill_is_complete_when_all_whole_blocks_are_written() -> None:
    assert prefill_least_bytes(10 << 20) == 10 << 20
    assert prefill_least_bytes((10 << 20) + 5) == 10 << 20


def test_an_open_descriptor_is_what_fio_gets_to_see() -> None:
    job = prepared("randread-4k", fd=7, prefill=True)
    for command in (job.main, *job.before):
        assert "--filename=/proc/self/fd/7" in command.argv
        assert command.inherit_fds == (7,)


def test_a_node_is_bound_to_only_where_there_is_a_choice() -> None:
    benchmark = BY_NAME["randread-4k"]
    two = facts(nodes=TWO_NODES)
    assert options(benchmark.prepare(spec(benchmark, numa_node=1), two))["numa_cpu_nodes"] == "1"
    assert "numa_cpu_nodes" not in options(benchmark.prepare(spec(benchmark, numa_node=1), facts(nodes=TWO_NODES[:1])))
    assert "numa_cpu_nodes" not in options(benchmark.prepare(spec(benchmark, numa_node=9), two))
    assert "numa_cpu_nodes" not in options(benchmark.prepare(spec(benchmark), two))
    blind = replace(TOOLS, fio_features=())
    assert "numa_cpu_nodes" not in options(benchmark.prepare(spec(benchmark, numa_node=1, tools=blind), two))


def test_a_colon_in_a_path_is_no_end_of_a_name() -> None:
    assert options(prepared("seq-read", path=Path("/mnt/a:b/t")))["filename"] == "/mnt/a\\:b/t"


@pytest.mark.parametrize("path", ["/mnt/$jobname/t", "/mnt/a\nb", "/mnt/a\\b", "/mnt/\udcff"])
def test_a_path_that_fio_would_interpret_is_refused(path: str) -> None:
    with pytest.raises(BenchmarkError, match="a character that fio would interpret"):
        prepared("seq-read", path=Path(path))


def test_the_time_limit_leaves_room_for_a_slow_start() -> None:
    assert prepared("seq-read").main.timeout_seconds == 34
    assert prepared("seq-read", runtime_seconds=600).main.timeout_seconds == 601 * 1.5


def test_parts_of_a_second_are_kept() -> None:
    given = options(prepared("seq-read", runtime_seconds=1.5, ramp_seconds=0))
    assert (given["runtime"], given["ramp_time"]) == ("1500ms", "0ms")


@pytest.mark.parametrize("text", ["fio-3.15", "fio-2.21", "fio-3.1-dirty"])
def test_an_old_fio_is_refused(text: str) -> None:
    with pytest.raises(BenchmarkError, match=r"wanted 3\.16 or newer"):
        check_version(text)


@pytest.mark.parametrize("text", ["fio-3.33", "fio-3.41-12-gabcdef", "fio-4.0"])
def test_a_newer_fio_is_taken(text: str) -> None:
    check_version(text)


def test_a_version_that_is_none_is_told() -> None:
    with pytest.raises(BenchmarkError, match="got version 'busybox'"):
        check_version("busybox")


def test_direct_takes_yes_or_no_only() -> None:
    with pytest.raises(UsageError, match="option direct: got 'maybe', wanted yes or no"):
        prepared("seq-read", options={"direct": "maybe"})
