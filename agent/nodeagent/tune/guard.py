"""The guard of a confirm window: a process outside of the apply that rolls back unless a confirmation comes.

It is set up before the first change and owes nothing to whoever did that: where systemd runs the machine a transient
timer of PID 1 (systemd-run(1)) starts it a minute before the end of the window, elsewhere it is a process in a session
of its own, which the end of a terminal, a SIGKILL of the apply and the end of an ssh connection don't reach. It counts
CLOCK_BOOTTIME, then waits for the lock and does what every start does: tidy up (tune/recover.py), which undoes what was
not confirmed in time.

    python -m nodeagent.tune.guard STATE_DIRECTORY ROOT TRANSACTION DEADLINE_SECONDS
"""

import json
import os
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodeagent
from nodeagent.host import Host
from nodeagent.host.process import find_program, run, start_detached
from nodeagent.host.process_identity import ProcessIdentity, own_identity, terminate
from nodeagent.host.state_directory import ensure_state_directory, write_own_file
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

DIRECTORY_NAME = "guards"

_SYSTEMD_RUNS = Path("/run/systemd/system")  # sd_booted(3)
_START_SECONDS = 20.0
_LOOK_SECONDS = 0.02
_SLEEP_SECONDS = 5.0
_LEAD_SECONDS = 60.0
"""A guard of systemd starts so long before the end: on a machine that is overrun Python takes that long."""
_AT_ONCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What a guard is told: whom to watch over and until when (CLOCK_BOOTTIME)."""

    state_directory: Path
    root: Path
    transaction: str
    deadline_seconds: float
    within_seconds: float


Start = Callable[[Watch], dict[str, Any]]


def start(watch: Watch) -> dict[str, Any]:
    """Start a guard and wait until it really watches; what `end` needs to know about it.

    HostError where none can be started: then nothing may be changed.
    """
    ensure_state_directory(watch.state_directory / DIRECTORY_NAME)
    if _SYSTEMD_RUNS.is_dir() and find_program("systemd-run"):
        return _start_unit(watch)
    return _start_process(watch)


def end(guard: Mapping[str, Any]) -> bool:
    """End a guard that is not needed any more; False where it has ended, or can't be: it looks before it acts."""
    match guard:
        case {"kind": "unit", "name": str(name)}:
            # The timer, and the guard itself where it waits already: a pattern names only what is loaded.
            return run(Command(argv=("systemctl", "stop", f"{name}.*"), timeout_seconds=_START_SECONDS)).ok
        case {"kind": "process", "pid": int(pid), "start_ticks": int(start_ticks)}:
            return terminate(ProcessIdentity(pid=pid, start_ticks=start_ticks))
        case _:
            return False


def remove_old_notes(state_directory: Path, *, keep: Collection[str]) -> None:
    """Remove the files of guards of transactions that are not in `keep`."""
    for path in (state_directory / DIRECTORY_NAME).glob("*"):
        if path.stem not in keep:
            path.unlink(missing_ok=True)


def unit_command(watch: Watch) -> Command:
    """The systemd-run command line: a timer that starts the guard in time to be loaded when the window is over."""
    starts_in_seconds = max(watch.within_seconds - _LEAD_SECONDS, _AT_ONCE_SECONDS)
    options = (
        f"--unit={_unit_name(watch)}",
        f"--description=Roll back nodeagent apply {watch.transaction} unless it is confirmed",
        f"--on-active={starts_in_seconds:.3f}s",
        "--timer-property=AccuracySec=1s",
        "--collect",
        "--quiet",
        f"--setenv=PYTHONPATH={_package_parent()}",
    )
    return Command(argv=("systemd-run", *options, *_argv(watch)), timeout_seconds=_START_SECONDS)


def main(arguments: list[str]) -> int:
    """Wait for the end of the window, then tidy up; the exit code of that."""
    state, root, transaction, deadline = arguments
    watch = Watch(
        state_directory=Path(state),
        root=Path(root),
        transaction=transaction,
        deadline_seconds=float(deadline),
        within_seconds=0.0,
    )
    os.chdir("/")  # keep no file system busy
    # Whatever the guard will need is loaded now: at the end of the window the disk may be the problem.
    from nodeagent.host import changes
    from nodeagent.host.changes import config, directory, knob, replacement
    from nodeagent.tune.recover import recover
    from nodeagent.tune.session import open_session
    from nodeagent.tune.undo.undo import exit_code

    _ = (changes, config, directory, knob, replacement)
    _report(watch)
    while (left := watch.deadline_seconds - time.clock_gettime(time.CLOCK_BOOTTIME)) > 0:
        time.sleep(min(left, _SLEEP_SECONDS))
    with open_session(
        Host(root=watch.root), watch.state_directory, command=f"guard of {transaction}", wait=True, spend_reserve=True
    ) as session:
        steps = recover(session).steps
    for step in steps:
        print(f"{step.key}: {step.fate} {step.detail}", flush=True)  # noqa: T201 - into the guard's own log
    return exit_code(steps)


def _start_unit(watch: Watch) -> dict[str, Any]:
    completed = run(unit_command(watch))
    if not completed.ok:
        raise _not_started(completed.stderr.decode(errors="replace").strip() or f"exit code {completed.exit_code}")
    return {"kind": "unit", "name": _unit_name(watch)}


def _start_process(watch: Watch) -> dict[str, Any]:
    log = _file(watch, "log")
    environment = (("PYTHONPATH", str(_package_parent())),)
    command = Command(argv=_argv(watch), timeout_seconds=_START_SECONDS, environment=environment)
    note = _file(watch, "json")
    note.unlink(missing_ok=True)
    pid = start_detached(command, output=log)
    limit = time.monotonic() + _START_SECONDS
    while time.monotonic() < limit:
        if note.exists():
            return {"kind": "process", **json.loads(note.read_text())}
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            break
        time.sleep(_LOOK_SECONDS)
    raise _not_started(f"see {log}")


def _report(watch: Watch) -> None:
    """Tell the one who waits for us that the watch has begun, and how to end it."""
    us = own_identity()
    note = json.dumps({"pid": us.pid, "start_ticks": us.start_ticks})
    write_own_file(_file(watch, "json"), note.encode())


def _argv(watch: Watch) -> tuple[str, ...]:
    arguments = (str(watch.state_directory), str(watch.root), watch.transaction, f"{watch.deadline_seconds:.3f}")
    # -P: the directory that somebody happens to stand in is no place to import from.
    return (sys.executable, "-P", "-m", "nodeagent.tune.guard", *arguments)


def _unit_name(watch: Watch) -> str:
    return f"nodeagent-confirm-{watch.transaction}"


def _file(watch: Watch, suffix: str) -> Path:
    return watch.state_directory / DIRECTORY_NAME / f"{watch.transaction}.{suffix}"


def _package_parent() -> Path:
    """Where the interpreter finds this very package, whatever its environment says."""
    return Path(nodeagent.__file__).parents[1]


def _not_started(reason: str) -> HostError:
    return HostError(
        f"the guard that would roll back an unconfirmed apply did not start: {reason}",
        remedy="apply without --confirm-within only where you can reach the machine's console",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
