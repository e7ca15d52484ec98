"""Make and destroy the virtual functions of a port.

The write to `sriov_numvfs` ends when the driver is done and holds the device meanwhile; on a port in trouble it hangs,
and nothing can take it back. So it is made on a thread, and after two minutes the apply goes on without it, with an
error. The kernel calls it a success when a driver made fewer than asked, so the number is read back.

Sources: drivers/pci/iov.c (sriov_numvfs_store), Documentation/PCI/pci-iov-howto.rst.
"""

import errno
from threading import Thread
from typing import TYPE_CHECKING

from nodeagent.host.changes import knob
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import link_is_back, wait_until
from nodeagent.host.inspection import integer
from nodeagent.host.pci import PCI_ROOT
from nodeagent.host.port import has_carrier, interface_of, vf_addresses
from nodeagent.host.process import run
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError
from nodeagent.model.network_change import SetVfCount, VfCount

if TYPE_CHECKING:
    from nodeagent.host.host import Host

WRITE_LIMIT_SECONDS = 120.0
_APPEAR_SECONDS = 60.0
_REMEDIES = {
    errno.ERANGE: "that is more than the firmware offers: cat {directory}/sriov_totalvfs",
    errno.EBUSY: "somebody made VFs meanwhile; plan again: nodeagent tune plan",
    errno.ENOENT: "the driver of the port can't make VFs; see `lspci -k -s {address}`",
    errno.ENOSPC: "the port has run out of interrupt vectors: ask for fewer VFs or fewer queues; see `dmesg`",
    errno.ENOMEM: (
        "the firmware left no addresses or no bus numbers for them, `dmesg` tells which: boot with pci=realloc or"
        " pci=assign-busses, with SR-IOV switched on in the setup"
    ),
    errno.EIO: "the port did not answer; see `dmesg`",
    errno.EPERM: "the VFs are in use by a guest: stop it first, then plan again",
}


def observe(host: "Host", change: SetVfCount) -> Observation:
    directory = f"{PCI_ROOT}/{change.address}"
    reading = host.read(f"{directory}/sriov_numvfs")
    count = integer(reading.value)
    if count is None:
        return Observation(state="", raw=reading.text, gone=True)
    probe = integer(host.text(f"{directory}/sriov_drivers_autoprobe")) if change.after.autoprobe is not None else None
    state = VfCount(vfs=count, autoprobe=None if probe is None else bool(probe))
    return Observation(state=str(state), raw=reading.text, place=host.real(directory))


def perform(host: "Host", change: SetVfCount) -> None:
    """Go to the wanted number, through 0 where there is no other way. HostError with the reason and what to do."""
    directory = f"{PCI_ROOT}/{change.address}"
    wanted, now = change.after, integer(host.text(f"{directory}/sriov_numvfs"))
    interface = interface_of(host, change.address)
    had_link = has_carrier(host, interface)
    if wanted.autoprobe is not None:
        knob.write(host, f"{directory}/sriov_drivers_autoprobe", str(int(wanted.autoprobe)))
    if now != wanted.vfs:
        if now and wanted.vfs:
            _write(host, change.address, 0)
        _write(host, change.address, wanted.vfs)
    _check(host, change.address, wanted.vfs)
    if not host.is_live:
        return
    if wanted.autoprobe is False and wanted.vfs and now != wanted.vfs:
        _load_driver(host, change.address)
    if had_link and now != wanted.vfs:
        # Many drivers reset the port; what follows (a rate, a driver for a VF) needs its link.
        link_is_back(host, interface)


def is_half_done(change: SetVfCount, state: str) -> bool:
    """The way leads through 0, and the switch for drivers is set before the number."""
    counts = {0, change.before.vfs, change.after.vfs}
    switches = {change.before.autoprobe, change.after.autoprobe}
    return state in {str(VfCount(vfs=count, autoprobe=switch)) for count in counts for switch in switches}


def _write(host: "Host", address: str, number: int) -> None:
    path = f"{PCI_ROOT}/{address}/sriov_numvfs"
    failed: list[BaseException] = []

    def write() -> None:
        try:
            knob.write(host, path, str(number))
        except BaseException as error:  # handed to the caller, whatever it is
            failed.append(error)

    thread = Thread(target=write, name="sriov_numvfs", daemon=True)
    thread.start()
    thread.join(WRITE_LIMIT_SECONDS)
    if thread.is_alive():
        raise HostError(
            f"writing {number} to {path} is not done after {WRITE_LIMIT_SECONDS:g} s; the kernel is still at it",
            remedy="see `dmesg`; the port is locked until its driver answers, a reboot may be what helps",
        )
    if failed:
        raise _explained(failed[0], address) from failed[0]


def _explained(error: BaseException, address: str) -> BaseException:
    cause = error.__cause__
    remedy = _REMEDIES.get(cause.errno or 0) if isinstance(cause, OSError) else None
    if not isinstance(error, HostError) or remedy is None:
        return error
    return HostError(error.message, remedy=remedy.format(directory=f"{PCI_ROOT}/{address}", address=address))


def _check(host: "Host", address: str, wanted: int) -> None:
    """Is what was asked for there, and does every VF show?"""
    found = integer(host.text(f"{PCI_ROOT}/{address}/sriov_numvfs"))
    if found != wanted:
        raise HostError(
            f"asked {address} for {wanted} VFs, it made {found}",
            remedy="see `dmesg` for what the driver lacks; ask for fewer",
        )
    if host.is_live and not wait_until(lambda: len(vf_addresses(host, address)) == wanted, seconds=_APPEAR_SECONDS):
        shown = len(vf_addresses(host, address))
        raise HostError(f"{address} made {wanted} VFs, and only {shown} of them show", remedy="see `dmesg`")


def _load_driver(host: "Host", address: str) -> None:
    """Have the VFs' own driver loaded while it may not take them: udev would load it at a moment of its own choice.

    A failure shows when a VF is given to the driver; there may be none that knows them.
    """
    first = vf_addresses(host, address).get(0)
    alias = host.text(f"{PCI_ROOT}/{first}/modalias") if first else None
    if alias:
        run(Command(argv=("modprobe", "-q", "-b", "--", alias), timeout_seconds=60))
