"""Which ports carry the validator's traffic, and on which node the validator is at home."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.placement_settings import AUTO, PlacementSettings
from nodeagent.tune.placement.layout import NOWHERE, Layout, told


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """`home` is where the proof of history runs, `traffic` the nodes that the ports are attached to, home first."""

    ports: tuple[Nic, ...]
    home: int
    traffic: tuple[int, ...]
    reasons: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def find_ground(facts: HostFacts, layout: Layout, settings: PlacementSettings) -> Ground:
    """`layout` has at least one core."""
    ports, problems = _ports(facts, settings)
    nodes = [node for port in ports if (node := layout.cpu_node(port.numa_node)) is not None]
    problems += [_placeless(port) for port in ports if layout.cpu_node(port.numa_node) is None]
    home, reason = _home(layout, settings, ports, nodes, problems)
    others = sorted(set(nodes) - {home})
    traffic = (home, *others) if home in nodes or not nodes else tuple(others)
    return Ground(ports=ports, home=home, traffic=traffic, reasons=(reason,), problems=tuple(problems))


def _ports(facts: HostFacts, settings: PlacementSettings) -> tuple[tuple[Nic, ...], list[str]]:
    """The chosen ports by address, and what is wrong with the choice."""
    every = sorted((nic for nic in facts.nics if nic.pci_address and not nic.physical_function), key=_address)
    wanted = settings.nic
    if wanted is None:
        return tuple(every), []
    found = tuple(nic for nic in every if wanted.matches(nic))
    if not found:
        return (), [f"nic: no port is {wanted}; look which there are: nodeagent host show"]
    if wanted.count is not None and len(found) != wanted.count:
        names = " and ".join(nic.name for nic in found)
        return found, [f"nic: {wanted} finds {names}; name the ones that are meant by mac or pci_address"]
    return found, []


def _address(nic: Nic) -> tuple[str, str]:
    return nic.pci_address, nic.name


def _placeless(port: Nic) -> str:
    return (
        f"nic: the firmware doesn't say to which node {port.name} is attached, so nothing can be placed near it; "
        "look for a firmware update, and name the node meanwhile: placement.node"
    )


def _home(
    layout: Layout, settings: PlacementSettings, ports: Sequence[Nic], nodes: Sequence[int], problems: list[str]
) -> tuple[int, str]:
    asked = settings.node.value
    if asked != AUTO and int(asked) in layout.nodes:
        return int(asked), f"home: node {asked}, as the profile says"
    if asked != AUTO:
        having = ", ".join(map(str, layout.nodes))
        problems.append(f"node: node {asked} has no online CPU here; set placement.node to auto or to one of {having}")
    if layout.nodes == (NOWHERE,):
        return NOWHERE, "home: the whole machine, as the kernel shows no NUMA nodes"
    if nodes:
        counts = Counter(nodes)
        home = min(counts, key=lambda node: (-counts[node], node))
        return home, f"home: {told(home)}, {_near(home, layout, ports)}"
    home = next((node for node in layout.nodes if node in layout.memory_nodes), layout.nodes[0])
    return home, f"home: {told(home)}, the first with CPUs and memory, as no port says otherwise"


def _near(home: int, layout: Layout, ports: Sequence[Nic]) -> str:
    near = [port for port in ports if layout.cpu_node(port.numa_node) == home]
    names = " and ".join(port.name for port in near)
    if all(port.numa_node in (home, None) for port in near):
        return f"to which {names} {'is' if len(near) == 1 else 'are'} attached"
    return f"the nearest with CPUs to {names}"
