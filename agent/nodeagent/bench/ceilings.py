"""What the hardware could do at most: the negotiated PCIe link of a drive, the line rate of a network.

An absolute target hides broken hardware. 300,000 reads a second of 4 KiB is 8 % of what a Gen5 x4 link carries, and a
drive that came up with one lane still passes. So a judgement also shows how near to the ceiling a value is, and one
above the ceiling was not measured on the device at all (a cache, a wrong mapping of device to directory).

PCIe: `transfers/s x lanes x encoding / 8` bytes per second, the encoding being 8b/10b up to 5 GT/s, 128b/130b up to
32 GT/s and 242 of 256 bytes of each flit at 64 GT/s. Source: PCI Express Base Specification 6.0, chapter 4. Headers of
the transaction layer take some more, so that the ceiling is a little generous and never too low.

Ethernet: `line rate x payload / bytes on the wire` of full frames. On the wire a frame has, besides the MTU, 14 bytes
of header, 4 of check sum, 8 of preamble and 12 of gap (IEEE 802.3, clauses 3 and 4.4.2). The payload is the MTU less
20 bytes of IPv4 or 40 of IPv6, and less 20 of TCP with 12 of time stamps (RFC 9293, RFC 7323) or 8 of UDP (RFC 768).

What is not known (a loop device, a virtual pair, no link to read) has no ceiling, and the reason says so. The links
that a hypervisor shows are made up (QEMU's root ports say 2.5 GT/s x1 and carry gigabytes), so a guest has none either.
"""

from dataclasses import dataclass

from nodeagent.model.facts import BlockDevice, Nic, PcieLink
from nodeagent.model.measurement import Unit

_ETHERNET_OVERHEAD_BYTES = 14 + 4 + 8 + 12
_IP_HEADER_BYTES = {4: 20, 6: 40}
_TCP_HEADER_BYTES = 20 + 12
_UDP_HEADER_BYTES = 8
_VIRTUAL_DRIVERS = frozenset({"veth", "bridge", "tun", "dummy", "bonding", "macvlan", "ipvlan", "vxlan"})

PLAUSIBLE_RATIO = 1.10
"""A value beyond this share of its ceiling was not measured on that hardware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceiling:
    """`value` in the unit of the metric; None where nothing is known. `reason` is a phrase for both cases."""

    value: float | None
    reason: str


def pcie_bytes_per_second(*, speed_gts: float, width: int) -> float:
    """What a link of `width` lanes at `speed_gts` GT/s each carries in one direction, before packet headers."""
    if speed_gts <= 5:
        efficiency = 8 / 10
    elif speed_gts <= 32:
        efficiency = 128 / 130
    else:
        efficiency = 242 / 256
    return speed_gts * 1e9 * width * efficiency / 8


def ethernet_bytes_per_second(*, speed_mbps: int, mtu: int, protocol: str = "tcp", ip_version: int = 4) -> float:
    """Payload of a link full of frames of `mtu` bytes; ValueError where the headers alone fill the MTU."""
    header = _IP_HEADER_BYTES[ip_version] + (_UDP_HEADER_BYTES if protocol == "udp" else _TCP_HEADER_BYTES)
    if mtu <= header:
        raise ValueError(f"an MTU of {mtu} bytes has no room for payload")
    return speed_mbps * 1e6 / 8 * (mtu - header) / (mtu + _ETHERNET_OVERHEAD_BYTES)


def storage_ceiling(
    unit: Unit, device: BlockDevice | None, *, block_bytes: int | None, virtualisation: str = ""
) -> Ceiling:
    """Ceiling of a rate at a place on `device`; `block_bytes` is the size of one request, for operations a second."""
    if unit not in {Unit.IOPS, Unit.BYTES_PER_SECOND}:
        return Ceiling(value=None, reason="no ceiling for this unit")
    if device is None:
        return Ceiling(value=None, reason="ceiling unknown: no block device found below the directory")
    if virtualisation:
        return Ceiling(value=None, reason=f"ceiling unknown: the links of a {virtualisation} guest are made up")
    link = device.pcie
    if link is None or link.speed_gts is None or link.width is None:
        return Ceiling(value=None, reason=f"ceiling unknown: {device.name} shows no PCIe link")
    rate = pcie_bytes_per_second(speed_gts=link.speed_gts, width=link.width)
    if unit is Unit.BYTES_PER_SECOND:
        return Ceiling(value=rate, reason=_link_words(link))
    if not block_bytes:
        return Ceiling(value=None, reason="ceiling unknown: the size of a request is not known")
    return Ceiling(value=rate / block_bytes, reason=_link_words(link))


def network_ceiling(
    unit: Unit, nic: Nic | None, *, protocol: str = "tcp", ip_version: int = 4, virtualisation: str = ""
) -> Ceiling:
    """Ceiling of a throughput through `nic`, the interface that leads to the peer."""
    if unit is not Unit.BYTES_PER_SECOND:
        return Ceiling(value=None, reason="no ceiling for this unit")
    if nic is None:
        return Ceiling(value=None, reason="ceiling unknown: no network interface leads to this peer")
    if virtualisation:
        return Ceiling(value=None, reason=f"ceiling unknown: the links of a {virtualisation} guest are made up")
    if not nic.pci_address or nic.driver in _VIRTUAL_DRIVERS:
        return Ceiling(value=None, reason=f"ceiling unknown: {nic.name} is a virtual interface")
    if not nic.speed_mbps or nic.speed_mbps < 0 or not nic.mtu:
        return Ceiling(value=None, reason=f"ceiling unknown: {nic.name} shows no link speed")
    try:
        rate = ethernet_bytes_per_second(
            speed_mbps=nic.speed_mbps, mtu=nic.mtu, protocol=protocol, ip_version=ip_version
        )
    except ValueError as error:
        return Ceiling(value=None, reason=f"ceiling unknown: {error}")
    return Ceiling(value=rate, reason=f"{nic.name}, {nic.speed_mbps} Mbit/s at MTU {nic.mtu}")


def _link_words(link: PcieLink) -> str:
    words = f"PCIe {link.speed_gts:g} GT/s x{link.width}"
    possible = (link.speed_max_gts, link.width_max)
    if None not in possible and possible != (link.speed_gts, link.width):
        words += f", possible {link.speed_max_gts:g} GT/s x{link.width_max}"
    return words
