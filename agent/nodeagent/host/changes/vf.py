"""Set one attribute of a virtual function, through the driver of its port: by netlink, its vectors by a file.

A VF takes a new address only when its driver probes it again. So where a driver has it, the VF is taken from it, the
address is set, and the VF is given back. The number of vectors can't even be written while a driver has the VF.

Sources: ip-link(8), net/core/rtnetlink.c (do_setvfinfo), drivers/pci/iov.c (sriov_vf_msix_count_store),
mlx5_set_msix_vec_count, ice_sriov_set_msix_vec_count; measured with igb on Linux 6.1.
"""

import errno
from typing import TYPE_CHECKING

from nodeagent.host import netlink
from nodeagent.host.changes import binding, knob
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import wait_until
from nodeagent.host.pci import PCI_ROOT
from nodeagent.model.errors import HostError
from nodeagent.model.network_change import SetVf
from nodeagent.model.port import Port, VfAttributes, VirtualFunction

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_BUSY_SECONDS = 2.0
_TAKEN = " driver=none"
_REMEDIES = {
    errno.EOPNOTSUPP: "the driver {driver} can't set this; leave it out of the profile",
    errno.EPROTONOSUPPORT: "the driver {driver} can't tag with this protocol; leave `proto` out of the profile",
    errno.EINVAL: "the driver {driver} refuses the value; a rate needs a link, and is at most the speed of the link",
    errno.EPERM: "run it as root (CAP_NET_ADMIN); under kernel lockdown some drivers refuse as well",
    errno.EBUSY: "the VF is being reset; run it again",
    errno.ENODEV: "the interface went away; plan again: nodeagent tune plan",
}
_NO_VECTORS = "the port has no vectors left, other VFs have them; give those fewer (`msix`), or make fewer VFs"
_VECTOR_REMEDIES = {
    errno.EBUSY: "a driver took the VF meanwhile; plan again: nodeagent tune plan",
    errno.EOPNOTSUPP: "the driver {driver} shares out no vectors; leave `msix` out of the profile",
    errno.ENOSPC: _NO_VECTORS,
    errno.ENOMEM: _NO_VECTORS,
    errno.EINVAL: "{driver} refuses the number: fewer than a VF needs, or more than its queues and other VFs leave",
    errno.EOVERFLOW: "that is more than the card gives to one VF; lower `msix`",
    errno.ENOENT: "this kernel has no such file (5.13 is the first), or the VF went away: nodeagent tune plan",
}


def observe(host: "Host", change: SetVf) -> Observation:
    """HostError where the VF is there and its attributes can't be told."""
    port = host.port(change.address)
    vf = port.vf(change.index)
    if vf is None or not (port.interface or change.after.msix):
        return Observation(state="", gone=True)
    known = VfAttributes(msix=_vectors(vf)) if change.after.msix else _attributes(port, vf)
    attributes = known.only(change.after)
    # Once the address is set, who has the VF is another change's matter; before that it was taken for this one.
    taken = change.rebind and not vf.driver and attributes != change.after
    state = f"{attributes}{_TAKEN}" if taken else str(attributes)
    return Observation(state=state, raw=str(known), place=host.real(f"{PCI_ROOT}/{vf.address}"))


def _attributes(port: Port, vf: VirtualFunction) -> VfAttributes:
    if vf.attributes is None:
        raise HostError(
            f"the attributes of VF {vf.index} of {port.address} can't be read: {port.problem or 'not told'}",
            remedy=f"ip -d link show dev {port.interface}",
        )
    return vf.attributes


def _vectors(vf: VirtualFunction) -> int:
    if vf.msix is None:
        raise HostError(f"the MSI-X table of {vf.address} can't be read", remedy=f"as root: lspci -vv -s {vf.address}")
    return vf.msix


def perform(host: "Host", change: SetVf) -> None:
    """HostError with what the errno means for an attribute of a VF."""
    if not host.is_live:
        raise HostError(f"{host.root} is a tree of files: no driver there sets an attribute of a VF")
    port = host.port(change.address)
    vf = port.vf(change.index)
    if vf is None or not (port.interface or change.after.msix):
        raise HostError(f"VF {change.index} of {change.address} is not there", remedy="nodeagent tune plan")
    if change.rebind:
        binding.release(host, vf.address)
    if change.after.msix:
        set_vectors(host, port.driver, vf, change.after.msix - change.own_vectors)
    else:
        _set(port.interface, port.driver, vf, change.after)
    if change.rebind:
        binding.give(host, vf.address, change.rebind)


def _set(interface: str, driver: str, vf: VirtualFunction, wanted: VfAttributes) -> None:
    failed: list[OSError] = []

    def is_set() -> bool:
        """False while the VF is busy: the other side of its mailbox may be at work."""
        failed.clear()
        try:
            netlink.set_vf(interface, vf.index, wanted.given())
        except OSError as error:
            failed.append(error)
        return not failed or failed[0].errno != errno.EBUSY

    wait_until(is_set, seconds=_BUSY_SECONDS)
    if failed:
        error = failed[0]
        number = error.errno or errno.EIO
        remedy = _REMEDIES.get(number, "see `dmesg` for what the driver says about it").format(driver=driver)
        name = errno.errorcode.get(number, str(number))
        raise HostError(
            f"cannot set {wanted} on VF {vf.index} of {interface}: {error.strerror} ({name})", remedy=remedy
        ) from error


def set_vectors(host: "Host", driver: str, vf: VirtualFunction, number: int) -> None:
    """Write how many vectors a VF without driver gets from that of its port; HostError with what the errno means."""
    try:
        knob.write(host, f"{PCI_ROOT}/{vf.address}/sriov_vf_msix_count", str(number))
    except HostError as error:
        cause = error.__cause__
        remedy = _VECTOR_REMEDIES.get(cause.errno or 0) if isinstance(cause, OSError) else None
        if remedy is None:
            raise
        raise HostError(error.message, remedy=remedy.format(driver=driver or "its driver")) from error


def is_half_done(change: SetVf, state: str) -> bool:
    """Only one that takes the VF from its driver has more than one step."""
    return bool(change.rebind) and state in {f"{side}{_TAKEN}" for side in (change.before, change.after)}
