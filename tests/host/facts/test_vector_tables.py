"""Tables of MSI-X vectors of the real devices of this machine, held against the interrupts that they really have."""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.vector_table import read_table_size
from tests.needs import missing, need_root

pytestmark = pytest.mark.host

_PCI = Path("/sys/bus/pci/devices")


@need_root
def test_no_device_has_more_interrupts_than_its_table_has_entries() -> None:
    used = {function.name: _vectors(function) for function in sorted(_PCI.glob("*")) if _vectors(function)}
    if not used:
        missing("a PCI device with MSI-X in use", remedy="run it on a machine that has one")
    sizes = {address: read_table_size(Host(), address) for address in used}
    assert {address: size is not None and size >= used[address] for address, size in sizes.items()} == dict.fromkeys(
        used, True
    )


def _vectors(function: Path) -> int:
    return sum(path.read_text().strip() == "msix" for path in (function / "msi_irqs").glob("*"))
