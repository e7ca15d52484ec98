"""Who else sets a firewall on this host: nftables.service, ufw, firewalld, the rules that iptables-persistent loads.

All of nftables' tables see every packet, so one that drops is enough: what another program doesn't let in, ours can't.
Worse is one that flushes: Debian's /etc/nftables.conf begins with `flush ruleset`, which takes our table along whenever
nftables.service is started.

Sources: nft(8), /etc/nftables.conf of Debian's nftables, ufw(8), firewalld(1), netfilter-persistent(8).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader

_WANTS = (
    "/etc/systemd/system/sysinit.target.wants",
    "/etc/systemd/system/multi-user.target.wants",
    "/etc/systemd/system/basic.target.wants",
    "/etc/systemd/system/network-pre.target.wants",
)
_FLUSH = re.compile(r"^[ \t]*flush[ \t]+ruleset\b", re.MULTILINE)
_UFW = re.compile(r"^[ \t]*ENABLED[ \t]*=[ \t]*[\"']?yes\b", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallOwner:
    """A program that sets rules too; `flushes` where it takes away ours when it starts."""

    program: str
    path: str
    flushes: bool
    remedy: str


def find_owners(host: HostReader) -> tuple[FirewallOwner, ...]:
    """Every one that is set to start at boot."""
    return tuple(_owners(host))


def _owners(host: HostReader) -> Iterator[FirewallOwner]:
    started = {name: f"{directory}/{name}" for directory in _WANTS for name in host.names(directory)}
    if "nftables.service" in started:
        path = "/etc/nftables.conf"
        flushes = _FLUSH.search(host.read(path).text) is not None
        remedy = "systemctl disable nftables (don't stop it: that flushes as well)" if flushes else f"read {path}"
        yield FirewallOwner(program="nftables.service", path=path, flushes=flushes, remedy=remedy)
    if _UFW.search(host.read("/etc/ufw/ufw.conf").text):
        yield FirewallOwner(program="ufw", path="/etc/ufw/ufw.conf", flushes=False, remedy="ufw disable")
    if "firewalld.service" in started:
        path = started["firewalld.service"]
        yield FirewallOwner(program="firewalld", path=path, flushes=False, remedy="systemctl disable --now firewalld")
    if "netfilter-persistent.service" in started and host.names("/etc/iptables"):
        yield FirewallOwner(
            program="netfilter-persistent",
            path="/etc/iptables",
            flushes=False,
            remedy="systemctl disable netfilter-persistent, and iptables -F where its rules are in force",
        )
