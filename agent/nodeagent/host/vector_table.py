"""How many interrupts the MSI-X table of a PCI function holds, from its configuration space.

`sriov_vf_msix_count` can only be written. What it did shows where a driver will look, in the Message Control register
of the MSI-X capability: the last index of the table, so one less than its size. Only root is told more than the first
64 bytes. Each access goes to the device, in a guest to its hypervisor (7 us a byte, 29 ms for all of it on a shared
machine), so no more is read than needed.

Sources: PCI Express Base Specification 7.7.2 (MSI-X), include/uapi/linux/pci_regs.h, drivers/pci/pci-sysfs.c
(pci_read_config).
"""

import os
from typing import TYPE_CHECKING

from nodeagent.host.pci import PCI_ROOT

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_STATUS = 0x06
_HAS_CAPABILITIES = 0x10
_FIRST_CAPABILITY = 0x34
_HEADER_BYTES = 0x40
_MSIX = 0x11
_MOST_CAPABILITIES = 48  # all that fit between the header and 256 bytes
_LAST_INDEX = 0x7FF


def read_table_size(host: "Host", address: str) -> int | None:
    """None where there is no such function, no MSI-X, or the configuration space isn't told (not root)."""
    try:
        descriptor = os.open(host.path(f"{PCI_ROOT}/{address}/config"), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return None
    try:
        return _table_size(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _table_size(descriptor: int) -> int | None:
    if not (_word(descriptor, _STATUS) or 0) & _HAS_CAPABILITIES:
        return None
    at = _pointer(_word(descriptor, _FIRST_CAPABILITY))
    for _ in range(_MOST_CAPABILITIES):
        if at < _HEADER_BYTES or (head := _word(descriptor, at)) is None:
            return None
        if head & 0xFF == _MSIX:
            control = _word(descriptor, at + 2)
            return None if control is None else (control & _LAST_INDEX) + 1
        at = _pointer(head >> 8)
    return None


def _pointer(value: int | None) -> int:
    """Where the next capability is; the two lowest bits mean nothing."""
    return (value or 0) & 0xFC


def _word(descriptor: int, offset: int) -> int | None:
    """Sixteen bits, None beyond what is told."""
    content = os.pread(descriptor, 2, offset)
    return int.from_bytes(content, "little") if len(content) == 2 else None
