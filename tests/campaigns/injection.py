"""Run a function in a forked child and let strace kill it, or fail one of its system calls, at the n-th call.

The child stops itself first, strace attaches, and only then the function runs: no interpreter start, no imports, some
ten milliseconds a point. Only the child's own calls are counted, not those of programs it starts. A signal injected at
the entry of a call ends the child before the call is made.

Source: strace(1), "Tampering".
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    *("openat", "write", "pwrite64", "fsync", "fdatasync", "close", "ftruncate", "fallocate"),
    *("rename", "unlink", "mkdir", "rmdir", "fchmod", "fchown"),
)
"""Every call by which nodeagent or SQLite opens, changes, syncs or leaves a file."""

_ATTACH_SECONDS = 10.0
_LIFE_SECONDS = 60.0
_CALL = re.compile(r"^(\w+)\(", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the child ended: `exit_code`, or the signal that killed it; `log` is what strace saw."""

    exit_code: int | None
    killed_by: int | None
    log: str
    said: str

    @property
    def calls(self) -> Counter[str]:
        return Counter(_CALL.findall(self.log))

    @property
    def injected(self) -> bool:
        return "(INJECTED)" in self.log or self.killed_by == signal.SIGKILL


def traced(
    function: Callable[[], int],
    *,
    inject: str = "",
    calls: tuple[str, ...] | None = None,
    options: tuple[str, ...] = (),
) -> Ending:
    """Run `function` under strace; `inject` as in strace's `-e inject=`. Its stderr is kept in `said`.

    `calls` is what the log shows: by default everything, or the one call that is tampered with, which is faster.
    """
    shown = calls or ((inject.partition(":")[0],) if inject else CALLS)
    with tempfile.TemporaryDirectory(prefix="nodeagent-trace-") as directory:
        log, said = Path(directory, "log"), Path(directory, "said")
        pid = _stopped_child(function, said)
        command = ["strace", "-qq", "-e", "signal=none", "-o", str(log), "-p", str(pid), *options]
        command += ["-e", "trace=" + ",".join(shown)]
        command += ["-e", f"inject={inject}"] if inject else []
        with subprocess.Popen(command, stderr=subprocess.PIPE) as strace:
            _wait_attached(pid, strace)
            os.kill(pid, signal.SIGCONT)
            status = _wait(pid)
        return Ending(
            exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
            killed_by=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
            log=log.read_text(errors="replace"),
            said=said.read_text(errors="replace"),
        )


def plain(function: Callable[[], int]) -> Ending:
    """Run `function` in a child without strace."""
    with tempfile.TemporaryDirectory(prefix="nodeagent-trace-") as directory:
        said = Path(directory, "said")
        pid = _stopped_child(function, said)
        os.kill(pid, signal.SIGCONT)
        status = _wait(pid)
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else None
        return Ending(exit_code=code, killed_by=None, log="", said=said.read_text(errors="replace"))


def _stopped_child(function: Callable[[], int], said: Path) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _live(function, said)
    os.waitpid(pid, os.WUNTRACED)
    return pid


def _live(function: Callable[[], int], said: Path) -> None:
    """The child's life; it never returns into the campaign."""
    code = 99
    try:
        _die_with_parent()
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(descriptor, 2)
        os.dup2(descriptor, 1)
        os.close(descriptor)
        os.kill(os.getpid(), signal.SIGSTOP)
        code = function()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


def _die_with_parent() -> None:
    """A campaign that is killed leaves no stopped child behind, which would hold its lock for ever (prctl(2))."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _wait_attached(pid: int, strace: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _ATTACH_SECONDS
    while "TracerPid:\t0\n" in Path(f"/proc/{pid}/status").read_text():
        if strace.poll() is not None or time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            assert strace.stderr is not None
            raise RuntimeError(f"strace did not attach: {strace.stderr.read().decode(errors='replace')}")
        time.sleep(0.001)


def _wait(pid: int) -> int:
    """The wait status; a child that hangs is killed and counts as killed by SIGALRM's number."""
    deadline = time.monotonic() + _LIFE_SECONDS
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return status
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise RuntimeError(f"the child hung for {_LIFE_SECONDS:g} s")
        time.sleep(0.0005)
