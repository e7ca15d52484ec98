"""Who is connected to this machine over TCP, and on which ports sshd listens: who a firewall must not lock out.

Sources: proc_net(5) (/proc/net/tcp), sshd_config(5).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import ReadStatus

Address = IPv4Address | IPv6Address

_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_ESTABLISHED = "01"
_CONFIG = "/etc/ssh/sshd_config"
_PORT = re.compile(r"^[ \t]*Port[ \t=]+(\d{1,5})[ \t]*(?:#.*)?$", re.MULTILINE | re.IGNORECASE)
_SSH = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """The other end of an established connection, and the port of ours that it talks to."""

    address: Address
    port: int


def connected_peers(host: HostReader) -> tuple[tuple[Peer, ...], str]:
    """Everybody but ourselves, each once; and why that can't be told, "" where it can."""
    peers: dict[Peer, None] = {}
    for path in _TABLES:
        reading = host.read(path)
        if reading.status is ReadStatus.UNREADABLE:
            return (), f"{path} can't be read ({reading.problem})"
        peers |= dict.fromkeys(_established(reading.text))
    return tuple(peer for peer in peers if not peer.address.is_loopback), ""


def ssh_ports(host: HostReader) -> frozenset[int]:
    """The ports that sshd's configuration names, 22 where it names none; empty where there is no sshd."""
    main = host.read(_CONFIG)
    if main.status is ReadStatus.ABSENT:
        return frozenset()
    texts = [main.text, *(host.read(f"{_CONFIG}.d/{name}").text for name in host.names(f"{_CONFIG}.d"))]
    return frozenset(int(port) for text in texts for port in _PORT.findall(text)) or frozenset({_SSH})


def _established(table: str) -> Iterator[Peer]:
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) > 3 and words[3] == _ESTABLISHED:
            address = words[2].partition(":")[0]
            yield Peer(address=_address(address), port=int(words[1].partition(":")[2], 16))


def _address(text: str) -> Address:
    """Words of 32 bits in the order of the processor, which is little-endian on all that we run on."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    if len(raw) == 4:
        return IPv4Address(raw)
    address = IPv6Address(raw)
    return address.ipv4_mapped or address
