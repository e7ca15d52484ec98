"""A port of a network card as the kernel sees it: its PCI function, its interface, and the virtual functions of it.

A virtual function (VF) is known by the PCI address of its physical function (PF) and its index; interface names come
late, move, and are missing while no driver, or vfio-pci, has the VF. What only netlink tells (`attributes`, the bounds
of the MTU) may be unknown: a captured tree has no netlink, and a driver need not report everything.

Sources: Documentation/ABI/testing/sysfs-bus-pci, include/uapi/linux/if_link.h (IFLA_VFINFO_LIST), ip-link(8).
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class VfAttributes:
    """What the PF's driver keeps for one VF. None: not asked, or not reported. Rates are Mbit/s, 0 is no limit.

    `proto` is 802.1q or 802.1ad, `link_state` auto, enable or disable; a VLAN of 0 is none. `msix` is how many
    interrupts its MSI-X table holds; it stands apart from the others, which netlink tells.
    """

    msix: int | None = None
    mac: str | None = None
    vlan: int | None = None
    qos: int | None = None
    proto: str | None = None
    max_tx_rate: int | None = None
    min_tx_rate: int | None = None
    spoofchk: bool | None = None
    trust: bool | None = None
    link_state: str | None = None

    def __str__(self) -> str:
        return " ".join(f"{name}={_text(value)}" for name, value in self.given().items())

    def given(self) -> dict[str, object]:
        """The attributes that are not None, by name, in the order they are to be set."""
        pairs = ((item.name, getattr(self, item.name)) for item in fields(self))
        return {name: value for name, value in pairs if value is not None}

    def only(self, other: "VfAttributes") -> Self:
        """These attributes, as far as `other` names them."""
        return replace(self, **{item.name: None for item in fields(self) if getattr(other, item.name) is None})

    def over(self, other: "VfAttributes") -> Self:
        """These attributes, and those of `other` where these name none."""
        missing: dict[str, Any] = {n: value for n, value in other.given().items() if getattr(self, n) is None}
        return replace(self, **missing)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class VirtualFunction:
    """One VF. `driver` is "" while none has it, `override` the driver that alone may have it, "" for any.

    `attributes` are those that netlink tells. `msix` is the size of its MSI-X table, None where it can't be read or
    nobody could change it.
    """

    index: int
    address: str
    driver: str = ""
    override: str = ""
    interface: str = ""
    mtu: int | None = None
    iommu_group: bool = False
    msix: int | None = None
    attributes: VfAttributes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One PCI function with what hangs on it. `total_vfs` and `configured_vfs` are None without SR-IOV.

    `autoprobe` is None where the kernel has no such file. `vf_msix` is how many MSI-X vectors the driver can share out
    between the VFs: 0 where it can't, None where the kernel knows no such thing (before 5.13).
    `xdp` is native, generic or offload while a program is attached. `problem` says why netlink told nothing, "" where
    it did.
    """

    address: str
    driver: str = ""
    interface: str = ""
    mtu: int | None = None
    max_mtu: int | None = None
    carrier: bool | None = None
    xdp: str = ""
    total_vfs: int | None = None
    configured_vfs: int | None = None
    autoprobe: bool | None = None
    vf_msix: int | None = None
    iommu_group: bool = False
    vfs: tuple[VirtualFunction, ...] = ()
    problem: str = ""

    def vf(self, index: int) -> VirtualFunction | None:
        return next((vf for vf in self.vfs if vf.index == index), None)
