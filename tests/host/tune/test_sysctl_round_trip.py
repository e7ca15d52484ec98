"""The whole way on the real kernel: plan, apply, verify, killed, interrupted, full, rolled back, byte for byte."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.model.errors import ExitCode
from tests.host.tune.netns import KNOBS, Namespace, network_namespace
from tests.needs import need_root, need_tool, tool

pytestmark = [pytest.mark.host, need_root, need_tool("ip")]

TTL, FIN = "net.ipv4.ip_default_ttl", "net.ipv4.tcp_fin_timeout"


def squeezed(values: dict[str, str]) -> dict[str, str]:
    return {key: " ".join(value.split()) for key, value in values.items()}


def test_the_whole_way_and_back(namespace: Namespace) -> None:
    before = namespace.values()
    assert namespace.run("tune", "plan").returncode == ExitCode.OK
    assert namespace.run("tune", "plan", "--detailed-exitcode").returncode == ExitCode.DIFFERS
    assert not namespace.state.exists()
    applied = namespace.run("tune", "apply", "--yes")
    assert applied.returncode == ExitCode.OK, applied.stderr
    assert squeezed(namespace.values()) == KNOBS
    assert namespace.run("tune", "plan", "--detailed-exitcode").returncode == ExitCode.OK
    assert namespace.run("tune", "verify").returncode == ExitCode.OK
    again = namespace.json("tune", "apply", "--yes")
    assert (again["outcome"], again["changes"]) == ("nothing-to-do", 0)
    rolled = namespace.run("tune", "rollback")
    assert rolled.returncode == ExitCode.OK, rolled.stdout
    assert namespace.values() == before
    assert namespace.run("tune", "verify").returncode == ExitCode.DIFFERS


def test_the_plan_is_what_the_apply_does(namespace: Namespace) -> None:
    plan = namespace.json("tune", "plan")
    applied = namespace.json("tune", "apply", "--yes")
    planned = [step["command"] for tunable in plan["tunables"] for step in tunable["steps"]]
    assert [change["command"] for change in applied["applied"]] == planned
    namespace.run("tune", "rollback")
    before = namespace.values()
    for command in planned:
        assert namespace.shell(command).returncode == 0
    assert squeezed(namespace.values()) == KNOBS != squeezed(before)


def test_a_saved_plan_is_refused_once_the_machine_moved(namespace: Namespace) -> None:
    file = namespace.directory / "my.plan"
    namespace.run("tune", "plan", "--out", str(file))
    namespace.set(TTL, "70")
    before = namespace.values()
    refused = namespace.run("tune", "apply", str(file))
    assert refused.returncode == ExitCode.REFUSED
    assert "planned 64 -> 99, now it would be 70 -> 99" in refused.stderr
    assert namespace.values() == before
    namespace.set(TTL, "64")
    assert namespace.run("tune", "apply", str(file)).returncode == ExitCode.OK


def test_what_somebody_else_set_is_kept(namespace: Namespace) -> None:
    before = namespace.values()
    namespace.run("tune", "apply", "--yes")
    namespace.set(TTL, "77")
    rolled = namespace.run("tune", "rollback")
    assert rolled.returncode == ExitCode.DIFFERS
    assert "original 64, ours 99, now 77" in " ".join(rolled.stdout.split())
    assert namespace.values() == before | {TTL: "77"}


def test_another_network_namespace_is_another_machine(namespace: Namespace, tmp_path: Path) -> None:
    """The same names mean other knobs there, so nothing is written."""
    namespace.run("tune", "apply", "--yes")
    (tmp_path / "other").mkdir()
    with network_namespace(tmp_path / "other") as other:
        untouched = other.values()
        rolled = subprocess.run(
            other.argv("tune", "rollback", "--state-dir", str(namespace.state)),
            capture_output=True,
            text=True,
            check=False,
        )
        assert rolled.returncode == ExitCode.DIFFERS
        assert "another object has its name now" in " ".join(rolled.stdout.split())
        assert other.values() == untouched
    assert namespace.run("tune", "rollback").returncode == ExitCode.OK


@need_tool("strace")
def test_verify_opens_nothing_for_writing(namespace: Namespace) -> None:
    namespace.run("tune", "apply", "--yes")
    namespace.run("tune", "verify")  # so that Python has its compiled files
    log = namespace.directory / "strace.log"
    trace = (
        "-f",
        "-qq",
        "-e",
        "signal=none",
        "-e",
        "trace=%file,write,writev,pwrite64,pwritev,ftruncate,fsync,fdatasync",
    )
    verified = namespace.run("tune", "verify", before=[tool("strace"), *trace, "-o", str(log)])
    assert verified.returncode == ExitCode.OK
    lines = log.read_text().splitlines()
    assert any("tcp_fin_timeout" in line for line in lines)
    opened = [line for line in lines if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line)]
    calls = "unlink unlinkat rename renameat2 mkdir mkdirat rmdir link linkat symlink symlinkat chmod fchmodat chown "
    calls += "truncate ftruncate fsync fdatasync pwrite64 pwritev utimensat mknod mknodat"
    changes = re.compile(rf"\s(?:{'|'.join(calls.split())})\(")
    changed = [line for line in lines if changes.search(line)]
    written = [line for line in lines if re.search(r" (?:write|writev)\((?!1,|2,)", line)]
    assert (opened, changed, written) == ([], [], [])


@need_tool("strace")
@pytest.mark.parametrize("nth", [1, 2, 3, 5, 7, 9, 11, 13, 15, 17])
def test_killed_at_any_commit_no_original_is_lost(namespace: Namespace, nth: int) -> None:
    before = namespace.values()
    log = namespace.directory / "strace.log"
    kill = ("-f", "-qq", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:signal=KILL:when={nth}")
    killed = namespace.run("tune", "apply", "--yes", before=[tool("strace"), "-o", str(log), *kill])
    assert killed.returncode in (0, 137, -signal.SIGKILL)
    assert (killed.returncode == 0) == ("killed by SIGKILL" not in log.read_text())
    rolled = namespace.run("tune", "rollback")
    assert rolled.returncode == ExitCode.OK, rolled.stdout + rolled.stderr
    assert namespace.values() == before
    assert namespace.run("tune", "apply", "--yes").returncode == ExitCode.OK
    assert squeezed(namespace.values()) == KNOBS
    namespace.run("tune", "rollback")
    assert namespace.values() == before


SLOW = ("-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=300000")


@need_tool("strace")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_between_two_changes(namespace: Namespace, number: signal.Signals) -> None:
    before = namespace.values()
    log = str(namespace.directory / "strace.log")
    process = namespace.start("tune", "apply", "--yes", before=[tool("strace"), "-o", log, *SLOW])
    assert process.stderr is not None
    while "[1/5]" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    pid = next(int(line.split()[0]) for line in Path(log).read_text().splitlines())
    subprocess.run(["kill", f"-{number.value}", str(pid)], check=True)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == ExitCode.INTERRUPTED, stderr
    assert "Interrupted after" in stdout
    history = namespace.json("tune", "history")
    assert history["transactions"][-1]["state"] == "interrupted"
    changed = [key for key, value in namespace.values().items() if value != before[key]]
    assert 1 <= len(changed) == history["transactions"][-1]["standing"] < len(KNOBS)
    assert namespace.run("tune", "rollback").returncode == ExitCode.OK
    assert namespace.values() == before


@need_tool("strace")
def test_the_second_of_two_agents_is_told_to_wait(namespace: Namespace) -> None:
    log = str(namespace.directory / "strace.log")
    process = namespace.start("tune", "apply", "--yes", before=[tool("strace"), "-o", log, *SLOW])
    assert process.stderr is not None
    while "[1/5]" not in (line := process.stderr.readline()):
        assert line, process.communicate()
    for verb in (("apply", "--yes"), ("rollback",), ("confirm",)):
        busy = namespace.run("tune", *verb)
        assert busy.returncode == ExitCode.BUSY
        assert re.search(r"another nodeagent is at work: process \d+ \(nodeagent tune apply --yes\)", busy.stderr)
    assert namespace.run("tune", "history").returncode == ExitCode.OK
    assert namespace.run("tune", "verify").returncode in (ExitCode.OK, ExitCode.DIFFERS)
    process.communicate(timeout=60)
    assert process.returncode == ExitCode.OK
    assert namespace.run("tune", "rollback").returncode == ExitCode.OK


@pytest.fixture
def full_disk(namespace: Namespace) -> Iterator[Path]:
    """A state directory on 2 MiB, and a file that can fill the rest."""
    namespace.state.mkdir(mode=0o700)
    subprocess.run([tool("mount"), "-t", "tmpfs", "-o", "size=2m,mode=0700", "tmpfs", namespace.state], check=True)
    try:
        yield namespace.state / "ballast"
    finally:
        subprocess.run([tool("umount"), namespace.state], check=False)


def fill(ballast: Path) -> None:
    descriptor = os.open(ballast, os.O_WRONLY | os.O_CREAT)
    try:
        with contextlib.suppress(OSError):
            while True:
                os.write(descriptor, b"\0" * 4096)
    finally:
        os.close(descriptor)


def test_a_full_disk_stops_an_apply_before_it_begins(namespace: Namespace, full_disk: Path) -> None:
    before = namespace.values()
    fill(full_disk)
    refused = namespace.run("tune", "apply", "--yes")
    assert refused.returncode == ExitCode.REFUSED
    assert "no room" in refused.stderr
    assert "make space" in refused.stderr
    assert namespace.values() == before
    full_disk.unlink()
    assert namespace.run("tune", "apply", "--yes").returncode == ExitCode.OK


def test_a_full_disk_does_not_stop_a_rollback(namespace: Namespace, full_disk: Path) -> None:
    before = namespace.values()
    assert namespace.run("tune", "apply", "--yes").returncode == ExitCode.OK
    fill(full_disk)
    rolled = namespace.run("tune", "rollback")
    assert rolled.returncode == ExitCode.OK, rolled.stderr
    assert namespace.values() == before


def test_a_guard_outlives_its_apply_and_rolls_back(namespace: Namespace) -> None:
    """Killed with its whole session, as when the ssh connection goes down with the port."""
    before = namespace.values()
    process = subprocess.Popen(
        namespace.argv("tune", "apply", "--yes", "--confirm-within", "10s"),
        env=namespace.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    output, _ = process.communicate(timeout=60)
    assert process.returncode == ExitCode.OK, output
    assert squeezed(namespace.values()) == KNOBS
    assert "Confirm within 10 s" in output
    refused = namespace.run("tune", "apply", "--yes", "--only", "sysctl")
    assert refused.returncode == ExitCode.REFUSED
    limit = time.monotonic() + 25
    while namespace.values() != before and time.monotonic() < limit:
        time.sleep(0.2)
    assert namespace.values() == before
    late = namespace.run("tune", "confirm")
    assert late.returncode == ExitCode.REFUSED
    assert "too late" in late.stderr
    assert namespace.json("tune", "history")["transactions"][-1]["state"] == "unconfirmed"


def test_what_is_confirmed_stays_and_its_guard_ends(namespace: Namespace) -> None:
    applied = namespace.run("tune", "apply", "--yes", "--confirm-within", "60s")
    assert applied.returncode == ExitCode.OK, applied.stderr
    note = next((namespace.state / "guards").glob("*.json")).read_text()
    pid = re.search(r'"pid": (\d+)', note)
    assert pid is not None
    assert Path(f"/proc/{pid[1]}/cmdline").read_text().count("nodeagent.tune.guard") == 1
    assert namespace.run("tune", "confirm").returncode == ExitCode.OK
    limit = time.monotonic() + 10
    while _is_alive(int(pid[1])) and time.monotonic() < limit:
        time.sleep(0.05)
    assert not _is_alive(int(pid[1]))
    assert squeezed(namespace.values()) == KNOBS
    assert namespace.run("tune", "confirm").returncode == ExitCode.REFUSED
    assert namespace.run("tune", "rollback").returncode == ExitCode.OK


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
