"""The map in plain sentences, told of the finished map: each begins with what it is about, mostly a role."""

from collections.abc import Iterator, Sequence

from nodeagent.model.placement import CpuRole
from nodeagent.model.placement_settings import SmtSiblings
from nodeagent.model.units import counted
from nodeagent.tune.placement.layout import CoreSpot, Layout, cpus_of, told

Given = dict[CpuRole, list[CoreSpot]]


def tell(layout: Layout, cores: Given, siblings: SmtSiblings) -> Iterator[str]:
    """One sentence for each role that has a core."""
    if layout.split:
        yield "cores: there is one only, so its threads are given away one by one"
    if core := cores[CpuRole.HOUSEKEEPING]:
        yield (
            f"housekeeping: {_held(core)}; CPU {core[0].first} first, where the kernel boots, keeps time and runs what "
            "is bound to no CPU, then one a node before a second one anywhere"
        )
    if core := cores[CpuRole.POH]:
        yield f"poh: {_held(core)}; {_second(core[0], siblings)}; {_beside(core[0], layout, cores)}"
    if core := cores[CpuRole.XDP]:
        yield f"xdp: {_held(core)}; near the port and apart from poh; {_second(core[0], siblings)}"
    if core := cores[CpuRole.INTERRUPTS]:
        yield (
            f"interrupts: {_held(core)}; near the ports{_disturbed(core, cores)}; queues take a thread of each core "
            "before a second one of any"
        )
    if core := cores[CpuRole.VALIDATOR]:
        yield f"validator: {_held(core)}; all cores that nobody else has"


def _held(cores: Sequence[CoreSpot]) -> str:
    nodes = sorted({core.node for core in cores if core.node >= 0})
    where = f" on {' and '.join(map(told, nodes))}" if 0 < len(nodes) <= 2 else f" on {len(nodes)} nodes" * bool(nodes)
    cpus = cpus_of(cores)
    return f"{'CPU' if len(cpus) == 1 else 'CPUs'} {cpus}{where}"


def _second(core: CoreSpot, siblings: SmtSiblings) -> str:
    if len(core.threads) == 1:
        return "no second thread is online"
    if siblings is SmtSiblings.KEEP:
        return "the second thread is the validator's, as the profile says"
    return f"CPU {core.first} does the work and the second thread stays idle, as both share the units of one core"


def _beside(core: CoreSpot, layout: Layout, cores: Given) -> str:
    others = sum(other.l3 == core.l3 for other in layout.cores) - 1
    if core.l3 < 0:
        return "which cores share a cache is not known here"
    if others == 0:
        return "a last-level cache of its own"
    roles = [role for role in CpuRole if role is not CpuRole.POH and any(other.l3 == core.l3 for other in cores[role])]
    return f"{counted(others, 'core')} beside it below its last-level cache ({', '.join(roles)})"


def _disturbed(cores: Sequence[CoreSpot], given: Given) -> str:
    """Whether the caches that interrupts disturb are disturbed anyway."""
    caches = {core.l3 for core in cores if core.l3 >= 0}
    busy = [role for role in (CpuRole.XDP, CpuRole.HOUSEKEEPING) if any(core.l3 in caches for core in given[role])]
    return f", below a last-level cache that is disturbed already, by {' and '.join(busy)}" if busy else ""
