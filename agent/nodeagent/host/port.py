"""One port and its virtual functions: sysfs for what exists and who drives it, netlink for what the driver keeps.

A captured tree has no netlink; what was told there stands in its index (host/tree_index.py), or it is unknown, with the
reason in `Port.problem`.
"""

import errno
import re
from typing import TYPE_CHECKING, Any

from nodeagent.host.inspection import integer
from nodeagent.host.netlink import LinkReport, read_link
from nodeagent.host.pci import PCI_ROOT, address_in
from nodeagent.host.vector_table import read_table_size
from nodeagent.model.port import Port, VfAttributes, VirtualFunction

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_VF_LINK = re.compile(r"virtfn(\d{1,5})", re.ASCII)
_VIRTIO = re.compile(r"virtio\d{1,5}", re.ASCII)
_NO_OVERRIDE = ("", "(null)")


def read_port(host: "Host", address: str) -> Port:
    """The function at a PCI address; fields it has not are None or empty, also where there is no such function."""
    directory = f"{PCI_ROOT}/{address}"
    interface = interface_of(host, address)
    told, problem = _ask_netlink(host, address, interface)
    vectors = integer(host.text(f"{directory}/sriov_vf_total_msix"))
    addresses = vf_addresses(host, address)
    return Port(
        address=address,
        driver=driver_of(host, address),
        interface=interface,
        mtu=_mtu(host, interface),
        max_mtu=told.max_mtu,
        carrier=has_carrier(host, interface),
        xdp=told.xdp,
        total_vfs=integer(host.text(f"{directory}/sriov_totalvfs")),
        configured_vfs=integer(host.text(f"{directory}/sriov_numvfs")),
        autoprobe=_autoprobe(host, directory),
        vf_msix=vectors,
        iommu_group=bool(host.link(f"{directory}/iommu_group")),
        vfs=tuple(_read_vf(host, i, vf, told, vectors=bool(vectors)) for i, vf in sorted(addresses.items())),
        problem=problem,
    )


def vf_addresses(host: "Host", address: str) -> dict[int, str]:
    """Index to PCI address of the VFs that a PF has now."""
    directory = f"{PCI_ROOT}/{address}"
    links = [match for name in host.names(directory) if (match := _VF_LINK.fullmatch(name))]
    found = {int(link[1]): address_in(host.link(f"{directory}/{link[0]}")) for link in links}
    return {index: vf for index, vf in found.items() if vf}


def interface_of(host: "Host", address: str) -> str:
    """The name of a function's interface now; "" where it has none, or several (then none of them is meant)."""
    function = f"{PCI_ROOT}/{address}"
    # The interface of a virtio port hangs on the virtio device, one step below its function.
    below = [name for name in host.names(function) if _VIRTIO.fullmatch(name)]
    names = [
        name for place in ("net", *(f"{device}/net" for device in below)) for name in host.names(f"{function}/{place}")
    ]
    return names[0] if len(names) == 1 else ""


def driver_of(host: "Host", address: str) -> str:
    return host.link(f"{PCI_ROOT}/{address}/driver").rpartition("/")[2]


def override_of(host: "Host", address: str) -> str:
    """The only driver that may have a function, "" for any."""
    text = host.text(f"{PCI_ROOT}/{address}/driver_override") or ""
    return "" if text in _NO_OVERRIDE else text


def _read_vf(host: "Host", index: int, address: str, told: LinkReport, *, vectors: bool) -> VirtualFunction:
    interface = interface_of(host, address)
    return VirtualFunction(
        index=index,
        address=address,
        driver=driver_of(host, address),
        override=override_of(host, address),
        interface=interface,
        mtu=_mtu(host, interface),
        iommu_group=bool(host.link(f"{PCI_ROOT}/{address}/iommu_group")),
        msix=read_table_size(host, address) if vectors else None,
        attributes=told.vfs.get(index),
    )


def has_carrier(host: "Host", interface: str) -> bool | None:
    """Is there a link? None for an interface that is down: it refuses to answer."""
    number = integer(host.text(f"/sys/class/net/{interface}/carrier")) if interface else None
    return None if number is None else bool(number)


def _mtu(host: "Host", interface: str) -> int | None:
    return integer(host.text(f"/sys/class/net/{interface}/mtu")) if interface else None


def _autoprobe(host: "Host", directory: str) -> bool | None:
    number = integer(host.text(f"{directory}/sriov_drivers_autoprobe"))
    return None if number is None else bool(number)


def _ask_netlink(host: "Host", address: str, interface: str) -> tuple[LinkReport, str]:
    nothing = LinkReport()
    if not host.is_live:
        noted = host.noted_port(address)
        return (_from_notes(noted), "") if noted else (nothing, "a captured tree holds no answers of netlink")
    if not interface:
        return nothing, "no driver gives it an interface, and netlink is asked through that"
    try:
        return read_link(interface), ""
    except OSError as error:
        return nothing, f"{error.strerror} ({errno.errorcode.get(error.errno or 0, error.errno)})"


def _from_notes(noted: dict[str, Any]) -> LinkReport:
    vfs = {int(index): VfAttributes(**vf) for index, vf in noted.get("vfs", {}).items()}
    return LinkReport(max_mtu=noted.get("max_mtu"), xdp=noted.get("xdp", ""), vfs=vfs)
