"""How pure code sees the machine: read-only questions, answered by `host.Host` or by a captured tree.

A tunable observes through this protocol and nothing else, which is why it can neither write nor be surprised: a read
never raises for what real machines do (absent, unreadable, vanished).
"""

from __future__ import annotations  # the answers' types are only named here: importing them all is half of a start

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeagent.model.clock_state import ClockState
    from nodeagent.model.facts import BlockDevice
    from nodeagent.model.firewall_change import FirewallReading
    from nodeagent.model.interrupts import DeviceInterrupts
    from nodeagent.model.nvme import NvmeDrive
    from nodeagent.model.occupancy import Occupancy
    from nodeagent.model.port import Port
    from nodeagent.model.port_settings import PortSettings
    from nodeagent.model.reading import Reading
    from nodeagent.model.swap_area import SwapArea
    from nodeagent.model.unit_state import UnitState


@dataclass(frozen=True, slots=True, kw_only=True)
class PathState:
    """lstat(2) of a path. `kind` is file, directory, symlink, device, other or absent; `problem` names an errno."""

    path: str
    kind: str
    mode: int = 0
    uid: int = 0
    gid: int = 0
    empty: bool | None = None
    mount_point: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MountEntry:
    """One line of /proc/self/mountinfo (proc(5)); `options` joins those of the mount and of the superblock."""

    target: str
    source: str
    fstype: str
    major_minor: str
    root: str
    options: frozenset[str]
    uuid: str = ""


class HostReader(Protocol):
    """Read-only door to the machine. Paths are absolute, as on the machine, whatever root is injected."""

    def read(self, path: str) -> Reading:
        """One small text file; `writable` tells whether any of its mode's write bits is set."""
        ...

    def names(self, directory: str) -> Sequence[str]:
        """Sorted names in a directory; empty where it is absent or unreadable."""
        ...

    def stat(self, path: str) -> PathState: ...

    def mounts(self) -> Sequence[MountEntry]: ...

    def occupancy(self, device: BlockDevice) -> Occupancy:
        """Who uses the drive and what is on it (host/datasafety); reads only."""
        ...

    def unit(self, name: str) -> UnitState:
        """A systemd unit as its files tell it; `exists` is False for none, and `active` None where nothing tells."""
        ...

    def clock(self) -> ClockState:
        """What the kernel says about its clock."""
        ...

    def swaps(self) -> Sequence[SwapArea]:
        """The swap areas in use."""
        ...

    def port(self, address: str) -> Port:
        """The network port at a PCI address with its virtual functions; what can't be told is None or empty."""
        ...

    def port_settings(self, address: str) -> PortSettings:
        """Queues, rings, coalescing and offloads of the port at a PCI address; None with a reason where not told."""
        ...

    def nvme(self, device: str) -> NvmeDrive:
        """The NVMe controller behind a block device; what it does not tell is None or empty."""
        ...

    def firewall_table(self, family: str, name: str) -> FirewallReading:
        """One nftables table (`inet`, `nodeagent`), or why it can't be told."""
        ...

    def interrupts(self, address: str) -> DeviceInterrupts:
        """The interrupts of a PCI function, with where they may fire and where they do."""
        ...
