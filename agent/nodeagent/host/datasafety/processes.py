"""The processes in /proc, seen so that a dying one hides nothing and stands in nobody's way.

A process that exits gives up its directory, its namespaces and its files one after the other, and reading them then
fails in ways that look like a refusal. It isn't one, since it holds nothing any more; but its first thread may be dead
while others run on with everything it had. Source: proc(5); PF_EXITING in include/linux/sched.h; do_exit in
kernel/exit.c.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PF_EXITING = 0x4


def process_ids(host: "Host") -> tuple[int, ...]:
    """The processes in /proc, in order of their numbers."""
    return tuple(sorted(int(name) for name in host.names("/proc") if name.isascii() and name.isdecimal()))


def live_directories(host: "Host", pid: int) -> Iterator[str]:
    """`/proc/PID` for a process that lives; those of its other threads where only its first one is dead."""
    if not is_ending(host, f"/proc/{pid}"):
        yield f"/proc/{pid}"
        return
    for thread in host.names(f"/proc/{pid}/task"):
        directory = f"/proc/{pid}/task/{thread}"
        if not is_ending(host, directory):
            yield directory


def is_ending(host: "Host", directory: str) -> bool:
    """Is what this directory of /proc stands for gone, dead, or in the middle of its exit?"""
    reading = host.read(f"{directory}/stat")
    if not reading.ok:
        return host.stat(directory).kind == "absent" or reading.problem == "ESRCH"
    # The program's name stands in parentheses and may itself hold spaces and parentheses.
    fields = reading.text.rpartition(")")[2].split()
    if len(fields) < 7 or not fields[6].isdecimal():
        return False
    return fields[0] in ("Z", "X", "x") or bool(int(fields[6]) & _PF_EXITING)
