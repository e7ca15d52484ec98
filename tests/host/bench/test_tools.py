"""What fio and iperf3 can do here is found out by trying."""

from pathlib import Path

import pytest

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.bench.tools import probe_tools
from nodeagent.host import process_program
from tests.host.bench.ground import fake_program
from tests.needs import need_tool

pytestmark = pytest.mark.host


@need_tool("fio", "iperf3")
def test_the_real_tools_are_found_with_an_engine_that_works() -> None:
    tools, notes = probe_tools()
    assert tools.fio.startswith("fio-3.")
    assert tools.fio_engines[-1] == "psync"
    assert tools.iperf3.startswith("iperf 3.")
    assert "one-off" in tools.iperf3_features
    assert notes == () or tools.fio_engines[0] != "io_uring"


def test_missing_tools_are_a_note_with_a_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process_program, "SYSTEM_DIRECTORIES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    tools, notes = probe_tools()
    assert tools == ToolVersions()
    assert notes == (
        "fio is not installed (apt-get install fio)",
        "iperf3 is not installed (apt-get install iperf3)",
    )


@need_tool("iperf3")
def test_an_engine_that_is_listed_but_refused_by_the_kernel_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    body = """
if "--version" in sys.argv: print("fio-3.33")
elif "--enghelp" in sys.argv: print("Available IO engines:\\n\\tio_uring\\n\\tlibaio\\n\\tpsync")
elif "--ioengine=io_uring" in sys.argv: sys.exit("fio: pid=1, err=1/file:engines/io_uring.c, func=io_queue_init")
elif "--numa_cpu_nodes=0" in sys.argv: sys.exit("fio: unrecognized option '--numa_cpu_nodes=0'")
"""
    fake_program(tmp_path / "bin", "fio", body, monkeypatch)
    tools, notes = probe_tools()
    assert tools.fio_engines == ("libaio", "psync")
    assert tools.fio_features == ()
    assert notes == (
        "fio: the engine io_uring does not work here: fio: pid=1, err=1/file:engines/io_uring.c, func=io_queue_init",
    )


@pytest.mark.parametrize(
    "body", ["print('hello')", "sys.exit(3)", "os.write(1, bytes(range(256)))", "os.kill(os.getpid(), 9)", "pass"]
)
def test_a_program_of_that_name_that_is_another_one_is_told(
    body: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("fio", "iperf3"):
        fake_program(tmp_path / "bin", name, body, monkeypatch)
    tools, notes = probe_tools()
    assert (tools.fio, tools.iperf3) == ("", "")
    assert [note.partition(":")[0] for note in notes] == [
        "fio --version says nothing that is a version",
        "iperf3 --version says nothing that is a version",
    ]
