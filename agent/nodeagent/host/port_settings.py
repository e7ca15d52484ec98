"""The settings of one port: the driver's answers on a live machine, what its index says of a captured tree."""

import errno
from typing import TYPE_CHECKING, Any

from nodeagent.host import ethtool
from nodeagent.host.port import interface_of
from nodeagent.model.port_settings import LACKING, Channels, Coalescing, Feature, PortSettings, Rings

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PARTS = ("channels", "rings", "coalescing", "features", "udp4_hash", "udp6_hash", "table")


def read_port_settings(host: "Host", address: str) -> PortSettings:
    """Every part is None, with the reason, where there is nobody to ask."""
    interface = interface_of(host, address)
    bond = _bond(host, interface)
    if not host.is_live:
        noted = host.noted_port(address).get("settings")
        if noted is not None:
            return _from_notes(address, interface, bond, noted)
        return _unknown(address, interface, bond, "a captured tree holds no answers of a driver")
    if not interface:
        return _unknown(address, interface, bond, "no driver gives it an interface, and it is asked through that")
    try:
        return ethtool.read_settings(address, interface, bond=bond)
    except OSError as error:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        return _unknown(address, interface, bond, f"{error.strerror} ({name})")


def _unknown(address: str, interface: str, bond: str, reason: str) -> PortSettings:
    return PortSettings(address=address, interface=interface, bond=bond, problems=dict.fromkeys(_PARTS, reason))


def _bond(host: "Host", interface: str) -> str:
    """The bond that an interface is part of, "" for none; a bridge is no bond."""
    master = host.link(f"/sys/class/net/{interface}/master").rpartition("/")[2] if interface else ""
    return master if master and host.names(f"/sys/class/net/{master}/bonding") else ""


def _from_notes(address: str, interface: str, bond: str, noted: dict[str, Any]) -> PortSettings:
    """As written in tests/fixtures/ports.py: parts by name, maxima below `max`, flags as `ethtool -k` has them."""
    most = noted.get("max", {})
    kinds: dict[str, type[Channels | Rings]] = {"channels": Channels, "rings": Rings}
    told = {name: kind(**noted[name]) for name, kind in kinds.items() if name in noted}
    told |= {f"max_{name}": kind(**most[name]) for name, kind in kinds.items() if name in most}
    missing = [part for part in _PARTS if part not in noted]
    return PortSettings(
        address=address,
        interface=interface,
        bond=bond,
        **told,  # type: ignore[arg-type]
        coalescing=Coalescing(**noted["coalescing"]) if "coalescing" in noted else None,
        features=_features(noted["features"]) if "features" in noted else None,
        udp4_hash=noted.get("udp4_hash"),
        udp6_hash=noted.get("udp6_hash"),
        table=tuple(noted["table"]) if "table" in noted else None,
        rx_rings=noted.get("rx_rings"),
        problems=dict.fromkeys(missing, LACKING),
    )


def _features(noted: dict[str, str]) -> tuple[Feature, ...]:
    return tuple(
        Feature(
            name=name,
            active=text.startswith("on"),
            requested=text.startswith("on") != ("[requested" in text),
            fixed="[fixed]" in text,
        )
        for name, text in sorted(noted.items())
    )
