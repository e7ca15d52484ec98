"""Set the MTU of a port or of one of its virtual functions.

Most drivers take the link down for a moment to do it, so the link is waited for: what comes next may need it.

Sources: Documentation/ABI/testing/sysfs-class-net (mtu), net/core/dev.c (dev_validate_mtu).
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes import knob
from nodeagent.host.changes.observation import Observation
from nodeagent.host.changes.waiting import link_is_back
from nodeagent.host.inspection import integer
from nodeagent.host.port import has_carrier, interface_of, vf_addresses
from nodeagent.model.errors import HostError
from nodeagent.model.network_change import SetLink

if TYPE_CHECKING:
    from nodeagent.host.host import Host


def observe(host: "Host", change: SetLink) -> Observation:
    """The function is the object: its interface gets another number when it comes back from a container."""
    interface = _interface(host, change)
    text = host.text(f"/sys/class/net/{interface}/mtu") if interface else None
    if integer(text) is None:
        return Observation(state="", gone=True)
    return Observation(state=f"mtu={text}", raw=text or "", place=host.real(change.directory))


def perform(host: "Host", change: SetLink) -> None:
    """HostError where the interface is gone or its driver refuses the size."""
    interface = _interface(host, change)
    if not interface:
        raise HostError(f"{_name(change)} has no interface now", remedy="nodeagent tune plan")
    had_link = has_carrier(host, interface)
    knob.write(host, f"/sys/class/net/{interface}/mtu", str(change.after_mtu))
    if had_link and host.is_live:
        link_is_back(host, interface)


def _interface(host: "Host", change: SetLink) -> str:
    address = change.address if change.index is None else vf_addresses(host, change.address).get(change.index, "")
    return interface_of(host, address) if address else ""


def _name(change: SetLink) -> str:
    return change.address if change.index is None else f"VF {change.index} of {change.address}"
