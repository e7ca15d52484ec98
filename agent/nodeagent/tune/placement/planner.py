"""Put together: the layout, the ports, the roles, the devices, the memory."""

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.model.placement_settings import PlacementSettings, SmtSiblings
from nodeagent.tune.placement.budget import share
from nodeagent.tune.placement.devices import Servers, place_devices
from nodeagent.tune.placement.layout import Layout, lay_out
from nodeagent.tune.placement.ports import find_ground, told
from nodeagent.tune.placement.roles import Sharing

_UNREADABLE = "cpus: which CPUs are online can't be read, so nothing is placed; look why: nodeagent host show"


def plan_placement(facts: HostFacts, settings: PlacementSettings) -> Placement:
    """The map; what can't be given as asked is told in its problems, and never an error."""
    layout = lay_out(facts)
    if not layout.cores:
        return Placement(roles=dict.fromkeys(CpuRole, CpuSet()), problems=(_UNREADABLE,))
    ground = find_ground(facts, layout, settings)
    counts, short = share(settings, cores=len(layout.cores))
    sharing = Sharing(layout=layout, ground=ground)
    siblings = settings.smt_siblings.value
    sharing.give(counts, siblings)
    roles = _roles(sharing, siblings)
    memory_node, memory_reason = _memory(layout, sharing)
    split = ("cores: there is one only, so its threads are given away one by one",) if layout.split else ()
    return Placement(
        roles=roles,
        devices=tuple(place_devices(facts, Servers.of(layout, ground.home, sharing.cores), ground.ports)),
        memory_node=memory_node,
        reasons=(*ground.reasons, *split, *sharing.reasons, *_rest(roles), memory_reason),
        problems=(*ground.problems, *short, *sharing.problems),
    )


def _roles(sharing: Sharing, siblings: SmtSiblings) -> dict[CpuRole, CpuSet]:
    """The CPUs of each role; second threads of PoH and XDP are the validator's where the profile keeps them."""
    roles = {role: CpuSet.of(cpu for core in sharing.cores[role] for cpu in core.threads) for role in CpuRole}
    if siblings is SmtSiblings.KEEP:
        for role in (CpuRole.POH, CpuRole.XDP):
            first = CpuSet.of(core.first for core in sharing.cores[role])
            roles[CpuRole.VALIDATOR] |= roles[role] - first
            roles[role] = first
    return roles


def _rest(roles: dict[CpuRole, CpuSet]) -> tuple[str, ...]:
    rest = roles[CpuRole.VALIDATOR]
    return (f"validator: CPUs {rest}, all that no other role has",) if rest else ()


def _memory(layout: Layout, sharing: Sharing) -> tuple[int | None, str]:
    nodes = sorted({core.node for core in sharing.cores[CpuRole.VALIDATOR]})
    if not layout.memory_nodes:
        return None, "memory: the kernel shows no NUMA node with memory, so it is all the same"
    if len(nodes) != 1:
        return None, "memory: of all nodes, as the validator's CPUs are on several and its memory is larger than one"
    node = nodes[0]
    nearest = layout.nearest(node, layout.memory_nodes)
    if nearest != node:
        return nearest, f"memory: node {nearest}, the nearest with memory to {told(node)}, which has none"
    return node, f"memory: node {node}, where all of the validator's CPUs are"
