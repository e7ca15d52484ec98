"""The right to write: the lock held, the journal open, the machine and its boot known.

Whoever holds a session is the only one who changes this machine through nodeagent.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nodeagent.host import Host, changes
from nodeagent.host.changes import Observation
from nodeagent.model.change import Change
from nodeagent.model.errors import HostError, NodeagentError
from nodeagent.tune import lock, reserve
from nodeagent.tune.clock import Clock, SystemClock
from nodeagent.tune.journal import Journal
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.progress import Event, Listener, Step, ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Given to apply, rollback and confirm; `listener` hears of every step as it is made."""

    host: Host
    journal: Journal
    state_directory: Path
    boot_id: str
    clock: Clock = field(default_factory=SystemClock)
    listener: Listener = ignore

    @property
    def ledger(self) -> Ledger:
        return self.journal.ledger

    def look(self, change: Change) -> Observation:
        """The current state of what a change is about; HostError, whatever goes wrong."""
        try:
            return changes.observe(self.host, change)
        except Exception as error:
            raise _as_host_error("look at", change, error) from error

    def perform(self, change: Change) -> None:
        """Carry out a change; HostError, whatever goes wrong."""
        try:
            changes.perform(self.host, change)
        except Exception as error:
            raise _as_host_error("change", change, error) from error

    def sweep(self, change: Change) -> None:
        """Remove what an interrupted `perform` of this change left; HostError."""
        changes.sweep(self.host, change)

    def finish(self, change: Change) -> None:
        """Do what an interrupted `perform` may have left undone although the state is right; HostError."""
        changes.finish(self.host, change)

    def tell(
        self,
        step: Step,
        transaction: str,
        change: Change | None = None,
        text: str = "",
        *,
        number: int = 0,
        total: int = 0,
    ) -> None:
        """Let the listener know."""
        tunable, key = (change.tunable, change.key) if change else ("", "")
        self.listener(
            Event(step=step, transaction=transaction, tunable=tunable, key=key, text=text, number=number, total=total)
        )


def _as_host_error(doing: str, change: Change, error: Exception) -> HostError:
    """A refusal, and a defect too, is for the engine a step that failed: it must not end an apply half-way."""
    if isinstance(error, NodeagentError):
        return HostError(error.message, remedy=error.remedy)
    return HostError(
        f"cannot {doing} {change.key}: {type(error).__name__}: {error}",
        remedy="this is a defect of nodeagent; run it again with --debug and report what it prints",
    )


@contextmanager
def open_session(
    host: Host,
    state_directory: Path,
    *,
    command: str,
    wait: bool = False,
    spend_reserve: bool = False,
    clock: Clock | None = None,
    listener: Listener = ignore,
) -> Iterator[Session]:
    """Take the lock and open the journal for the block.

    `command` is what a person would call it, for the one who finds the lock taken. `spend_reserve` is for those who
    undo: on a full disk they get the space that everybody else must first be able to set aside. BusyError where another
    process has the lock (unless `wait`), JournalError, HostError, RefusedError; nothing was changed then.
    """
    boot_id = host.boot_id()
    if not boot_id:
        raise HostError(
            "cannot read the boot id (/proc/sys/kernel/random/boot_id): "
            "without it nobody can tell after a reboot which settings are gone",
            remedy="mount /proc",
        )
    time = clock or SystemClock()
    with lock.hold(state_directory, command=command, boot_id=boot_id, wall_seconds=time.wall_seconds(), wait=wait):
        # Before the journal: SQLite needs room for its own files as soon as it is opened.
        if spend_reserve:
            reserve.give_back(state_directory)
        else:
            reserve.take(state_directory)
        with Journal(state_directory, boot_id=boot_id, clock=time) as journal:
            yield Session(
                host=host,
                journal=journal,
                state_directory=state_directory,
                boot_id=boot_id,
                clock=time,
                listener=listener,
            )
