"""Commands as data: what to start, for how long, and where its output goes; only `host/process.py` starts them."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A program and its limits. Never a shell line: every argument is one element.

    `timeout_seconds` bounds the whole run, after which the process group is ended (TERM, then KILL).
    `output_limit_bytes` bounds what is kept of stdout and of stderr each; more ends the run as a failure.
    `inherit_fds` stay open in the child (a claimed device is passed as /proc/self/fd/N).
    `network_namespace` is a name of ip-netns(8).
    """

    argv: tuple[str, ...]
    timeout_seconds: float
    environment: tuple[tuple[str, str], ...] = ()
    directory: Path | None = None
    input_text: str | None = None
    output_limit_bytes: int = 16 * 1024 * 1024
    inherit_fds: tuple[int, ...] = ()
    network_namespace: str | None = None
    nice: int | None = None

    def __str__(self) -> str:
        return shlex.join(self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """How a command ended. `signal` is set when it was killed; `timed_out` and `truncated` say by whom and why."""

    command: Command
    exit_code: int
    stdout: bytes
    stderr: bytes
    started_at: float
    duration_seconds: float
    signal: int | None = None
    timed_out: bool = False
    truncated: bool = False
    interrupted: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def ok(self) -> bool:
        return self.exit_code == 0 and not (self.timed_out or self.truncated or self.interrupted)
