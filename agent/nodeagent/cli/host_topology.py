"""`host topology`: the machine drawn, with the roles of a profile where one is named."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

import click

from nodeagent.cli import tune_setup
from nodeagent.cli.output import Terminal, Tone, print_json
from nodeagent.host.output_file import write_output
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import HostError
from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Profile
from nodeagent.model.units import counted, format_bytes
from nodeagent.report.topology import Cache, Device, Node, Topology, broken, make_topology
from nodeagent.tune.placement import placed

_LABEL = 14


def show(terminal: Terminal, *, profile: str | None, root: Path, form: str, out: Path | None) -> None:
    loaded = tune_setup.load(profile, tune_setup.state_of(root)) if profile else None
    with tune_setup.opened(root) as host:
        facts = host.facts()
    if not facts.cpus.online:
        raise HostError(f"which CPUs {root} has can't be read", remedy=f"nodeagent host show --root {root}")
    topology = make_topology(placed(facts, loaded) if loaded else facts, profile=loaded.name if loaded else None)
    match form:
        case "svg":
            from nodeagent.report.topology_svg import render

            _write(render(topology), out)
        case "json":
            from io import StringIO

            text = StringIO()
            print_json(topology, kind="host.topology", stream=text)
            _write(text.getvalue(), out)
        case _:
            lines = text_lines(topology, Terminal() if out else terminal, width=tune_setup.width_of(terminal))
            _write("\n".join([*lines, *_hint(loaded, facts)]) + "\n", out)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        click.echo(text, nl=False)
        return
    write_output(out, text)
    click.echo(f"wrote {out}", err=True)


def _hint(profile: Profile | None, facts: HostFacts) -> Iterator[str]:
    if profile is None:
        yield "\nWho uses which CPU is up to a profile: nodeagent host topology --profile NAME"
    elif profile.placement is None:
        yield f"\nProfile {profile.name} has no section `placement`, so nobody is placed."


def text_lines(topology: Topology, terminal: Terminal, *, width: int) -> Iterator[str]:
    """For people: CPU lists, never single cells, so that 384 of them fit on a page."""
    head = ", ".join(filter(None, (topology.model, f"profile {topology.profile}" if topology.profile else "")))
    yield f"{terminal.style(topology.hostname or 'this host', Tone.STRONG)}: {head or 'unknown processor'}"
    for package in topology.packages:
        yield ""
        yield terminal.style("no package" if package.id is None else f"package {package.id}", Tone.STRONG)
        for node in package.nodes:
            yield from _node_lines(node, terminal, width=width)
    if topology.elsewhere:
        yield ""
        yield terminal.style("devices whose node the firmware doesn't tell", Tone.STRONG)
        yield from _device_lines(topology.elsewhere, width=width)
    yield from _placement_lines(topology, terminal, width=width)


def _node_lines(node: Node, terminal: Terminal, *, width: int) -> Iterator[str]:
    memory = "memory unknown" if node.memory_bytes is None else f"{format_bytes(node.memory_bytes)} of memory"
    home = ", where the validator's belongs" if node.validator_memory else ""
    yield "  all CPUs, no NUMA" if node.id is None else f"  node {node.id}: {memory}{home}"
    if len(node.distances) > 1:
        yield from _listed("distances", [f"{other}:{distance}" for other, distance in node.distances], width, gap=" ")
    for caches in _alike(node.caches):
        yield from _cache_lines(caches, terminal, width=width)
    yield from _device_lines(node.devices, width=width)


def _alike(caches: Sequence[Cache]) -> Iterator[list[Cache]]:
    """Runs of caches of one size of which one role has everything."""

    def key(pair: tuple[int, Cache]) -> tuple[object, ...]:
        at, cache = pair
        roles = tuple(cache.roles())
        return (cache.size_bytes, len(cache.cores), roles) if len(roles) < 2 else (at,)

    for _, run in groupby(enumerate(caches), key=key):
        yield [cache for _, cache in run]


def _cache_lines(caches: Sequence[Cache], terminal: Terminal, *, width: int) -> Iterator[str]:
    first, last = caches[0], caches[-1]
    every = CpuSet.of(cpu for cache in caches for cpu in cache.cpus)
    size = f", {format_bytes(first.size_bytes)}" if first.size_bytes is not None else ""
    each = " each" if len(caches) > 1 and size else ""
    number = f"{first.id}" if len(caches) == 1 else f"{first.id}-{last.id}"
    title = (
        "no cache known" if first.id is None else f"{'cache' if len(caches) == 1 else 'caches'} {number}{size}{each}"
    )
    roles = replace(first, cores=tuple(core for cache in caches for core in cache.cores)).roles()
    yield terminal.style(f"    {title}", Tone.FAINT)
    for label, cpus in roles.items() or [("CPUs", every)]:
        yield from _listed(str(label), str(cpus).split(","), width)


def _device_lines(devices: Sequence[Device], *, width: int) -> Iterator[str]:
    """One line a device; who serves them is told once for those that share it."""
    for (kind, cpus, queues), group in groupby(devices, key=lambda device: (device.kind, device.cpus, device.queues)):
        for device in group:
            vfs = f", {counted(device.vfs, 'VF')}" if device.vfs else ""
            about = " ".join(dict.fromkeys(filter(None, (device.name, device.address, device.driver))))
            yield f"    {'port' if kind == 'nic' else 'drive'} {about}{vfs}"
        if cpus:
            each = f" ({counted(queues, 'queue')} a port)" if queues else ""
            yield from _listed("interrupts", f"{cpus}{each}".split(","), width)


def _listed(label: str, parts: Sequence[str], width: int, *, gap: str = ",") -> Iterator[str]:
    """A label and a list that is broken between its parts only."""
    lead = f"      {label.ljust(_LABEL)}"
    line = ""
    for at, part in enumerate(parts):
        piece = part + (gap if at < len(parts) - 1 else "")
        if line and len(lead) + len(line) + len(piece) > width:
            yield f"{lead}{line}".rstrip()
            lead, line = " " * len(lead), ""
        line += piece
    yield f"{lead}{line}".rstrip()


def _placement_lines(topology: Topology, terminal: Terminal, *, width: int) -> Iterator[str]:
    if topology.placement is None:
        return
    for title, sentences, tone in (
        ("Why", topology.placement.reasons, Tone.FAINT),
        ("Not as asked", topology.placement.problems, Tone.WARN),
    ):
        if sentences:
            yield ""
            yield terminal.style(title, Tone.STRONG)
        for sentence in sentences:
            yield from (terminal.style(f"  {line}", tone) for line in broken(sentence, width - 2))
