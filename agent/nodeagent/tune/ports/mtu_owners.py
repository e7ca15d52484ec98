"""Who else sets the MTU of a port: systemd-networkd, udev's .link files, NetworkManager, ifupdown, netplan.

Each of them sets it again when the port comes up, so one that says something else undoes ours at the next plug or boot.
One that says the same is no rival. Only a person knows who should give way, so the file is told and nothing is changed.

Sources: systemd.network(5) and systemd.link(5) (MTUBytes), nm-settings-keyfile(5) (ethernet.mtu), interfaces(5) (mtu),
netplan(5) (mtu).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.units import parse_bytes
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.knob import watched
from nodeagent.tune.ports.vf_owners import (
    MATCH_KEYS,
    NETWORK_MANAGER,
    NETWORKD,
    Owner,
    configuration_files,
    parse_sections,
)

_IFUPDOWN = ("/etc/network/interfaces", "/etc/network/interfaces.d")
_NETPLAN = ("/etc/netplan", "/run/netplan", "/lib/netplan")
_IFACE = re.compile(r"\s*iface\s+(\S+)\s")
_IFUPDOWN_MTU = re.compile(r"\s*mtu\s+(\d+)\s*(?:#.*)?")
_NETPLAN_MTU = re.compile(r"\s*mtu:\s*(\d+)\s*(?:#.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class MtuOwner:
    """A file that sets an MTU, in bytes; None where its text can't be understood."""

    owner: Owner
    mtu: int | None


def mtu_findings(host: HostReader, tunable: str, settings: Any, facts: HostFacts) -> Iterator[Finding]:
    """Files that set another MTU than the profile wants for ports of `nic-mtu` or `sriov`."""
    owners = find_mtu_owners(host)
    for entry in settings:
        if entry.mtu is None or not watched(entry.mtu):
            continue
        for nic in (nic for nic in facts.nics if entry.nic.matches(nic)):
            for found in owners:
                if found.owner.means(nic) and found.mtu != entry.mtu.value:
                    yield _finding(tunable, nic, found, entry.mtu.value)


def _finding(tunable: str, nic: Nic, found: MtuOwner, wanted: int) -> Finding:
    return Finding(
        subject=f"{tunable}:{nic.pci_address}:owner",
        state=State.UNKNOWN,
        got=f"{found.owner.program} sets {found.mtu or 'an MTU'} for {nic.name} from {found.owner.path}",
        wanted=f"{wanted}, or no word of it there",
        remedy=f"write {wanted} there, or take the line out: {found.owner.path}",
        optional=True,
        id="NA-OWNER-007",
    )


def find_mtu_owners(host: HostReader) -> tuple[MtuOwner, ...]:
    """Every file that sets an MTU, in the order of the programs above."""
    return (*_networkd(host), *_network_manager(host), *_ifupdown(host), *_netplan(host))


def _networkd(host: HostReader) -> Iterator[MtuOwner]:
    for path, text in configuration_files(host, NETWORKD, (".network", ".link")):
        sections = parse_sections(text)
        values = [value for key, value in sections.get("link", ()) if key == "mtubytes"]
        patterns = {MATCH_KEYS[k]: tuple(v.split()) for k, v in sections.get("match", ()) if k in MATCH_KEYS}
        if values:
            program = "udev" if path.endswith(".link") else "systemd-networkd"
            yield MtuOwner(owner=Owner(program=program, path=path, patterns=patterns), mtu=_bytes(values[-1]))


def _network_manager(host: HostReader) -> Iterator[MtuOwner]:
    for path, text in configuration_files(host, NETWORK_MANAGER, (".nmconnection",)):
        sections = parse_sections(text)
        ethernet = [*sections.get("ethernet", ()), *sections.get("802-3-ethernet", ())]
        values = [value for key, value in ethernet if key == "mtu" and value != "0"]
        names = [v for k, v in sections.get("connection", ()) if k == "interface-name"]
        macs = [v for k, v in ethernet if k == "mac-address"]
        patterns = {name: tuple(found) for name, found in (("name", names), ("mac", macs)) if found}
        if values:
            yield MtuOwner(owner=Owner(program="NetworkManager", path=path, patterns=patterns), mtu=_bytes(values[-1]))


def _ifupdown(host: HostReader) -> Iterator[MtuOwner]:
    single, directory = _IFUPDOWN
    for path in (single, *(f"{directory}/{name}" for name in host.names(directory))):
        interface = ""
        for line in host.read(path).text.splitlines():
            if found := _IFACE.match(f"{line} "):
                interface = found[1]
            elif interface and (found := _IFUPDOWN_MTU.fullmatch(line)):
                owner = Owner(program="ifupdown", path=path, patterns={"name": (interface,)})
                yield MtuOwner(owner=owner, mtu=int(found[1]))


def _netplan(host: HostReader) -> Iterator[MtuOwner]:
    """Which port a line of it means takes a YAML parser and netplan's rules; any port counts as meant."""
    for path, text in configuration_files(host, _NETPLAN, (".yaml",)):
        mtus = {int(found[1]) for line in text.splitlines() if (found := _NETPLAN_MTU.fullmatch(line))}
        for mtu in sorted(mtus):
            yield MtuOwner(owner=Owner(program="netplan", path=path, patterns={}), mtu=mtu)


def _bytes(text: str) -> int | None:
    """K, M and G are taken, to the base of 1024."""
    try:
        return parse_bytes(f"{text}iB" if text[-1:] in "KMG" else text)
    except ValueError:
        return None
