"""HostFacts as an inventory to read: what a reviewer compares with the order of the machine."""

from collections.abc import Iterable

from nodeagent.model.facts import BlockDevice, Cpus, HostFacts, Memory, Nic, NumaNode, PcieLink
from nodeagent.model.units import counted, format_bytes
from nodeagent.report.document import DriveRow, Fact, Hardware, NicRow

_PSEUDO_DRIVES = ("ram", "zram", "loop", "fd", "sr")


def make_hardware(facts: HostFacts) -> Hardware:
    """The inventory of a host; a loop device is listed only while something is behind it."""
    drives = [device for device in facts.block_devices if _is_worth_listing(device)]
    return Hardware(
        facts=tuple(_summary(facts)),
        drives=tuple(_drive(device) for device in drives),
        nics=tuple(_nic(nic) for nic in facts.nics if nic.name != "lo"),
        problems=facts.problems,
    )


def _summary(facts: HostFacts) -> Iterable[Fact]:
    platform, kernel = facts.platform, facts.kernel
    rows = {
        "Machine": " ".join(part for part in (platform.vendor, platform.product) if part),
        "Virtualisation": platform.virtualisation or platform.container or "none (bare metal)",
        "Firmware": platform.bios_version,
        "System": platform.os_release,
        "Kernel": kernel.release,
        "Kernel command line": kernel.command_line,
        "Processor": _processor(facts.cpus),
        "CPUs": _cpus(facts.cpus),
        "Memory": _memory(facts.memory),
        **{f"NUMA node {node.id}": _node(node) for node in facts.numa_nodes},
    }
    return (Fact(label=label, value=value or "unknown") for label, value in rows.items())


def _processor(cpus: Cpus) -> str:
    microcode = f", microcode {cpus.microcode}" if cpus.microcode else ""
    return (cpus.model or "unknown") + microcode


def _cpus(cpus: Cpus) -> str:
    counts = (
        (cpus.packages, "package"),
        (cpus.cores, "core"),
        (len(cpus.online.cpus), "thread"),
        (len(cpus.l3_domains) or None, "L3 domain"),
    )
    told = ", ".join(counted(count, noun) for count, noun in counts if count is not None)
    isolated = f", isolated {cpus.isolated}" if cpus.isolated.cpus else ""
    return f"{told}, online {cpus.online}{isolated}"


def _memory(memory: Memory) -> str:
    if memory.total_bytes is None:
        return ""
    total = format_bytes(memory.total_bytes)
    if not memory.dimms_readable:
        return f"{total} (modules not readable)"
    fitted = [dimm for dimm in memory.dimms if dimm.size_bytes]
    return f"{total}, {len(fitted)} of {len(memory.dimms)} slots filled"


def _node(node: NumaNode) -> str:
    memory = format_bytes(node.memory_bytes) if node.memory_bytes is not None else "unknown memory"
    distances = ", ".join(f"{other}:{distance}" for other, distance in sorted(node.distances.items()))
    return f"CPUs {node.cpus if node.cpus.cpus else 'none'}, {memory}, distances {distances or 'unknown'}"


def _is_worth_listing(device: BlockDevice) -> bool:
    pseudo = device.name.startswith(_PSEUDO_DRIVES)
    return bool(device.size_bytes) and (not pseudo or bool(device.backing_file or device.mounts))


def _drive(device: BlockDevice) -> DriveRow:
    return DriveRow(
        name=device.name,
        model=device.model,
        serial=device.serial or device.wwn or device.backing_file,
        size_bytes=device.size_bytes,
        kind=_kind(device),
        link=_link(device.pcie),
        link_reduced=_is_reduced(device.pcie),
        numa_node=device.numa_node,
        scheduler=device.scheduler,
        mounts=tuple(f"{mount.target} ({mount.fstype})" for mount in device.mounts),
    )


def _kind(device: BlockDevice) -> str:
    if device.backing_file:
        return "loop"
    surface = {True: "rotational", False: "solid state", None: ""}[device.rotational]
    return " ".join(part for part in (device.transport, surface) if part)


def _nic(nic: Nic) -> NicRow:
    return NicRow(
        name=nic.name,
        driver=nic.driver,
        pci_address=nic.pci_address,
        speed_mbps=nic.speed_mbps,
        mtu=nic.mtu,
        queues=f"{nic.rx_queues} rx, {nic.tx_queues} tx",
        numa_node=nic.numa_node,
        link=_link(nic.pcie),
        link_reduced=_is_reduced(nic.pcie),
        sriov=f"{nic.sriov.configured_vfs} of {nic.sriov.total_vfs} VFs" if nic.sriov else "",
    )


def _link(link: PcieLink | None) -> str:
    if link is None or link.speed_gts is None or link.width is None:
        return ""
    now = f"{link.speed_gts:g} GT/s x{link.width}"
    if not _is_reduced(link):
        return now
    return f"{now} of {link.speed_max_gts or link.speed_gts:g} GT/s x{link.width_max or link.width}"


def _is_reduced(link: PcieLink | None) -> bool:
    """A link that came up slower or narrower than both of its ends can: a seating, riser or firmware fault."""
    if link is None:
        return False
    pairs = ((link.speed_gts, link.speed_max_gts), (link.width, link.width_max))
    return any(now is not None and most is not None and now < most for now, most in pairs)
