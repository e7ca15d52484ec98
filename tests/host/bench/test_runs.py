"""Every benchmark once for real: on a small file, over loopback, between two namespaces."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.bench.runner import Phase, Progress, run_once, sweep_workspaces
from nodeagent.bench.tools import probe_tools
from nodeagent.host.process import run
from nodeagent.host.workspace import MARK_VARIABLE
from nodeagent.model.command import Command
from nodeagent.model.errors import RefusedError, UsageError
from nodeagent.model.measurement import Run, Unit
from tests import needs
from tests.host.bench.ground import BY_NAME, SIZE_BYTES, Ground, environment, fake_program, marked_processes_of_any_run
from tests.needs import need_root, need_tool
from tests.unit.bench.outputs import facts

pytestmark = [pytest.mark.host, need_tool("fio", "iperf3")]

STORAGE = [name for name, benchmark in BY_NAME.items() if benchmark.kind == "storage"]


@pytest.fixture(scope="module")
def tools() -> ToolVersions:
    found, notes = probe_tools()
    assert not notes
    return found


def values(result: Run) -> dict[str, float]:
    return {sample.metric: sample.value for sample in result.samples}


@pytest.mark.parametrize("name", STORAGE)
def test_a_storage_benchmark_measures_its_own_file_and_leaves_it_as_large_as_it_was(
    name: str, ground: Ground, tools: ToolVersions
) -> None:
    ground.make_file()
    result = run_once(BY_NAME[name], ground.spec(name, tools=tools, prefill=True), facts())
    assert result.aborted == ""
    assert [sample.metric for sample in result.samples] == [metric.name for metric in BY_NAME[name].metrics]
    assert all(value > 0 for value in values(result).values())
    assert (result.tool, result.tool_version) == ("fio", tools.fio)
    assert result.raw.lstrip().startswith("{")
    assert len(result.command.splitlines()) == 2
    assert ground.file.stat().st_size == SIZE_BYTES
    assert [path.name for path in ground.directory.iterdir()] in (["testfile", "runs"], ["runs", "testfile"])


def test_the_prefill_leaves_no_block_unwritten(ground: Ground, tools: ToolVersions) -> None:
    ground.make_file()
    run_once(BY_NAME["randread-4k"], ground.spec("randread-4k", tools=tools, prefill=True), facts())
    content = ground.file.read_bytes()
    assert not any(content[start : start + 4096] == bytes(4096) for start in range(0, len(content), 4096))


def test_the_command_in_the_evidence_can_be_typed_again(ground: Ground, tools: ToolVersions, tmp_path: Path) -> None:
    descriptor = os.open(ground.make_file(), os.O_RDWR)
    try:
        result = run_once(BY_NAME["seq-read"], ground.spec("seq-read", tools=tools, fd=descriptor), facts())
    finally:
        os.close(descriptor)
    assert not result.aborted
    assert str(ground.file) in result.command
    again = tmp_path / "again"
    again.mkdir()
    typed = subprocess.run(["/bin/sh", "-c", result.command], cwd=again, check=True, capture_output=True)
    assert typed.stderr == b""
    assert (again / "fio.json").exists()


def test_a_file_behind_a_descriptor_is_measured_whatever_becomes_of_its_name(
    ground: Ground, tools: ToolVersions
) -> None:
    descriptor = os.open(ground.make_file(), os.O_RDWR)
    other = ground.directory / "other"
    try:
        ground.file.rename(other)
        ground.file.symlink_to("/etc/hostname")
        result = run_once(BY_NAME["randwrite-4k"], ground.spec("randwrite-4k", tools=tools, fd=descriptor), facts())
    finally:
        os.close(descriptor)
    assert not result.aborted
    assert other.read_bytes() != bytes(SIZE_BYTES)


def test_live_progress_shows_the_phases_and_a_figure(ground: Ground, tools: ToolVersions) -> None:
    ground.make_file()
    seen: list[Progress] = []
    spec = ground.spec("randread-4k", tools=tools, runtime_seconds=3, ramp_seconds=1, prefill=True)
    result = run_once(BY_NAME["randread-4k"], spec, facts(), on_progress=seen.append)
    assert not result.aborted
    assert list(dict.fromkeys(progress.phase for progress in seen)) == [Phase.PREFILL, Phase.RAMP, Phase.MEASURE]
    figures = [progress.value for progress in seen if progress.value is not None]
    assert figures
    assert {progress.unit for progress in seen if progress.value is not None} == {Unit.IOPS}
    assert figures[-1] == pytest.approx(values(result)["storage.randread4k.iops"], rel=0.5)
    assert {progress.total_seconds for progress in seen if progress.phase is not Phase.PREFILL} == {4}


def test_a_shorter_file_is_told_and_not_removed(ground: Ground, tools: ToolVersions) -> None:
    ground.make_file(1 << 20)
    result = run_once(BY_NAME["randwrite-4k"], ground.spec("randwrite-4k", tools=tools), facts())
    assert result.aborted == f"test file {ground.file}: got 1048576 bytes, wanted {SIZE_BYTES}"
    assert ground.file.stat().st_size == 1 << 20


def test_a_file_that_is_not_there_is_told_and_not_made(ground: Ground, tools: ToolVersions) -> None:
    result = run_once(BY_NAME["randwrite-4k"], ground.spec("randwrite-4k", tools=tools), facts())
    assert "No such file or directory" in result.aborted
    assert not ground.file.exists()


def test_a_file_that_is_not_ours_alone_is_refused(ground: Ground, tools: ToolVersions) -> None:
    victim = ground.directory / "victim"
    victim.write_bytes(b"precious" * (SIZE_BYTES // 8))
    before = victim.read_bytes()
    spec = ground.spec("randwrite-4k", tools=tools, prefill=True)
    ground.file.symlink_to(victim)
    assert "symbolic links" in run_once(BY_NAME["randwrite-4k"], spec, facts()).aborted
    ground.file.unlink()
    ground.file.hardlink_to(victim)
    with pytest.raises(RefusedError, match="2 names"):
        run_once(BY_NAME["randwrite-4k"], spec, facts())
    ground.file.unlink()
    os.mkfifo(ground.file)
    with pytest.raises(RefusedError, match="not a plain file"):
        run_once(BY_NAME["randwrite-4k"], spec, facts())
    assert victim.read_bytes() == before


@need_root
def test_a_filesystem_without_o_direct_is_measured_and_named(ground: Ground, tools: ToolVersions) -> None:
    mounted = ground.directory / "ramfs"
    mounted.mkdir()
    mount = needs.tool("mount")
    if not run(Command(argv=(mount, "-t", "ramfs", "none", str(mounted)), timeout_seconds=10)).ok:
        needs.missing("a ramfs", remedy="run the tests where mount(2) is allowed")
    try:
        inner = Ground(directory=mounted)
        inner.file.write_bytes(bytes(SIZE_BYTES))
        result = run_once(BY_NAME["seq-read"], inner.spec("seq-read", tools=tools), facts())
        inner.check_nothing_left()
    finally:
        assert run(Command(argv=("umount", str(mounted)), timeout_seconds=10)).ok
    assert not result.aborted
    assert "--direct=0" in result.command
    assert result.options["direct"] == "no"
    assert result.notes == ("the filesystem refuses O_DIRECT: this measured the page cache too, not the drive alone",)


@pytest.mark.parametrize("name", ["tcp-forward", "tcp-reverse"])
def test_tcp_is_measured_over_loopback(name: str, ground: Ground, tools: ToolVersions) -> None:
    seen: list[Progress] = []
    spec = ground.spec(name, tools=tools, runtime_seconds=2)
    result = run_once(BY_NAME[name], spec, facts(), on_progress=seen.append)
    assert not result.aborted
    assert next(iter(values(result).values())) > 1e6
    server, client = result.command.splitlines()
    assert server.startswith("iperf3 --server")
    assert server.endswith(" &")
    assert client.startswith("iperf3 --client=127.0.0.1")
    assert [progress for progress in seen if progress.value]


def test_udp_loss_and_jitter_are_measured_over_loopback(ground: Ground, tools: ToolVersions) -> None:
    spec = ground.spec("udp", tools=tools, options={"rate": "10000000"})
    result = run_once(BY_NAME["udp"], spec, facts())
    assert not result.aborted
    assert 0 <= values(result)["net.udp.loss_ratio"] < 1
    assert values(result)["net.udp.jitter"] < 1


@pytest.mark.parametrize("name", ["tcp-forward", "tcp-reverse", "udp"])
def test_the_network_between_two_namespaces_is_measured(
    name: str, ground: Ground, tools: ToolVersions, namespaces: tuple[str, str]
) -> None:
    here, there = namespaces
    spec = ground.spec(
        name,
        tools=tools,
        address="192.0.2.2",
        client_namespace=here,
        server_namespace=there,
        options={"rate": "10000000"} if name == "udp" else {},
    )
    result = run_once(BY_NAME[name], spec, facts())
    assert not result.aborted
    assert len(result.samples) == 2
    assert f"ip netns exec {there} iperf3 --server" in result.command


def test_many_streams_make_much_json_and_no_hang(ground: Ground, tools: ToolVersions) -> None:
    spec = ground.spec("tcp-forward", tools=tools, runtime_seconds=3, options={"streams": "96"})
    result = run_once(BY_NAME["tcp-forward"], spec, facts())
    assert not result.aborted
    assert len(result.raw) > 128 * 1024


def test_a_peer_that_is_not_there_is_a_reason_and_not_an_exception(ground: Ground, tools: ToolVersions) -> None:
    result = run_once(BY_NAME["tcp-forward"], ground.spec("tcp-forward", tools=tools, address="192.0.2.77"), facts())
    assert "Cannot assign requested address" in result.aborted
    assert result.samples == ()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def test_a_port_that_is_taken_is_exchanged_once(
    ground: Ground, tools: ToolVersions, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free_port = int(probe.getsockname()[1])
    ports = iter((taken_port, free_port))
    monkeypatch.setattr(random.SystemRandom, "choice", lambda _self, _range: next(ports))
    result = run_once(BY_NAME["tcp-forward"], ground.spec("tcp-forward", tools=tools), facts())
    assert not result.aborted
    assert f"iperf3: port {taken_port} is taken: tried another one" in result.notes


def test_a_port_that_was_asked_for_and_is_taken_is_a_reason(
    ground: Ground, tools: ToolVersions, taken_port: int
) -> None:
    result = run_once(BY_NAME["tcp-forward"], ground.spec("tcp-forward", tools=tools, port=taken_port), facts())
    assert result.aborted == f"iperf3: port {taken_port} is taken"


def test_two_runs_at_once_do_not_meet(ground: Ground, tools: ToolVersions) -> None:
    results: list[Run] = []

    def measure() -> None:
        results.append(run_once(BY_NAME["tcp-forward"], ground.spec("tcp-forward", tools=tools), facts()))

    threads = [threading.Thread(target=measure) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result.aborted for result in results] == ["", "", ""]


@pytest.mark.parametrize("name", ["randread-4k", "tcp-reverse"])
def test_a_cancel_ends_a_run_within_the_second_and_gives_no_sample(
    name: str, ground: Ground, tools: ToolVersions
) -> None:
    ground.make_file()
    cancel = threading.Event()
    spec = ground.spec(name, tools=tools, runtime_seconds=30)
    timer = threading.Timer(2, cancel.set)
    timer.start()
    began = time.monotonic()
    result = run_once(BY_NAME[name], spec, facts(), cancel=cancel)
    assert time.monotonic() - began < 5
    assert "cancelled after" in result.aborted
    assert result.samples == ()


def test_an_option_that_cannot_be_meant_starts_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.make_file()
    started = ground.directory / "started"
    fake_program(ground.directory / "bin", "fio", f"open({str(started)!r}, 'w')", monkeypatch)
    with pytest.raises(UsageError):
        run_once(BY_NAME["seq-read"], ground.spec("seq-read", options={"jobs": "many"}), facts())
    assert not started.exists()


DRIVER = """
import sys
from pathlib import Path
from nodeagent.bench.runner import run_once
from tests.host.bench.ground import BY_NAME, Ground
from tests.unit.bench.outputs import facts
ground = Ground(directory=Path(sys.argv[1]))
spec = ground.spec(sys.argv[2], runtime_seconds=30)
print(run_once(BY_NAME[sys.argv[2]], spec, facts()).aborted)
"""


@pytest.mark.parametrize("name", ["randwrite-4k", "tcp-forward"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_after_the_death_of_the_agent_the_next_start_finds_nothing_running(
    name: str, number: signal.Signals, ground: Ground
) -> None:
    ground.make_file()
    variables = {"PYTHONPATH": os.pathsep.join(sys.path), "PATH": os.environ["PATH"]}
    arguments = [sys.executable, "-c", DRIVER, str(ground.directory), name]
    with subprocess.Popen(arguments, env=variables, stderr=subprocess.DEVNULL) as agent:
        deadline = time.monotonic() + 20
        tools_wanted = 1 if name == "randwrite-4k" else 2
        while len(_of_run(ground)) < tools_wanted and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(_of_run(ground)) == tools_wanted
        # A sweep meanwhile leaves a run alone that is under way.
        assert sweep_workspaces(ground.workspaces) == ()
        agent.send_signal(number)
        agent.wait(timeout=15)
    deadline = time.monotonic() + 5
    while _of_run(ground) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _of_run(ground)
    said = sweep_workspaces(ground.workspaces)
    assert len(said) == (1 if number == signal.SIGKILL else 0)
    assert not list(ground.workspaces.iterdir())


def _of_run(ground: Ground) -> list[int]:
    """Processes of the one run that is under way below this ground."""
    marks = [f"{MARK_VARIABLE}={path.name.removeprefix('run-')}".encode() for path in ground.workspaces.glob("run-*")]
    return [entry.pid for entry in marked_processes_of_any_run() if any(mark in environment(entry) for mark in marks)]
