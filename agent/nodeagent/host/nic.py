"""Network interfaces: driver, place, link, queues, interrupts and SR-IOV.

Sources: Documentation/ABI/testing/sysfs-class-net and sysfs-bus-pci. `speed` answers EINVAL or -1 while there is no
link, which is no problem but "unknown". A virtio interface has its function one step up; bridges, bonds and the
loopback have none.
"""

import re

from nodeagent.host.inspection import Inspection, integer
from nodeagent.host.pci import PCI_ROOT, address_in, address_key, pci_driver, pci_numa_node, read_pcie_link
from nodeagent.model.facts import Nic, Sriov

NET_ROOT = "/sys/class/net"

_SPEED_UNKNOWN = 2**32 - 1
_VIRTUAL_FUNCTION = re.compile(r"virtfn\d{1,5}", re.ASCII)


def read_nics(look: Inspection) -> tuple[Nic, ...]:
    names = look.host.names(NET_ROOT)
    # The directory also holds files of the bonding module.
    return tuple(_read_nic(look, name) for name in names if look.host.kind_and_mode(f"{NET_ROOT}/{name}")[0] != "file")


def _read_nic(look: Inspection, name: str) -> Nic:
    directory = f"{NET_ROOT}/{name}"
    address = address_in(look.host.real(f"{directory}/device"))
    queues = look.host.names(f"{directory}/queues")
    function = f"{PCI_ROOT}/{address}"
    return Nic(
        name=name,
        driver=look.target_name(f"{directory}/device/driver") or (pci_driver(look, address) if address else ""),
        pci_address=address,
        mac=look.text(f"{directory}/address") or "",
        numa_node=pci_numa_node(look, address) if address else None,
        speed_mbps=_read_speed(look, f"{directory}/speed"),
        mtu=look.count(f"{directory}/mtu"),
        operstate=look.text(f"{directory}/operstate") or "",
        rx_queues=sum(queue.startswith("rx-") for queue in queues),
        tx_queues=sum(queue.startswith("tx-") for queue in queues),
        irqs=_read_irqs(look, function) if address else (),
        sriov=_read_sriov(look, function) if address else None,
        pcie=read_pcie_link(look, address) if address else None,
        physical_function=look.target_name(f"{function}/physfn") if address else "",
    )


def _read_speed(look: Inspection, path: str) -> int | None:
    speed = integer(look.quiet(path))
    return speed if speed is not None and 0 < speed < _SPEED_UNKNOWN else None


def _read_irqs(look: Inspection, function: str) -> tuple[int, ...]:
    """Message-signalled interrupts, else the one line; the numbers change with every reload of the driver."""
    numbers = [integer(name) for name in look.host.names(f"{function}/msi_irqs")]
    found = sorted(number for number in numbers if number is not None)
    line = integer(look.quiet(f"{function}/irq")) if not found else None
    return (line,) if line else tuple(found)


def _read_sriov(look: Inspection, function: str) -> Sriov | None:
    total = look.count(f"{function}/sriov_totalvfs")
    configured = look.count(f"{function}/sriov_numvfs")
    if total is None or configured is None:
        return None
    links = [name for name in look.host.names(function) if _VIRTUAL_FUNCTION.fullmatch(name)]
    found = {address_in(look.host.link(f"{function}/{name}")) for name in links} - {""}
    return Sriov(total_vfs=total, configured_vfs=configured, vf_addresses=tuple(sorted(found, key=address_key)))
