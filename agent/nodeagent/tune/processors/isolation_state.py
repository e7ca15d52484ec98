"""A slice of systemd and its cpuset: what is there, and the files that say what should be.

PID 1 owns the tree of control groups. It takes `cpuset` out of the root's subtree_control again as soon as none of its
units wants it (systemd#38547, "not a bug"), and at every daemon-reload it writes the values of its units anew. So the
CPUs of a slice are said where PID 1 reads them, in a drop-in with AllowedCPUs=, and only the kind of partition, which
systemd 252 knows nothing of (CPUSetPartition= came in 2026), is written into the kernel's file, which it leaves alone.

A second drop-in lets slices.target want the slice, so that it is there at boot before its first service.
"""

from dataclasses import dataclass

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import Reading

CGROUPS = "/sys/fs/cgroup"
UNITS = "/etc/systemd/system"
WORKQUEUES = "/sys/devices/virtual/workqueue/cpumask"
START_DIRECTORY = f"{UNITS}/slices.target.d"
START = f"{START_DIRECTORY}/50-nodeagent.conf"

_HEAD = """\
# Written by nodeagent for its tunable cpu-isolation; a change made here is lost.
# To undo: nodeagent tune rollback --tunable cpu-isolation
# Without it: remove this file, then systemctl daemon-reload.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IsolationState:
    """What was seen of a slice. `obstacle` says why nothing can be set here; `siblings` are groups with CPUs of their
    own, by name.
    """

    obstacle: str
    drop_in: Reading
    start: Reading
    has_directory: bool
    has_start_directory: bool
    is_active: bool
    cpus: Reading
    partition: Reading
    siblings: tuple[tuple[str, CpuSet], ...]
    workqueues: Reading


def read_isolation(host: HostReader, slice: str) -> IsolationState:
    group = f"{CGROUPS}/{slice}"
    return IsolationState(
        obstacle=obstacle(host),
        drop_in=host.read(drop_in_path(slice)),
        start=host.read(START),
        has_directory=host.stat(directory(slice)).kind == "directory",
        has_start_directory=host.stat(START_DIRECTORY).kind == "directory",
        is_active=host.stat(group).kind == "directory",
        cpus=host.read(f"{group}/cpuset.cpus"),
        partition=host.read(partition_path(slice)),
        siblings=tuple(_siblings(host, slice)),
        workqueues=host.read(WORKQUEUES),
    )


def obstacle(host: HostReader) -> str:
    """Why this machine can't have partitions; "" where it can."""
    if host.stat("/run/systemd/system").kind != "directory":
        return "systemd does not run this machine"
    controllers = host.read(f"{CGROUPS}/cgroup.controllers")
    if not controllers.ok:
        return "the control groups here are of the first version, or mixed"
    if "cpuset" not in controllers.text.split():
        return "this kernel has no cpuset controller"
    return ""


def directory(slice: str) -> str:
    return f"{UNITS}/{slice}.d"


def drop_in_path(slice: str) -> str:
    return f"{directory(slice)}/50-nodeagent.conf"


def partition_path(slice: str) -> str:
    return f"{CGROUPS}/{slice}/cpuset.cpus.partition"


def drop_in_text(cpus: CpuSet) -> str:
    return f"{_HEAD}[Slice]\nAllowedCPUs={cpus}\n"


def start_text(slice: str) -> str:
    return f"{_HEAD}[Unit]\nWants={slice}\n"


def parsed(reading: Reading) -> CpuSet | None:
    """The CPUs in a file; None where there are none to be read."""
    try:
        return CpuSet.parse(reading.text) if reading.ok else None
    except ValueError:
        return None


def _siblings(host: HostReader, slice: str) -> list[tuple[str, CpuSet]]:
    found = []
    for name in host.names(CGROUPS):
        cpus = None if name == slice else parsed(host.read(f"{CGROUPS}/{name}/cpuset.cpus"))
        if cpus is not None and cpus.cpus:
            found.append((name, cpus))
    return found
