"""What a profile may say about virtual functions; the `sriov` tunable's Settings.

    sriov:
      - name: data
        nic: {driver: ice, count: 1}
        vfs: 4
        vf:
          - {index: "0-3", trust: true, spoofchk: false}
          - {index: "0", mac: "02:00:00:00:00:10", vlan: 100}

VFs are named by their index on the port. Several entries below `vf` may mean the same VF, the later one stands over the
earlier. What nobody asks for is left alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Annotated, Any

from nodeagent.model.port import VfAttributes
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Setting
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.ports.selection import entry_faults

DEFAULT_DRIVER = "default"
NO_DRIVER = "none"

Mac = Annotated[
    str, Pattern(r"[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}", "the MAC address of one station, 02:00:00:00:00:01")
]
Indexes = Annotated[str, Pattern(r"\d{1,4}(-\d{1,4})?(,\d{1,4}(-\d{1,4})?)*", "indexes of VFs such as 0-3,6")]
Driver = Annotated[str, Pattern(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", "the name of a driver, default or none")]
Mtu = Annotated[int, Range(68, 65_535)]
Rate = Annotated[int, Range(0, 1_000_000)]
Vectors = Annotated[int, Range(1, 2048)]
"""A table of MSI-X holds 2048 at most. Not 0: that means the driver's default to mlx5_core and nothing to ice."""


class VlanProtocol(StrEnum):
    """The tag of a VLAN: 802.1q, or 802.1ad for one around another."""

    Q = "802.1q"
    AD = "802.1ad"


class LinkState(StrEnum):
    """What a VF is told of the link: what the port has, always up, or always down."""

    AUTO = "auto"
    ENABLE = "enable"
    DISABLE = "disable"


@dataclass(frozen=True, slots=True, kw_only=True)
class VfSettings:
    """What some VFs of a port should have. Rates are Mbit/s, 0 is no limit; a VLAN of 0 is none.

    `msix` is the size of the MSI-X table: as many interrupts as the VF can have, one or so more than its queues.
    """

    index: Indexes
    msix: Setting[Vectors] | None = None
    mac: Setting[Mac] | None = None
    vlan: Setting[Annotated[int, Range(0, 4094)]] | None = None
    qos: Setting[Annotated[int, Range(0, 7)]] | None = None
    proto: Setting[VlanProtocol] | None = None
    max_tx_rate: Setting[Rate] | None = None
    min_tx_rate: Setting[Rate] | None = None
    spoofchk: Setting[bool] | None = None
    trust: Setting[bool] | None = None
    link_state: Setting[LinkState] | None = None
    driver: Setting[Driver] | None = None
    mtu: Setting[Mtu] | None = None

    @property
    def indexes(self) -> tuple[int, ...]:
        """Every index that is meant, each once."""
        ranges = [part.partition("-") for part in self.index.split(",")]
        found = [n for first, _, last in ranges for n in range(int(first), int(last or first) + 1)]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class SriovSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging.

    `autoprobe` is whether the kernel gives new VFs to a driver by itself; `mtu` is that of the port.
    """

    name: Name
    nic: NicSelector
    vfs: Setting[Annotated[int, Range(0, 65_535)]] | None = None
    autoprobe: Setting[bool] | None = None
    mtu: Setting[Mtu] | None = None
    vf: tuple[VfSettings, ...] = ()

    def settings_of(self, index: int) -> dict[str, Setting[Any]]:
        """All that is wanted of one VF, by the names of the fields."""
        found: dict[str, Setting[Any]] = {}
        for entry in self.vf:
            if index in entry.indexes:
                named = {item.name: getattr(entry, item.name) for item in fields(entry) if item.name != "index"}
                found |= {name: setting for name, setting in named.items() if setting is not None}
        return found

    @property
    def named(self) -> tuple[int, ...]:
        """Every VF that an entry below `vf` names."""
        return tuple(sorted({index for entry in self.vf for index in entry.indexes}))

    @property
    def sets_before_binding(self) -> bool:
        """Must new VFs wait for their driver?

        An address counts when it is probed, an MTU needs an interface, vectors are shared out before there is a driver.
        """
        return any(entry.mac or entry.driver or entry.mtu or entry.msix for entry in self.vf)


GROUPS: dict[str, tuple[str, ...]] = {
    "mac": ("mac",),
    "vlan": ("vlan", "qos", "proto"),
    "rate": ("max_tx_rate", "min_tx_rate"),
    "spoofchk": ("spoofchk",),
    "trust": ("trust",),
    "link_state": ("link_state",),
}
"""Attributes that are set together, in the order they are set; the name of each is the end of its change's key."""


def wanted_attributes(settings: dict[str, Setting[Any]], names: tuple[str, ...]) -> VfAttributes:
    """What the settings say of some attributes."""
    values: dict[str, Any] = {}
    for name in names:
        if name in settings:
            value = settings[name].value
            values[name] = value.lower() if name == "mac" else value.value if isinstance(value, StrEnum) else value
    return VfAttributes(**values)


def faults(entries: tuple[SriovSettings, ...]) -> Iterator[Fault]:
    """What only the whole can tell."""
    yield from entry_faults(entries)
    for at, entry in enumerate(entries):
        yield from _vf_faults(at, entry)


def _vf_faults(at: int, entry: SriovSettings) -> Iterator[Fault]:
    macs: set[str] = set()
    for number, vf in enumerate(entry.vf):
        path = (at, "vf", number)
        if any(last and int(last) < int(first) for first, _, last in (p.partition("-") for p in vf.index.split(","))):
            yield Fault(path=(*path, "index"), problem="wanted a range that goes upwards")
            continue
        yield from _too_many(path, entry, vf)
        if vf.mac is not None and len(vf.indexes) != 1:
            yield Fault(path=(*path, "mac"), problem="an address belongs to one VF: wanted one index")
        if vf.mac is not None and vf.mac.value.lower() in macs:
            yield Fault(path=(*path, "mac"), problem="a second VF of this address")
        macs |= {vf.mac.value.lower()} if vf.mac is not None else set()
        for name in ("qos", "proto"):
            if getattr(vf, name) is not None and vf.vlan is None:
                yield Fault(path=(*path, name), problem="means nothing without a vlan", at_key=True)


def _too_many(path: tuple[str | int, ...], entry: SriovSettings, vf: VfSettings) -> Iterator[Fault]:
    limit = entry.vfs.value if entry.vfs is not None and entry.vfs.bound is Bound.EXACTLY else None
    if limit is not None and max(vf.indexes) >= limit:
        yield Fault(path=(*path, "index"), problem=f"of {limit} VFs the last one is {limit - 1}")


Settings = Annotated[tuple[SriovSettings, ...], Check(faults)]
