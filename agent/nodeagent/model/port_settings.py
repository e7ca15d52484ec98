"""How a network port is set up beyond its link: queues, rings, interrupt coalescing, offloads, spreading of flows.

These are the driver's, told and taken by ethtool's calls; a driver has some of them and lacks others. None means that
it lacks the part or that nobody could be asked; `PortSettings.problems` says which.

Sources: include/uapi/linux/ethtool.h, Documentation/networking/ethtool-netlink.rst, ethtool(8).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

LACKING = "the driver has none"
"""The problem of a part that the driver answers EOPNOTSUPP for; every other one means that it couldn't be asked."""


class PartlyGiven:
    """A frozen dataclass whose fields may be None, "not named": the two states of a change name the same ones."""

    __slots__ = ()

    def __str__(self) -> str:
        return " ".join(f"{name}={_text(value)}" for name, value in self.given().items())

    def given(self) -> dict[str, Any]:
        """The fields that are not None, by name, in their order."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))  # type: ignore[arg-type]
        return {name: value for name, value in pairs if value is not None}

    def only(self, other: Self) -> Self:
        """These fields, as far as `other` names them."""
        missing = {item.name: None for item in fields(self) if getattr(other, item.name) is None}  # type: ignore[arg-type]
        return replace(self, **missing)  # type: ignore[type-var]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Channels(PartlyGiven):
    """Numbers of queues. A combined one receives and sends; drivers have these, or separate ones, or both.

    `other` are interrupts for the link and the like; nobody sets them.
    """

    combined: int | None = None
    rx: int | None = None
    tx: int | None = None
    other: int | None = None

    __str__ = PartlyGiven.__str__


@dataclass(frozen=True, slots=True, kw_only=True)
class Rings(PartlyGiven):
    """How many frames a queue holds, received and to be sent."""

    rx: int | None = None
    tx: int | None = None

    __str__ = PartlyGiven.__str__


@dataclass(frozen=True, slots=True, kw_only=True)
class Coalescing(PartlyGiven):
    """How long, or for how many frames, a card waits before it interrupts. An adaptive one chooses the time itself."""

    adaptive_rx: bool | None = None
    adaptive_tx: bool | None = None
    rx_usecs: int | None = None
    rx_frames: int | None = None
    tx_usecs: int | None = None
    tx_frames: int | None = None

    __str__ = PartlyGiven.__str__


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature flag by the kernel's name. `requested` is the wish of whoever set it, `active` what became of it.

    The kernel keeps both: a feature that another one needs is held off while that is off, and comes back with it.
    A fixed one can't be changed on this port.
    """

    name: str
    active: bool
    requested: bool
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortSettings:
    """All of one port. `bond` is the bond it is part of; `table` the queue of each entry of the indirection table.

    `rx_rings` is how many queues that table may name. Hash fields are ethtool's letters in the order `mvtsdfnr`.
    `problems` maps channels, rings, coalescing, features, udp4_hash, udp6_hash and table to why they are None.
    """

    address: str
    interface: str = ""
    bond: str = ""
    channels: Channels | None = None
    max_channels: Channels | None = None
    rings: Rings | None = None
    max_rings: Rings | None = None
    coalescing: Coalescing | None = None
    features: tuple[Feature, ...] | None = None
    udp4_hash: str | None = None
    udp6_hash: str | None = None
    table: tuple[int, ...] | None = None
    rx_rings: int | None = None
    problems: Mapping[str, str] = field(default_factory=dict)

    @property
    def table_is_even(self) -> bool:
        """Does every receive queue get its share of the flows? True where there is no table to speak of."""
        if not self.table or not self.rx_rings:
            return True
        shares = [self.table.count(queue) for queue in range(self.rx_rings)]
        return sum(shares) == len(self.table) and max(shares) - min(shares) <= 1
