"""What only rtnetlink tells and sets: the attributes of virtual functions and the bounds of an MTU.

pyroute2 speaks the protocol. Two of its ways are met here: it takes keys out of the dictionaries it is given, so each
call gets new ones; and it writes a VLAN with a protocol two bytes short, which the kernel refuses (0.9.7, EINVAL).
Virtual functions are told only where the request asks for them (RTEXT_FILTER_VF). One message holds about 220 of them:
the list is an attribute with a 16-bit length.

Sources: rtnetlink(7), include/uapi/linux/if_link.h, drivers and net/core/rtnetlink.c (do_setvfinfo).
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nodeagent.model.port import VfAttributes

T = TypeVar("T")

_WITH_VFS = 1  # RTEXT_FILTER_VF
_PROTOCOLS = {0x8100: "802.1q", 0x88A8: "802.1ad"}
_PROTOCOL_NUMBERS = {name: number for number, name in _PROTOCOLS.items()}
_PLAIN = "802.1q"
_LINK_STATES = ("auto", "enable", "disable")
_XDP = {0: "", 1: "native", 2: "generic", 3: "offload"}  # XDP_ATTACHED_*; 4 is several, native among them
_WIDTHS = {"I": 4, "H": 2}
_WHOLE_VLAN = 16  # sizeof(struct ifla_vf_vlan_info)
_UNREPORTED = 0xFFFFFFFF  # the kernel fills in all ones where a driver says nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkReport:
    """One interface as netlink tells it; `vfs` by their index."""

    max_mtu: int | None = None
    xdp: str = ""
    vfs: dict[int, VfAttributes] = field(default_factory=dict)


def read_link(interface: str) -> LinkReport:
    """OSError where there is no such interface, or its answer doesn't fit into one message."""

    def ask(route: Any, index: int) -> LinkReport:
        (message,) = route.link("get", index=index, ext_mask=_WITH_VFS)
        return report(message)

    return _with_link(interface, ask)


def set_vf(interface: str, index: int, attributes: Mapping[str, object]) -> None:
    """Set attributes of one VF by their names in VfAttributes; `vlan`, and rates, go together. OSError."""
    _mend_vlan_struct()
    _with_link(interface, lambda route, link: route.link("set", index=link, vf=request(index, attributes)))


def request(index: int, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What pyroute2 wants to be told, made anew each time."""
    wanted: dict[str, Any] = {"vf": index}
    if "vlan" in attributes:
        tag = {"vlan": attributes["vlan"], "qos": attributes.get("qos", 0)}
        proto = attributes.get("proto") or _PLAIN
        # The older attribute means 802.1q and is what every driver takes.
        wanted["vlan"] = tag if proto == _PLAIN else [{**tag, "proto": _PROTOCOL_NUMBERS[proto]}]
    if "mac" in attributes:
        wanted["mac"] = attributes["mac"]
    if "max_tx_rate" in attributes:
        wanted["rate"] = {name: attributes[name] for name in ("min_tx_rate", "max_tx_rate")}
    for name in ("spoofchk", "trust"):
        if name in attributes:
            wanted[name] = int(attributes[name])
    if "link_state" in attributes:
        wanted["link_state"] = _LINK_STATES.index(attributes["link_state"])
    return wanted


def report(message: Any) -> LinkReport:
    """An answer of the kernel, in our words; what a driver leaves out is None."""
    listed = message.get_attr("IFLA_VFINFO_LIST")
    infos = listed.get_attrs("IFLA_VF_INFO") if listed is not None else []
    xdp = message.get_attr("IFLA_XDP")
    attached = xdp.get_attr("IFLA_XDP_ATTACHED") if xdp is not None else None
    return LinkReport(
        max_mtu=message.get_attr("IFLA_MAX_MTU") or None,
        xdp=_XDP.get(attached or 0, "native"),
        vfs=dict(_vf(info) for info in infos),
    )


def _vf(info: Any) -> tuple[int, VfAttributes]:
    mac = info.get_attr("IFLA_VF_MAC")
    rate = info.get_attr("IFLA_VF_RATE") or {}
    vlan = _vlan(info)
    state = _number(info, "IFLA_VF_LINK_STATE", "link_state")
    return mac["vf"], VfAttributes(
        mac=mac["mac"][:17].lower(),
        vlan=vlan.get("vlan"),
        qos=vlan.get("qos"),
        proto=_PROTOCOLS.get(vlan.get("proto", 0)),
        max_tx_rate=rate.get("max_tx_rate"),
        min_tx_rate=rate.get("min_tx_rate"),
        spoofchk=_flag(info, "IFLA_VF_SPOOFCHK", "spoofchk"),
        trust=_flag(info, "IFLA_VF_TRUST", "trust"),
        link_state=_LINK_STATES[state] if state is not None and state < len(_LINK_STATES) else None,
    )


def _vlan(info: Any) -> Mapping[str, int]:
    listed = info.get_attr("IFLA_VF_VLAN_LIST")
    told = listed.get_attr("IFLA_VF_VLAN_INFO") if listed is not None else None
    vlan: Mapping[str, int] = told or info.get_attr("IFLA_VF_VLAN") or {}
    return vlan


def _mend_vlan_struct() -> None:
    """The kernel's ifla_vf_vlan_info ends in two bytes of padding, which the kernel insists on."""
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    struct = ifinfmsg.vflist.vfinfo.vf_vlist.ivvi
    if sum(_WIDTHS.get(form[-1], 0) for _, form in struct.fields) == _WHOLE_VLAN - 2:
        struct.fields = (*struct.fields, ("padding", "H"))


def _number(info: Any, attribute: str, name: str) -> int | None:
    told = info.get_attr(attribute)
    number: int | None = told[name] if told is not None else None
    return None if number == _UNREPORTED else number


def _flag(info: Any, attribute: str, name: str) -> bool | None:
    number = _number(info, attribute, name)
    return None if number is None else bool(number)


def _with_link(interface: str, do: Callable[[Any, int], T]) -> T:
    """`do` with an open socket and the number of the interface, which must be there."""
    from pyroute2 import IPRoute
    from pyroute2.netlink.exceptions import NetlinkError

    try:
        with IPRoute() as route:
            found = route.link_lookup(ifname=interface)
            if not found:
                raise OSError(19, os.strerror(19), interface)
            return do(route, found[0])
    except NetlinkError as error:
        raise OSError(error.code, os.strerror(error.code), interface) from error
