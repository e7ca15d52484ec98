"""Put together: the layout, the ports, the roles, the devices, the memory."""

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.model.placement_settings import PlacementSettings, SmtSiblings
from nodeagent.tune.placement.budget import share
from nodeagent.tune.placement.devices import Servers, place_devices
from nodeagent.tune.placement.layout import CoreSpot, Layout, cpus_of, lay_out, told
from nodeagent.tune.placement.ports import find_ground
from nodeagent.tune.placement.reasons import tell
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
    sharing.give(counts)
    siblings = settings.smt_siblings.value
    memory_node, memory_reason = _memory(layout, sharing.cores[CpuRole.VALIDATOR])
    servers = Servers.of(layout, ground.home, sharing.cores)
    return Placement(
        roles=_roles(sharing, siblings),
        devices=tuple(place_devices(facts, servers, ground.ports)),
        memory_node=memory_node,
        reasons=(*ground.reasons, *tell(layout, sharing.cores, siblings), memory_reason),
        problems=(*ground.problems, *short, *sharing.problems),
    )


def _roles(sharing: Sharing, siblings: SmtSiblings) -> dict[CpuRole, CpuSet]:
    """The CPUs of each role; second threads of PoH and XDP are the validator's where the profile keeps them."""
    roles = {role: cpus_of(sharing.cores[role]) for role in CpuRole}
    if siblings is SmtSiblings.KEEP:
        for role in (CpuRole.POH, CpuRole.XDP):
            first = CpuSet.of(core.first for core in sharing.cores[role])
            roles[CpuRole.VALIDATOR] |= roles[role] - first
            roles[role] = first
    return roles


def _memory(layout: Layout, cores: list[CoreSpot]) -> tuple[int | None, str]:
    """The node for the validator's memory and huge pages, and why."""
    nodes = sorted({core.node for core in cores})
    if not layout.memory_nodes:
        return None, "memory: the kernel shows no node with memory, so there is nothing to choose"
    if len(nodes) != 1:
        return None, "memory: on every node, as the validator's CPUs are on several"
    nearest = layout.nearest(nodes[0], layout.memory_nodes)
    if nearest != nodes[0]:
        return nearest, f"memory: node {nearest}, the nearest that has any to {told(nodes[0])}"
    return nearest, f"memory: node {nearest}, where all CPUs of the validator are"
