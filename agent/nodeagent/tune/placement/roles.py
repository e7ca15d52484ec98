"""Which core gets which role. The order is the order of need: what has the fewest cores to choose from comes first.

1. Housekeeping takes core 0, where the kernel boots, keeps time and starts work that is bound to no CPU.
2. PoH takes a core on the home node below the last-level cache with the least else below it.
3. XDP takes cores on the nodes of the ports, not below the cache of PoH.
4. Interrupts take cores on the nodes of the ports, below caches that XDP or housekeeping disturb already.
5. The validator has the rest.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nodeagent.model.placement import CpuRole
from nodeagent.model.placement_settings import SmtSiblings
from nodeagent.tune.placement.layout import CoreSpot, Layout, cpus_of
from nodeagent.tune.placement.ports import Ground, told

Rank = Callable[[CoreSpot], tuple[int, ...]]


@dataclass(slots=True, kw_only=True)
class Sharing:
    """Cores being given away, one after the other."""

    layout: Layout
    ground: Ground
    cores: dict[CpuRole, list[CoreSpot]] = field(default_factory=lambda: defaultdict(list))
    reasons: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _free: list[CoreSpot] = field(init=False)
    _below: dict[int, set[CpuRole]] = field(default_factory=lambda: defaultdict(set))
    _sizes: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def __post_init__(self) -> None:
        self._free = list(self.layout.cores)
        for core in self.layout.cores:
            self._sizes[core.l3] += 1

    def give(self, counts: dict[CpuRole, int], siblings: SmtSiblings) -> None:
        """Every core gets a role; `counts` fit the machine."""
        self._housekeeping(counts[CpuRole.HOUSEKEEPING])
        self._poh(counts[CpuRole.POH], siblings)
        self._xdp(counts[CpuRole.XDP], siblings)
        self._interrupts(counts[CpuRole.INTERRUPTS])
        self.cores[CpuRole.VALIDATOR] = list(self._free)

    def _housekeeping(self, count: int) -> None:
        """One a node, those first where dear cores are not; a second one on a node comes beside the first."""
        self._take(CpuRole.HOUSEKEEPING, self._free[0])
        dear = {self.ground.home, *self.ground.traffic}
        for _ in range(count - 1):
            held = [core.node for core in self.cores[CpuRole.HOUSEKEEPING]]
            open_nodes = {core.node for core in self._free}
            node = min(open_nodes, key=lambda node: (held.count(node), node in dear, node))
            self._pick(CpuRole.HOUSEKEEPING, node, self._beside_housekeeping)
        self.reasons.append(
            f"housekeeping: {self._told(CpuRole.HOUSEKEEPING)}, from core 0, where the kernel boots, keeps time and "
            "runs work that is bound to no CPU; one a node before a second one anywhere"
        )

    def _poh(self, count: int, siblings: SmtSiblings) -> None:
        for _ in range(count):
            core = self._pick(CpuRole.POH, self.ground.home, self._quietest)
            beside = sum(other.l3 == core.l3 for other in self.layout.cores) - 1
            self.reasons.append(
                f"poh: {self._told(CpuRole.POH)} on {told(core.node)}; {_siblings(core, siblings)}; "
                f"{beside} other cores below its last-level cache, none of them for housekeeping, XDP or interrupts "
                "as long as others are free"
            )

    def _xdp(self, count: int, siblings: SmtSiblings) -> None:
        self._spread(CpuRole.XDP, count, self._not_at_poh)
        if count:
            core = self.cores[CpuRole.XDP][0]
            self.reasons.append(
                f"xdp: {self._told(CpuRole.XDP)}, on the node of the port and not the core of PoH, which it would "
                f"starve; {_siblings(core, siblings)}"
            )

    def _interrupts(self, count: int) -> None:
        self._spread(CpuRole.INTERRUPTS, count, self._disturbed_already)
        if count:
            self.reasons.append(
                f"interrupts: {self._told(CpuRole.INTERRUPTS)}, on the node of the ports, below caches that XDP or "
                "housekeeping disturb already; queues take first threads before second ones"
            )

    def _spread(self, role: CpuRole, count: int, rank: Rank) -> None:
        """Cores of one role over the nodes of the ports, in turn."""
        for number in range(count):
            self._pick(role, self.ground.traffic[number % len(self.ground.traffic)], rank)

    def _pick(self, role: CpuRole, node: int, rank: Rank) -> CoreSpot:
        """The best free core on the node, or on the nearest one that has any, which is then a problem."""
        where = self.layout.nearest(node, {core.node for core in self._free})
        core = min((core for core in self._free if core.node == where), key=rank)
        self._take(role, core)
        if where != node:
            self.problems.append(
                f"{role}: CPU {core.first} is on {told(where)}, as all cores of {told(node)} are given away; "
                f"lower placement.{role}, or choose a coarser NUMA setting in the firmware (NPS1)"
            )
        return core

    def _take(self, role: CpuRole, core: CoreSpot) -> None:
        self._free.remove(core)
        self.cores[role].append(core)
        self._below[core.l3].add(role)

    def _beside_housekeeping(self, core: CoreSpot) -> tuple[int, ...]:
        return CpuRole.HOUSEKEEPING not in self._below[core.l3], core.first

    def _quietest(self, core: CoreSpot) -> tuple[int, ...]:
        """The cache without housekeeping, the smallest, and of equal ones the last, away from core 0."""
        return len(self._below[core.l3]), self._sizes[core.l3], -core.first

    def _not_at_poh(self, core: CoreSpot) -> tuple[int, ...]:
        below = self._below[core.l3]
        return CpuRole.POH in below, CpuRole.XDP not in below, CpuRole.HOUSEKEEPING in below, core.first

    def _disturbed_already(self, core: CoreSpot) -> tuple[int, ...]:
        below = self._below[core.l3]
        order = (CpuRole.XDP, CpuRole.INTERRUPTS, CpuRole.HOUSEKEEPING)
        return CpuRole.POH in below, next((at for at, role in enumerate(order) if role in below), 3), core.first

    def _told(self, role: CpuRole) -> str:
        return f"CPUs {cpus_of(self.cores[role])}"


def _siblings(core: CoreSpot, siblings: SmtSiblings) -> str:
    if len(core.threads) == 1:
        return "the core has no second thread online"
    if siblings is SmtSiblings.KEEP:
        return "its second thread is the validator's, as the profile says"
    return "its second thread stays idle, since two threads share the units of a core"


def first_threads(cores: Sequence[CoreSpot]) -> tuple[int, ...]:
    """CPUs in the order in which work should take them: a thread of each core before a second one of any."""
    depth = max((len(core.threads) for core in cores), default=0)
    return tuple(core.threads[at] for at in range(depth) for core in cores if at < len(core.threads))
