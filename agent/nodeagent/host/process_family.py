"""All processes that one command brought into the world, however far they went.

A process group is not enough: a child may call setsid, fork twice and clear its environment. A process belongs to the
family when it is in the leader's group or session, when it descends from one that is, or when the kernel gave it back
to us (we are the subreaper) and it carries the family's mark in its environment; one without any mark is taken when no
other command runs that it could belong to. Source: proc(5) for the fields of /proc/PID/stat.

Reading /proc takes time, and one who forks and dies meanwhile can be missed together with his child. But he leaves a
zombie that only we can reap, and it must be there in this reading or in the one before. So the family is gone when a
reading finds nobody alive and nobody newly dead.
"""

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK_VARIABLE = "NODEAGENT_FAMILY"

_PROC = Path("/proc")
_LIVE: set[int] = set()
_DETACHED: set[int] = set()
_LIVE_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class ProcessEntry:
    """One line of /proc/PID/stat; `start_ticks` since boot tells a process from a later one with its number."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    start_ticks: int

    @property
    def key(self) -> tuple[int, int]:
        return self.pid, self.start_ticks

    @property
    def alive(self) -> bool:
        return self.state not in "ZXx"


class Family:
    """The processes of one command; `leader` is the first, started in a session of its own."""

    def __init__(self, *, leader: int, mark: str, strangers: frozenset[tuple[int, int]]) -> None:
        self.leader = leader
        self._mark = f"{MARK_VARIABLE}={mark}".encode()
        self._strangers = strangers
        self._noted: set[tuple[int, int]] = set()
        with _LIVE_LOCK:
            _LIVE.add(leader)

    def close(self) -> None:
        """The leader was reaped: its number may be given to somebody else from now on."""
        with _LIVE_LOCK:
            _LIVE.discard(self.leader)

    def census(self) -> "Census":
        """Look at everyone once. The dead are reaped on the way, but for the leader, whose number is still needed."""
        entries = list_processes()
        found = {entry.pid for entry in entries if self.leader in (entry.pid, entry.group, entry.session)}
        adopted, unknown = self._adopted(entries)
        found |= adopted
        found |= _descendants(entries, of=found)
        ours = [entry for entry in entries if entry.pid in found and entry.pid != self.leader]
        dead = [entry for entry in ours if not entry.alive]
        changed = self._note([*dead, *unknown])
        for entry in dead:
            _reap(entry.pid)
        return Census(
            living=tuple(entry for entry in entries if entry.pid in found and entry.alive),
            settled=not changed,
        )

    def signal(self, number: signal.Signals) -> None:
        """Send to the whole group at once, so that no fork slips through, then to those who left it."""
        # Nobody of the group may be left, or some may run as another user; those who can be reached, are below.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.leader, number)
        for entry in self.census().living:
            if entry.group != self.leader:
                send_signal(entry, number)

    def _note(self, entries: list[ProcessEntry]) -> bool:
        """Was one of them seen for the first time?"""
        keys = {entry.key for entry in entries}
        changed = not keys <= self._noted
        self._noted |= keys
        return changed

    def _adopted(self, entries: list[ProcessEntry]) -> tuple[set[int], list[ProcessEntry]]:
        """Orphans that are ours, and those of whom nothing can be said: the dead have no environment any more."""
        us, our_session = os.getpid(), os.getsid(0)
        with _LIVE_LOCK:
            leaders, spared = set(_LIVE), set(_DETACHED)
        # Whoever once left our session cannot come back to it, so a plain child of ours is never mistaken for one.
        returned = [
            entry
            for entry in entries
            if entry.parent == us
            and entry.session != our_session
            and entry.pid not in leaders | spared
            and entry.key not in self._strangers
        ]
        if leaders <= {self.leader}:
            return {entry.pid for entry in returned}, []
        environments = {entry.pid: _environment(entry.pid) for entry in returned}
        ours = {pid for pid, variables in environments.items() if self._mark in variables}
        return ours, [entry for entry in returned if not any(environments[entry.pid])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """`settled` is False where somebody died meanwhile, whose children may have been missed: look again."""

    living: tuple[ProcessEntry, ...]
    settled: bool


def spare(pid: int) -> None:
    """Never take this child of ours for somebody's orphan: it is meant to go its own way."""
    with _LIVE_LOCK:
        _DETACHED.add(pid)


def list_processes() -> list[ProcessEntry]:
    """Everyone in /proc; processes that end while we look are left out."""
    entries = (_read_stat(int(path.name)) for path in _PROC.iterdir() if path.name.isdecimal())
    return [entry for entry in entries if entry is not None]


def our_children() -> frozenset[tuple[int, int]]:
    us = os.getpid()
    return frozenset(entry.key for entry in list_processes() if entry.parent == us)


def marked_processes(variable: str, value: str) -> list[ProcessEntry]:
    """Living processes with `variable=value` in the environment they were started with, wherever they are now."""
    wanted = f"{variable}={value}".encode()
    return [entry for entry in list_processes() if entry.alive and wanted in _environment(entry.pid)]


def send_signal(entry: ProcessEntry, number: signal.Signals) -> bool:
    """Signal exactly this process, not another that got its number since; False when it is gone."""
    try:
        handle = os.pidfd_open(entry.pid)
    except (ProcessLookupError, OSError):
        return False
    try:
        now = _read_stat(entry.pid)
        if now is None or now.key != entry.key:
            return False
        signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        os.close(handle)
    return True


def _read_stat(pid: int) -> ProcessEntry | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The program's name stands in parentheses and may itself hold spaces and parentheses.
    fields = text.rpartition(b")")[2].split()
    return ProcessEntry(
        pid=pid,
        state=fields[0].decode(),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start_ticks=int(fields[19]),
    )


def _descendants(entries: list[ProcessEntry], *, of: set[int]) -> set[int]:
    children: dict[int, list[int]] = {}
    for entry in entries:
        children.setdefault(entry.parent, []).append(entry.pid)
    found, waiting = set(of), list(of)
    while waiting:
        new = [pid for pid in children.get(waiting.pop(), ()) if pid not in found]
        found.update(new)
        waiting.extend(new)
    return found


def _environment(pid: int) -> list[bytes]:
    try:
        return (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _reap(pid: int) -> None:
    # Where it is not our child, its own parent will.
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
