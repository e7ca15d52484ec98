"""Set what the driver of a network port keeps, and look whether it kept it.

Drivers answer "done" to more than they do: a size is rounded, a number of queues beyond what they can is left as it
was. So what was asked is read back here, where the driver's own number can be told. A change of queues or rings takes
the link down for a moment on most; it is waited for, because what comes next may need it.

After a change of queues the table that spreads flows may name queues that are gone, or leave new ones without any (seen
with igb, i40e and sfc). Where it does, the kernel is asked to spread anew.

Sources: net/ethtool/ioctl.c, net/ethtool/channels.c; measured with igb on Linux 6.1.
"""

import errno
from typing import TYPE_CHECKING

from nodeagent.host import ethtool
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import link_is_back
from nodeagent.host.pci import PCI_ROOT
from nodeagent.host.port import driver_of, has_carrier, interface_of
from nodeagent.model.errors import HostError
from nodeagent.model.ethtool_change import (
    FeatureState,
    SetChannels,
    SetCoalescing,
    SetFeatures,
    SetFlowHash,
    SetRings,
    features_state,
)
from nodeagent.model.port_settings import PortSettings

if TYPE_CHECKING:
    from nodeagent.host.host import Host

PortChange = SetChannels | SetRings | SetCoalescing | SetFeatures | SetFlowHash

_REMEDIES = {
    errno.EOPNOTSUPP: "the driver {driver} can't set this; leave it out of the profile",
    errno.EINVAL: "the driver {driver} refuses the value; see what it offers: {show}, and `dmesg`",
    errno.EBUSY: "somebody uses the queues; with ice that is RDMA: rmmod irdma, or a program on an AF_XDP socket",
    errno.EPERM: "run it as root (CAP_NET_ADMIN)",
    errno.ENODEV: "the interface went away; plan again: nodeagent tune plan",
    errno.ENOMEM: "there is no memory in one piece for queues and rings of this size; ask for less",
    errno.ENOSPC: "the port has run out of interrupt vectors; ask for fewer queues",
}
_SHOW = {
    SetChannels: "ethtool -l {interface}",
    SetRings: "ethtool -g {interface}",
    SetCoalescing: "ethtool -c {interface}",
    SetFeatures: "ethtool -k {interface}",
    SetFlowHash: "ethtool -n {interface} rx-flow-hash udp4",
}


def observe(host: "Host", change: PortChange) -> Observation:
    """HostError where the port is there and its driver does not tell."""
    settings = host.port_settings(change.address)
    if not settings.interface:
        return Observation(state="", gone=True)
    state = state_of(settings, change)
    if state is None:
        reason = "; ".join(dict.fromkeys(settings.problems.values())) or "not told"
        raise HostError(
            f"what {change.kind} of {change.address} is about can't be read: {reason}",
            remedy=_SHOW[type(change)].format(interface=settings.interface),
        )
    return Observation(state=state, raw=state, place=host.real(f"{PCI_ROOT}/{change.address}"))


def state_of(settings: PortSettings, change: PortChange) -> str | None:
    """What the change is about, as its states are written; None where the driver does not tell."""
    match change:
        case SetChannels():
            return None if settings.channels is None else str(settings.channels.only(change.after))
        case SetRings():
            return None if settings.rings is None else str(settings.rings.only(change.after))
        case SetCoalescing():
            return None if settings.coalescing is None else str(settings.coalescing.only(change.after))
        case SetFeatures():
            return _features(settings, change)
        case SetFlowHash():
            return settings.udp4_hash if change.flow == "udp4" else settings.udp6_hash


def _features(settings: PortSettings, change: SetFeatures) -> str | None:
    named = {feature.name for feature in change.after}
    found = [feature for feature in settings.features or () if feature.name in named]
    if len(found) != len(named):
        return None
    return features_state(tuple(FeatureState(name=f.name, active=f.active, requested=f.requested) for f in found))


def perform(host: "Host", change: PortChange) -> None:
    """HostError with what the errno means here, or with what the driver made of it."""
    if not host.is_live:
        raise HostError(f"{host.root} is a tree of files: no driver there sets {change.kind}")
    interface = interface_of(host, change.address)
    if not interface:
        raise HostError(f"{change.address} has no interface now", remedy="nodeagent tune plan")
    had_link = has_carrier(host, interface)
    apply_to(interface, driver_of(host, change.address), change)
    if had_link and isinstance(change, SetChannels | SetRings | SetFeatures):
        link_is_back(host, interface)


def apply_to(interface: str, driver: str, change: PortChange) -> None:
    """Carry out a change on an interface by name, and see that the driver kept what was asked. HostError."""
    try:
        _set(interface, change)
        settings = ethtool.read_settings(change.address, interface)
        if isinstance(change, SetChannels) and not settings.table_is_even:
            ethtool.reset_table(interface)
            settings = ethtool.read_settings(change.address, interface)
    except OSError as error:
        raise _refused(error, interface, driver, change) from error
    kept = state_of(settings, change)
    if kept != change.after_state():
        raise HostError(
            f"asked {driver or interface} for {change.after_state()}, it kept {kept or 'nothing that it tells'}",
            remedy=f"write what it keeps; see {_SHOW[type(change)].format(interface=interface)}",
        )
    if isinstance(change, SetChannels) and not settings.table_is_even:
        raise HostError(
            f"{interface} has its queues, and its indirection table does not name each of them",
            remedy=f"see ethtool -x {interface}; ethtool -X {interface} equal {settings.rx_rings} may set it",
        )


def _set(interface: str, change: PortChange) -> None:
    match change:
        case SetChannels():
            ethtool.set_channels(interface, change.after)
        case SetRings():
            ethtool.set_rings(interface, change.after)
        case SetCoalescing():
            ethtool.set_coalescing(interface, change.after)
        case SetFeatures():
            ethtool.set_features(interface, {feature.name: feature.requested for feature in change.after})
        case SetFlowHash():
            ethtool.set_hash(interface, change.flow, change.after)


def _refused(error: OSError, interface: str, driver: str, change: PortChange) -> HostError:
    number = error.errno or errno.EIO
    show = _SHOW[type(change)].format(interface=interface)
    remedy = _REMEDIES.get(number, "see `dmesg` for what the driver says about it")
    name = errno.errorcode.get(number, str(number))
    return HostError(
        f"cannot set {change.after_state()} on {interface}: {error.strerror} ({name})",
        remedy=remedy.format(driver=driver or interface, show=show),
    )
