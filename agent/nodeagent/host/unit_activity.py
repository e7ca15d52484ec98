"""The processes of a systemd unit, read from its control group: no bus, no systemctl, and true for every kind of start.

systemd gives each unit a group of the unit's own name below its slice, keeps it as long as a process is in it, and
removes it with the last one; so the group says what "active" can't, that there is somebody to disturb. It holds for
starting and stopping units too, and for one whose unit file somebody removed meanwhile, which is why unit files are not
asked here. Slices nest, and a profile need not know in which one the unit is (Slice=), so all are looked through.

Sources: https://systemd.io/CGROUP_DELEGATION/, systemd.slice(5), cgroup-v2.rst (cgroup.procs).
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from nodeagent.model.unit_activity import Activity, UnitActivity

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_TREES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd")
"""The unified hierarchy, that of a hybrid set-up, and the named one of the first version."""

_DEPTH = 8


def unit_activity(host: "Host", unit: str) -> UnitActivity:
    """Who is at work in a unit; reads files only, so that it answers for a copied tree too."""
    tree = next((tree for tree in _TREES if host.stat(f"{tree}/system.slice").kind == "directory"), None)
    if tree is None:
        problem = "there are no control groups of systemd here (no system.slice below /sys/fs/cgroup)"
        return UnitActivity(unit=unit, activity=Activity.UNKNOWN, problem=problem)
    pids: set[int] = set()
    for group in _groups_of(host, tree, unit, depth=0):
        found = _pids(host, group, depth=0)
        if isinstance(found, str):
            return UnitActivity(unit=unit, activity=Activity.UNKNOWN, problem=found)
        pids |= found
    activity = Activity.RUNNING if pids else Activity.STOPPED
    return UnitActivity(unit=unit, activity=activity, pids=tuple(sorted(pids)))


def _groups_of(host: "Host", group: str, unit: str, *, depth: int) -> Iterator[str]:
    """Every group of the unit's name, wherever in the tree of slices it stands."""
    for name in host.names(group):
        if name == unit:
            yield f"{group}/{name}"
        elif name.endswith(".slice") and depth < _DEPTH:
            yield from _groups_of(host, f"{group}/{name}", unit, depth=depth + 1)


def _pids(host: "Host", group: str, *, depth: int) -> set[int] | str:
    """The processes of a group and those below it; a text where they can't be told."""
    reading = host.read(f"{group}/cgroup.procs")
    if not reading.ok:
        # Gone between listing and reading is a unit that has just stopped.
        return f"cannot read {reading.path}: {reading.problem}" if reading.problem else set()
    pids = {int(word) for word in reading.text.split() if word.isdecimal()}
    below = [name for name in host.names(group) if host.stat(f"{group}/{name}").kind == "directory"]
    for name in below if depth < _DEPTH else ():
        found = _pids(host, f"{group}/{name}", depth=depth + 1)
        if isinstance(found, str):
            return found
        pids |= found
    return pids
