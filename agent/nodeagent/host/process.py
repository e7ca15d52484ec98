"""Starting programs: the only place that does, so that none is ever left behind.

Each command gets a session of its own, a wall-clock limit, size-capped outputs and an environment that does not depend
on who started us. However it ends, by itself, by its limit, by a cancel or by Ctrl-C, it is over for its whole family
(process_family.py) before `run` returns: TERM, a moment to tidy up, then KILL, which also ends what is stopped.
There is no shell anywhere: an argument is what the caller gave, byte for byte.
"""

import os
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from nodeagent.host.process_child import ChildSetup, Shield, become_subreaper
from nodeagent.host.process_command import (
    cannot_start,
    environment,
    last_words,
    open_namespace,
    refuse_not_found,
    resolve,
)
from nodeagent.host.process_family import Family, our_children, spare
from nodeagent.host.process_output import Pipes
from nodeagent.host.process_program import find_program, install_remedy
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError

__all__ = ["Cancel", "Running", "find_program", "install_remedy", "run", "start", "start_detached"]

GRACE_SECONDS = 2.0
"""From TERM to KILL; fio writes the results of an interrupted job in far less."""

_KILL_WAIT_SECONDS = 4.0
_DRAIN_SECONDS = 1.0
_WAKE_SECONDS = 0.1


class Cancel(Protocol):
    """Asked ten times a second whether to stop; a threading.Event is one."""

    def is_set(self) -> bool: ...


class _Ending(StrEnum):
    EXITED = "exited"
    TIMED_OUT = "timed out"
    TRUNCATED = "truncated"
    INTERRUPTED = "interrupted"


def run(
    command: Command,
    *,
    cancel: Cancel | None = None,
    on_output: Callable[[bytes], None] | None = None,
    on_tick: Callable[[float], None] | None = None,
) -> Completed:
    """Start a command, wait for its end, leave nothing behind.

    `on_output` gets stdout as it comes; `on_tick` gets the seconds since the start, about ten times a second. A failing
    exit code is a result, not an error. `interrupted` is set after a cancel; KeyboardInterrupt (SIGTERM too, where the
    command line turned it into one) ends the child first and then passes on.
    HostError when the program is missing or cannot be started.
    """
    with Shield() as shield:
        child = _Child.spawn(command)
        try:
            with shield.lowered():
                ending = child.watch(cancel=cancel, on_output=on_output, on_tick=on_tick)
        finally:
            rest = child.end(in_a_hurry=shield.waiting)
    if rest and on_output is not None:
        on_output(rest)
    return refuse_not_found(child.completed(ending))


def start(command: Command) -> "Running":
    """Start a server: it runs beside the caller until `stop`, or its own time limit.

    The kernel kills it when the *thread* that called this ends (PR_SET_PDEATHSIG), so stop it from the same thread.
    HostError when the program is missing or cannot be started.
    """
    with Shield() as shield:
        running = Running(_Child.spawn(command))
        try:
            with shield.lowered():
                return running
        except BaseException:
            running.stop()
            raise


def start_detached(command: Command, *, output: Path) -> int:
    """Start a process that is meant to outlive us, its outputs going to the file `output`; returns its pid.

    For the guard that rolls back an unconfirmed change: it has no time limit, no family, and we are not its keeper.
    HostError when the program is missing or cannot be started.
    """
    program = resolve(command)
    # Without O_CLOEXEC: the descriptor is to be there after exec.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    try:
        with Shield():
            pid = os.posix_spawn(
                program,
                command.argv,
                environment(command, mark=""),
                setsid=True,
                setsigmask=(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, os.fspath(output), flags, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                ],
            )
            spare(pid)
    except (OSError, ValueError) as error:
        raise cannot_start(command, error) from error
    return pid


class Running:
    """A server under way. Use it as a context manager, or call `stop`."""

    def __init__(self, child: "_Child") -> None:
        self.command = child.command
        self.pid = child.pid
        self._child = child
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._completed: Completed | None = None
        self._thread = threading.Thread(target=self._keep, name=f"keep-{child.pid}", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def stdout(self) -> bytes:
        """What it printed so far, up to the limit of its command."""
        return bytes(self._child.pipes.stdout)

    @property
    def stderr(self) -> bytes:
        return bytes(self._child.pipes.stderr)

    @property
    def completed(self) -> Completed | None:
        """How it ended; None while it runs."""
        return self._completed

    def wait_ready(self, text: str, *, timeout_seconds: float) -> None:
        """Wait until `text` stands in its stdout; HostError when it ends before or the time is over."""
        wanted = text.encode()
        with self._news:
            self._news.wait_for(lambda: wanted in self.stdout or self._completed is not None, timeout_seconds)
        if wanted in self.stdout:
            return
        what = f"did not print {text!r} within {timeout_seconds:g} s"
        if self._completed is not None:
            what = f"ended with code {self._completed.exit_code} before it printed {text!r}"
        raise HostError(f"{self.command.argv[0]}: {what}; it said: {last_words(self.stdout, self.stderr)}")

    def wait(self, *, timeout_seconds: float) -> Completed | None:
        """Wait for it to end by itself; None when it has not within the time."""
        with self._news:
            self._news.wait_for(lambda: self._completed is not None, timeout_seconds)
        return self._completed

    def stop(self) -> Completed:
        """End it and its family; how it ended. `interrupted` is set when it had not ended by itself."""
        with Shield():
            self._stop.set()
            self._thread.join()
        assert self._completed is not None
        return self._completed

    def _keep(self) -> None:
        ending = _Ending.INTERRUPTED
        try:
            ending = self._child.watch(cancel=self._stop, on_output=self._tell, on_tick=None)
        finally:
            self._child.end(in_a_hurry=lambda: False)
            with self._news:
                self._completed = self._child.completed(ending)
                self._news.notify_all()

    def _tell(self, _data: bytes) -> None:
        with self._news:
            self._news.notify_all()


class _Child:
    """A started command: its first process, its pipes, its family."""

    def __init__(self, command: Command, process: "subprocess.Popen[bytes]", family: Family) -> None:
        self.command = command
        self.pid = process.pid
        self.notes: list[str] = []
        self._process = process
        self._family = family
        self._started_at = time.time()
        self._started = time.monotonic()
        self._duration_seconds = 0.0
        assert process.stdout is not None
        assert process.stderr is not None
        self.pipes = Pipes(
            stdout=process.stdout, stderr=process.stderr, stdin=process.stdin, limit_bytes=command.output_limit_bytes
        )
        if command.input_text is not None:
            self.pipes.send(command.input_text.encode("utf-8", "surrogateescape"))
        self._pidfd = os.pidfd_open(process.pid)
        self.pipes.watch_exit(self._pidfd)

    @classmethod
    def spawn(cls, command: Command) -> Self:
        program = resolve(command)
        mark = uuid.uuid4().hex
        _become_subreaper_once()
        strangers = our_children()
        namespace_fd = open_namespace(command)
        setup = ChildSetup(
            parent_pid=os.getpid(),
            nice=command.nice,
            namespace_fd=namespace_fd,
        )
        try:
            process = subprocess.Popen(
                command.argv,
                executable=program,
                stdin=subprocess.DEVNULL if command.input_text is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                cwd=command.directory,
                env=environment(command, mark=mark),
                pass_fds=command.inherit_fds,
                start_new_session=True,
                preexec_fn=setup,  # noqa: PLW1509 - a few system calls, no lock; see process_child.py
            )
            return cls._adopt(command, process, Family(leader=process.pid, mark=mark, strangers=strangers))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            in_child = isinstance(error, subprocess.SubprocessError)
            raise cannot_start(command, error, in_child=in_child) from error
        finally:
            if namespace_fd is not None:
                os.close(namespace_fd)

    @classmethod
    def _adopt(cls, command: Command, process: "subprocess.Popen[bytes]", family: Family) -> Self:
        try:
            return cls(command, process, family)
        except BaseException:
            # No descriptor was left to watch it with: it must not run unwatched.
            family.signal(signal.SIGKILL)
            with process:
                family.close()
            raise

    def watch(
        self,
        *,
        cancel: Cancel | None,
        on_output: Callable[[bytes], None] | None,
        on_tick: Callable[[float], None] | None,
    ) -> _Ending:
        """Move output until the first process ends or something speaks against waiting any longer."""
        while True:
            elapsed = time.monotonic() - self._started
            if cancel is not None and cancel.is_set():
                return _Ending.INTERRUPTED
            if elapsed >= self.command.timeout_seconds:
                return _Ending.TIMED_OUT
            if on_tick is not None:
                on_tick(elapsed)
            new = self.pipes.pump(min(_WAKE_SECONDS, self.command.timeout_seconds - elapsed))
            if new and on_output is not None:
                on_output(new)
            if self.pipes.overflowed:
                return _Ending.TRUNCATED
            if self._exited():
                return _Ending.EXITED

    def end(self, *, in_a_hurry: Callable[[], bool]) -> bytes:
        """Make sure that nobody of the family lives, read what they had written; returns the rest of stdout."""
        rest = bytearray(self._ask_to_end(in_a_hurry))
        self._duration_seconds = time.monotonic() - self._started
        rest += self._kill_family()
        rest += self._drain()
        self.pipes.close()
        os.close(self._pidfd)
        self._bury()
        return bytes(rest)

    def completed(self, ending: _Ending) -> Completed:
        code = self._process.returncode
        number = -code if code is not None and code < 0 else None
        exit_code = 128 + number if number is not None else (code if code is not None else -1)
        return Completed(
            command=self.command,
            exit_code=exit_code,
            stdout=bytes(self.pipes.stdout),
            stderr=bytes(self.pipes.stderr),
            started_at=self._started_at,
            duration_seconds=self._duration_seconds,
            signal=number,
            timed_out=ending is _Ending.TIMED_OUT,
            truncated=self.pipes.overflowed,
            interrupted=ending is _Ending.INTERRUPTED,
            notes=tuple(self.notes),
        )

    def _exited(self) -> bool:
        # WNOWAIT leaves it a zombie: while it is one, its number and its group's cannot be given to anybody else.
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _ask_to_end(self, in_a_hurry: Callable[[], bool]) -> bytes:
        if self._exited():
            return b""
        self._family.signal(signal.SIGTERM)
        self._family.signal(signal.SIGCONT)
        rest = bytearray()
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and not in_a_hurry() and not self._exited():
            rest += self.pipes.pump(_WAKE_SECONDS)
        return bytes(rest)

    def _kill_family(self) -> bytes:
        rest = bytearray()
        deadline = time.monotonic() + _KILL_WAIT_SECONDS
        left_behind: set[int] = set()
        while True:
            census = self._family.census()
            if (not census.living and census.settled) or time.monotonic() >= deadline:
                break
            if self._exited():
                left_behind |= {entry.pid for entry in census.living}
            if census.living:
                self._family.signal(signal.SIGKILL)
                rest += self.pipes.pump(0.01)
        if left_behind:
            self.notes.append(f"{len(left_behind)} processes were left behind by {self.command.argv[0]} and killed")
        self.notes += [f"process {entry.pid} does not die (state {entry.state})" for entry in census.living]
        return bytes(rest)

    def _drain(self) -> bytes:
        rest = bytearray()
        deadline = time.monotonic() + _DRAIN_SECONDS
        while not self.pipes.ended and (left := deadline - time.monotonic()) > 0:
            rest += self.pipes.pump(left)
        return bytes(rest)

    def _bury(self) -> None:
        try:
            self._process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            _IMMORTAL.append(self._process)
        else:
            self._family.close()


_IMMORTAL: list["subprocess.Popen[bytes]"] = []
"""Processes in uninterruptible sleep that outlived KILL: kept, since they are still our children."""

_subreaper = threading.Event()


def _become_subreaper_once() -> None:
    if not _subreaper.is_set():
        become_subreaper()
        _subreaper.set()
