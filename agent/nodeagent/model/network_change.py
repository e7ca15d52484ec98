"""Changes of network cards: how many virtual functions (VFs), what each may do, who drives it, how long a frame may be.

The object of each is a PCI function, and for a VF the address of its physical function (PF) and its index; the name of
an interface is looked up when the change is made, because it may be another's by then.

Sources: Documentation/PCI/pci-iov-howto.rst, Documentation/ABI/testing/sysfs-bus-pci, ip-link(8).
"""

import shlex
from dataclasses import dataclass, replace
from typing import Self

from nodeagent.model.change import Change, Lifetime, SetState
from nodeagent.model.port import VfAttributes

_PCI = "/sys/bus/pci/devices"


def interface_words(function: str) -> str:
    """Shell for the name of the interface of a function in sysfs; that of a virtio port hangs one step lower."""
    return f'"$(ls {function}/net {function}/virtio*/net 2>/dev/null | tail -n1)"'


@dataclass(frozen=True, slots=True, kw_only=True)
class VfCount:
    """How many VFs a PF has, and whether the kernel gives new ones to a driver; None where it can't be said."""

    vfs: int
    autoprobe: bool | None = None

    def __str__(self) -> str:
        return f"vfs={self.vfs}" if self.autoprobe is None else f"vfs={self.vfs} autoprobe={int(self.autoprobe)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVfCount(SetState):
    """Make or destroy VFs. The kernel goes from one number to another only through 0, which destroys all of them.

    `autoprobe` is written before the number, so that VFs that are to get an address or another driver first are born
    without one; with an unchanged number only the switch is. Destroyed VFs come back on the way back, their attributes
    do not.
    """

    kind = "set-vf-count"
    lifetime = Lifetime.BOOT

    address: str
    before: VfCount
    after: VfCount

    def command(self) -> str:
        directory = f"{_PCI}/{self.address}"
        steps = []
        if self.after.autoprobe is not None and self.after.autoprobe != self.before.autoprobe:
            steps.append(f"echo {int(self.after.autoprobe)} > {directory}/sriov_drivers_autoprobe")
        if self.before.vfs and self.after.vfs and self.before.vfs != self.after.vfs:
            steps.append(f"echo 0 > {directory}/sriov_numvfs")
        if self.after.vfs != self.before.vfs:
            steps.append(f"echo {self.after.vfs} > {directory}/sriov_numvfs")
        return " && ".join(steps) or "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetVf(SetState):
    """Set what a PF's driver keeps for one VF. Both states name the same attributes, those that somebody asked for.

    `rebind` is the driver to take the VF from and give it back to: a VF takes a new address only when it is probed, and
    another number of vectors only while no driver has it. `own_vectors` is how many the port's driver adds to the
    number that is written.
    """

    kind = "set-vf"
    lifetime = Lifetime.BOOT

    address: str
    index: int
    before: VfAttributes
    after: VfAttributes
    rebind: str = ""
    own_vectors: int = 0

    def command(self) -> str:
        if self.after.msix is None:
            set_it = f'ip link set dev "$(ls {_PCI}/{self.address}/net)" vf {self.index} {_ip_words(self.after)}'
        else:
            vectors = self.after.msix - self.own_vectors
            set_it = f"echo {vectors} > {_PCI}/{self.address}/virtfn{self.index}/sriov_vf_msix_count"
        if not self.rebind:
            return set_it
        vf = f"$(basename $(readlink {_PCI}/{self.address}/virtfn{self.index}))"
        driver = f"/sys/bus/pci/drivers/{shlex.quote(self.rebind)}"
        return f'echo "{vf}" > {driver}/unbind && {set_it} && echo "{vf}" > {driver}/bind'


def _ip_words(wanted: VfAttributes) -> str:
    words: list[str] = []
    if wanted.vlan is not None:
        words += ["vlan", str(wanted.vlan), "qos", str(wanted.qos or 0)]
        words += ["proto", wanted.proto] if wanted.proto else []
    words += ["mac", wanted.mac] if wanted.mac is not None else []
    words += ["max_tx_rate", str(wanted.max_tx_rate)] if wanted.max_tx_rate is not None else []
    words += ["min_tx_rate", str(wanted.min_tx_rate)] if wanted.min_tx_rate is not None else []
    words += ["spoofchk", "on" if wanted.spoofchk else "off"] if wanted.spoofchk is not None else []
    words += ["trust", "on" if wanted.trust else "off"] if wanted.trust is not None else []
    words += ["state", wanted.link_state] if wanted.link_state is not None else []
    return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverBinding:
    """Which driver has a function ("" for none), and which alone may have it ("" for any that knows it)."""

    driver: str = ""
    override: str = ""

    def __str__(self) -> str:
        return f"driver={self.driver or 'none'} override={self.override or 'none'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class BindDriver(SetState):
    """Give a VF to a driver, to another one, or to none."""

    kind = "bind-driver"
    lifetime = Lifetime.BOOT

    address: str
    index: int
    before: DriverBinding
    after: DriverBinding

    def command(self) -> str:
        vf = f"{_PCI}/{self.address}/virtfn{self.index}"
        name = f'"$(basename $(readlink {vf}))"'
        steps = []
        if self.before.driver and self.before.driver != self.after.driver:
            steps.append(f"echo {name} > {vf}/driver/unbind")
        if self.before.override != self.after.override:
            steps.append(f"echo {shlex.quote(self.after.override)} > {vf}/driver_override")
        if self.after.driver and self.before.driver != self.after.driver:
            steps.append(f"echo {name} > /sys/bus/pci/drivers_probe")
        return " && ".join(steps) or "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink(Change):
    """Set the MTU of a port, or of one of its VFs (`index`). In bytes, without the Ethernet header."""

    kind = "set-link"
    lifetime = Lifetime.BOOT

    address: str
    before_mtu: int
    after_mtu: int
    index: int | None = None

    def before_state(self) -> str:
        return f"mtu={self.before_mtu}"

    def after_state(self) -> str:
        return f"mtu={self.after_mtu}"

    @property
    def directory(self) -> str:
        """The function in sysfs, by a path that needs no interface name."""
        function = f"{_PCI}/{self.address}"
        return function if self.index is None else f"{function}/virtfn{self.index}"

    def command(self) -> str:
        return f"ip link set dev {interface_words(self.directory)} mtu {self.after_mtu}"

    def inverse(self) -> Self:
        return replace(self, before_mtu=self.after_mtu, after_mtu=self.before_mtu)
