"""PCI functions and their links: what the bus says about addresses, drivers, nodes and negotiated PCIe speed.

Sources: Documentation/ABI/testing/sysfs-bus-pci and drivers/pci/pci-sysfs.c. A domain has four to eight hexadecimal
digits: behind Intel VMD a drive sits at 10000:01:00.0.
"""

import re
from typing import TYPE_CHECKING

from nodeagent.host.inspection import Inspection, integer
from nodeagent.model.block_device import PcieLink

if TYPE_CHECKING:
    from nodeagent.model.facts import PciDevice

PCI_ROOT = "/sys/bus/pci/devices"

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.ASCII)
_SPEED = re.compile(r"(\d{1,3}(?:\.\d)?) GT/s(?: PCIe)?", re.ASCII)
_HEXADECIMAL = re.compile(r"0x([0-9a-fA-F]{1,8})", re.ASCII)
_NO_WIDTH = (0, 255)  # no link; what an integrated function reports as its maximum


def read_pci_devices(look: Inspection) -> "tuple[PciDevice, ...]":
    addresses = [name for name in look.host.names(PCI_ROOT) if _ADDRESS.fullmatch(name)]
    return tuple(_read_device(look, address) for address in sorted(addresses, key=address_key))


def read_pcie_link(look: Inspection, address: str) -> PcieLink:
    """The negotiated and the possible link of one function; all None where it has no link of its own."""
    directory = f"{PCI_ROOT}/{address}"
    return PcieLink(
        address=address,
        speed_gts=_read_speed(look, f"{directory}/current_link_speed"),
        speed_max_gts=_read_speed(look, f"{directory}/max_link_speed"),
        width=_read_width(look, f"{directory}/current_link_width"),
        width_max=_read_width(look, f"{directory}/max_link_width"),
    )


def pci_numa_node(look: Inspection, address: str) -> int | None:
    return look.numa_node(f"{PCI_ROOT}/{address}/numa_node")


def pci_driver(look: Inspection, address: str) -> str:
    return look.target_name(f"{PCI_ROOT}/{address}/driver")


def address_in(path: str) -> str:
    """The PCI function nearest to a device in its real sysfs path (`.../0000:01:00.0/nvme/nvme0`); "" for none."""
    matches = [name for name in path.split("/") if _ADDRESS.fullmatch(name)]
    return matches[-1] if matches else ""


def address_key(address: str) -> tuple[int, ...]:
    """Sorts addresses by number, long domains included."""
    return tuple(int(part, 16) for part in re.split(r"[:.]", address))


def _read_device(look: Inspection, address: str) -> "PciDevice":
    directory = f"{PCI_ROOT}/{address}"
    from nodeagent.model.facts import PciDevice

    return PciDevice(
        address=address,
        vendor=_read_id(look, f"{directory}/vendor"),
        device=_read_id(look, f"{directory}/device"),
        class_code=_read_id(look, f"{directory}/class"),
        driver=pci_driver(look, address),
        numa_node=pci_numa_node(look, address),
    )


def _read_id(look: Inspection, path: str) -> str:
    """Hexadecimal without 0x, as the kernel pads it; "" where it can't be read."""
    text = look.text(path, required=True)
    match = _HEXADECIMAL.fullmatch(text or "")
    if text is not None and match is None:
        look.note(path, f"got {text[:40]!r}, wanted a hexadecimal number")
    return match[1].lower() if match else ""


def _read_speed(look: Inspection, path: str) -> float | None:
    """GT/s from `16.0 GT/s PCIe`; None for `Unknown`, and for a function that refuses the question."""
    match = _SPEED.fullmatch(look.quiet(path) or "")
    return float(match[1]) if match else None


def _read_width(look: Inspection, path: str) -> int | None:
    width = integer(look.quiet(path))
    return None if width is None or width < 0 or width in _NO_WIDTH else width
