"""Give a virtual function to a driver, or take it away.

`driver_override` names the only driver that may have it; written empty, any driver that knows the device may. The
driver link blinks while a driver probes, so it is looked at for a while.

Sources: Documentation/ABI/testing/sysfs-bus-pci (driver_override, drivers_probe), drivers/pci/pci-driver.c.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes import knob
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import wait_until
from nodeagent.host.pci import PCI_ROOT
from nodeagent.host.port import driver_of, interface_of, override_of, vf_addresses
from nodeagent.model.errors import HostError
from nodeagent.model.network_change import BindDriver, DriverBinding

if TYPE_CHECKING:
    from nodeagent.host.host import Host

PCI_DRIVERS = "/sys/bus/pci/drivers"
_PROBE_SECONDS = 5.0
_INTERFACE_SECONDS = 10.0
_NO_INTERFACE = ("vfio-pci", "uio_pci_generic", "igb_uio")


def observe(host: "Host", change: BindDriver) -> Observation:
    address = vf_addresses(host, change.address).get(change.index)
    if address is None:
        return Observation(state="", gone=True)
    state = DriverBinding(driver=driver_of(host, address), override=override_of(host, address))
    return Observation(state=str(state), place=host.real(f"{PCI_ROOT}/{address}"))


def perform(host: "Host", change: BindDriver) -> None:
    """HostError where the VF is not there, or the driver does not take it."""
    address = vf_addresses(host, change.address).get(change.index)
    if address is None:
        raise HostError(f"VF {change.index} of {change.address} is not there", remedy="nodeagent tune plan")
    wanted = change.after
    if driver_of(host, address) not in ("", wanted.driver):
        release(host, address)
    if override_of(host, address) != wanted.override:
        knob.write(host, f"{PCI_ROOT}/{address}/driver_override", wanted.override)
    if wanted.driver:
        give(host, address, wanted.driver)


def release(host: "Host", address: str) -> None:
    """Take a function from its driver; nothing where it has none."""
    if driver_of(host, address):
        knob.write(host, f"{PCI_ROOT}/{address}/driver/unbind", address)


def give(host: "Host", address: str, driver: str) -> None:
    """Have a function probed, which must give it to this driver; HostError otherwise."""
    if driver_of(host, address) != driver:
        if not host.names(f"{PCI_DRIVERS}/{driver}"):
            raise HostError(f"no driver {driver} is loaded for {address}", remedy=f"modprobe {driver}")
        knob.write(host, "/sys/bus/pci/drivers_probe", address)
    if not wait_until(lambda: driver_of(host, address) == driver, seconds=_PROBE_SECONDS):
        got = driver_of(host, address) or "no driver"
        raise HostError(
            f"{address} was to go to {driver}, and {got} has it",
            remedy=f"see `dmesg`, and whether {driver} knows the device: lspci -nnk -s {address}",
        )
    if driver not in _NO_INTERFACE:
        # A driver may give none (RDMA only); whoever needs one will say so.
        wait_until(lambda: bool(interface_of(host, address)), seconds=_INTERFACE_SECONDS)


def is_half_done(change: BindDriver, state: str) -> bool:
    drivers = {"", change.before.driver, change.after.driver}
    overrides = {change.before.override, change.after.override}
    return state in {str(DriverBinding(driver=d, override=o)) for d in drivers for o in overrides}
