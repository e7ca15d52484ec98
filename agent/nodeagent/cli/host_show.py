"""`host show` as text and JSON.

The JSON document is HostFacts field by field (docs/host.md). The text is for eighty columns: a drive or a port takes a
few lines, since its serial number and its mounts don't fit into a table's cell, and nothing is cut.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from nodeagent.cli.output import Terminal, Tone, print_json, table
from nodeagent.host import Host
from nodeagent.model.errors import HostError
from nodeagent.model.facts import BlockDevice, Cpus, HostFacts, L3Domain, Nic, NumaNode, PcieLink
from nodeagent.model.units import counted, format_bytes, format_capacity

_WIDTH = 78
_LABEL_WIDTH = 10
_PROBLEM_LIMIT = 20


@contextmanager
def opened(root: Path) -> Iterator[Host]:
    """A Host on this machine, on a directory, or on a capture, which is unpacked for as long as it is looked at."""
    if root.is_dir():
        yield Host(root=Path("/") if root.resolve() == Path("/") else root)
        return
    from nodeagent.host.capture import load

    with TemporaryDirectory(prefix="nodeagent-") as directory:
        yield load(root, Path(directory, "tree"))


def show(terminal: Terminal, *, root: Path, as_json: bool) -> None:
    with opened(root) as host:
        facts = host.facts()
    if root != Path("/") and not facts.cpus.online and not facts.block_devices:
        raise HostError(
            f"{root} is no copy of a machine's files: no processors in sys/devices/system/cpu, no drives in sys/block",
            remedy="nodeagent host capture FILE, on the machine",
        )
    if as_json:
        print_json(_document(facts), kind="host.show")
    else:
        click.echo("\n".join(_lines(facts, terminal)))


def _document(facts: HostFacts) -> dict[str, object]:
    """Field by field; a placement is what a profile makes of a machine and no part of it."""
    return {field.name: getattr(facts, field.name) for field in fields(facts) if field.name != "placement"}


def _lines(facts: HostFacts, terminal: Terminal) -> Iterator[str]:
    yield from _summary(facts)
    for title, blocks in (
        ("NUMA nodes", [_node_table(facts.numa_nodes)] if facts.numa_nodes else []),
        ("Drives", [_drive(device) for device in facts.block_devices if _is_shown(device)]),
        ("Ports", [_port(nic) for nic in facts.nics]),
        ("Could not be read", _problems(facts.problems)),
    ):
        if blocks:
            yield ""
            yield terminal.style(title, Tone.STRONG)
            yield from blocks


def _problems(problems: Sequence[str]) -> list[str]:
    more = len(problems) - _PROBLEM_LIMIT
    shown = [f"  {problem}" for problem in problems[:_PROBLEM_LIMIT]]
    return [*shown, f"  and {more} more: --output json has them all"] if more > 0 else shown


def _summary(facts: HostFacts) -> Iterator[str]:
    platform, kernel = facts.platform, facts.kernel
    yield _labelled("host", [platform.hostname, platform.os_release, f"kernel {kernel.release}", platform.init])
    machine = " ".join(filter(None, (platform.vendor, platform.product)))
    firmware = f"firmware {platform.bios_version}" if platform.bios_version else ""
    yield _labelled("machine", [machine, firmware, _virtual(facts)])
    yield _labelled("processor", [facts.cpus.model, *_counts(facts.cpus)])
    yield _labelled("caches", _caches(facts.cpus.l3_domains))
    yield _labelled("memory", _memory(facts))
    cgroup = f"cgroup {platform.cgroup}" if platform.cgroup else "no cgroups"
    pressure = f"pressure of {', '.join(platform.pressure)}" if platform.pressure else "no pressure files"
    yield _labelled("control", [cgroup, pressure, f"lockdown {kernel.lockdown}" if kernel.lockdown else ""])


def _virtual(facts: HostFacts) -> str:
    platform = facts.platform
    inside = f", in a container ({platform.container})" if platform.container else ""
    return (f"virtual ({platform.virtualisation})" if platform.virtualisation else "bare metal") + inside


def _counts(cpus: Cpus) -> list[str]:
    if cpus.packages is None or cpus.cores is None or cpus.threads_per_core is None:
        told = ["topology unknown"]
    else:
        told = [
            counted(cpus.packages, "package"),
            counted(cpus.cores, "core"),
            counted(cpus.threads_per_core, "thread") + " a core",
        ]
    isolated = [f"isolated {cpus.isolated}"] if cpus.isolated else []
    tickless = [f"nohz_full {cpus.nohz_full}"] if cpus.nohz_full else []
    offline = len(cpus.possible) - len(cpus.online & cpus.possible)
    missing = [f"{offline} possible but offline"] if offline else []
    return [*told, f"online {cpus.online or 'unknown'}", *missing, *isolated, *tickless]


def _caches(domains: tuple[L3Domain, ...]) -> list[str]:
    """How many last-level caches of each size and number of CPUs."""
    kinds = [(domain.size_bytes, len(domain.cpus)) for domain in domains]
    told = []
    for size_bytes, cpus in dict.fromkeys(kinds):
        size = format_bytes(size_bytes) if size_bytes is not None else "unknown size"
        told.append(f"{kinds.count((size_bytes, cpus))} x L3 of {size} for {counted(cpus, 'CPU')}")
    return told or ["no L3 shown"]


def _memory(facts: HostFacts) -> list[str]:
    memory = facts.memory
    total = format_bytes(memory.total_bytes) if memory.total_bytes is not None else "unknown size"
    if not memory.dimms_readable:
        return [total, "modules not readable"]
    filled = [slot for slot in memory.dimms if slot.size_bytes]
    kinds = dict.fromkeys(
        " ".join(
            filter(None, (format_bytes(slot.size_bytes), slot.kind, f"{slot.speed_mts} MT/s" * bool(slot.speed_mts)))
        )
        for slot in filled
    )
    ecc = {slot.ecc for slot in filled}
    return [
        total,
        f"{len(filled)} of {counted(len(memory.dimms), 'slot')} filled",
        *kinds,
        "ECC" if ecc == {True} else "",
    ]


def _node_table(nodes: tuple[NumaNode, ...]) -> str:
    rows = [
        (
            f"  {node.id}",
            str(node.cpus) or "none",
            format_bytes(node.memory_bytes) if node.memory_bytes is not None else "unknown",
            " ".join(f"{pool.total}x{format_bytes(pool.page_bytes)}" for pool in node.hugepages if pool.total)
            or "none",
            " ".join(str(distance) for distance in node.distances.values()) or "unknown",
        )
        for node in nodes
    ]
    return table(rows, header=("  NODE", "CPUS", "MEMORY", "HUGE PAGES", "DISTANCES"))


def _is_shown(device: BlockDevice) -> bool:
    """Loop devices and compressed memory stand ready in dozens; JSON has them all."""
    return device.size_bytes != 0


def _drive(device: BlockDevice) -> str:
    size = format_capacity(device.size_bytes) if device.size_bytes is not None else "unknown size"
    kinds = {True: "rotating", False: "", None: ""}
    facts = [
        f"serial {device.serial}" if device.serial else "",
        f"wwn {device.wwn}" if device.wwn else "",
        f"file {device.backing_file}" if device.backing_file else "",
        device.transport,
        kinds[device.rotational],
        "read-only" if device.read_only else "",
        "removable" if device.removable else "",
        _place(device.numa_node, device.pcie),
        *_link(device.pcie),
        f"scheduler {device.scheduler}" if device.scheduler else "",
        _listed("partitions", [partition.name for partition in device.partitions]),
        _listed("used by", device.holders),
        _listed("made of", device.slaves),
        *(f"mounted {mount.target} ({mount.fstype})" for mount in device.mounts),
    ]
    return _block([device.name, size, device.model], facts)


def _port(nic: Nic) -> str:
    speed = f"{nic.speed_mbps} Mbit/s" if nic.speed_mbps is not None else "speed unknown"
    state = nic.operstate if nic.operstate not in ("", "unknown") else ""
    functions = f"virtual functions {nic.sriov.configured_vfs} of {nic.sriov.total_vfs}" if nic.sriov else ""
    facts = [
        f"driver {nic.driver}" if nic.driver else "",
        f"mac {nic.mac}" if nic.mac else "",
        f"mtu {nic.mtu}" if nic.mtu is not None else "",
        f"queues {nic.rx_queues} rx {nic.tx_queues} tx" if nic.rx_queues or nic.tx_queues else "",
        counted(len(nic.irqs), "interrupt") if nic.irqs else "",
        functions,
        f"function of {nic.physical_function}" if nic.physical_function else "",
        _place(nic.numa_node, nic.pcie),
        *_link(nic.pcie),
    ]
    return _block([nic.name, speed if nic.pci_address else "", state], facts)


def _place(node: int | None, link: PcieLink | None) -> str:
    if link is None:
        return f"node {node}" if node is not None else ""
    return f"at {link.address}, node {node if node is not None else 'unknown'}"


def _link(link: PcieLink | None) -> list[str]:
    """The negotiated link, and the possible one where it is better."""
    if link is None or (link.speed_gts is None and link.width is None):
        return []
    now = f"PCIe {_link_text(link.speed_gts, link.width)}"
    best = _link_text(link.speed_max_gts or link.speed_gts, link.width_max or link.width)
    return [now if best == _link_text(link.speed_gts, link.width) else f"{now}, could be {best}"]


def _link_text(speed_gts: float | None, width: int | None) -> str:
    speed = f"{speed_gts:g} GT/s" if speed_gts is not None else "? GT/s"
    return f"{speed} x{width if width is not None else '?'}"


def _listed(word: str, names: Iterable[str]) -> str:
    joined = " ".join(names)
    return f"{word} {joined}" if joined else ""


def _block(title: Iterable[str], facts: Iterable[str]) -> str:
    """A title and the facts below it, several a line as far as they fit."""
    head = "  " + "  ".join(filter(None, title))
    return "\n".join([head, *_flow(filter(None, facts), indent=4)])


def _flow(items: Iterable[str], *, indent: int) -> Iterator[str]:
    """Fill lines with items, none of which is broken: one longer than a line has a line of its own."""
    line = ""
    for item in items:
        longer = f"{line}; {item}" if line else item
        if line and indent + len(longer) > _WIDTH:
            yield " " * indent + line + ";"
            line = item
        else:
            line = longer
    if line:
        yield " " * indent + line


def _labelled(label: str, items: Iterable[str]) -> str:
    told = list(filter(None, items)) or ["unknown"]
    lines = list(_flow(told, indent=_LABEL_WIDTH))
    return label.ljust(_LABEL_WIDTH) + "\n".join(lines)[_LABEL_WIDTH:]
