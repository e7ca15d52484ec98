"""Which core gets which role. The order is the order of need: what has the fewest cores to choose from comes first.

1. Housekeeping takes core 0, where the kernel boots, keeps time and starts work that is bound to no CPU.
2. PoH takes a core on the home node below the last-level cache with the least else below it.
3. XDP takes cores on the nodes of the ports, not below the cache of PoH.
4. Interrupts take cores on the nodes of the ports, below caches that XDP or housekeeping disturb already.
5. The validator has the rest.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from nodeagent.model.placement import CpuRole
from nodeagent.model.units import counted
from nodeagent.tune.placement.layout import CoreSpot, Layout, told
from nodeagent.tune.placement.ports import Ground

Rank = Callable[[CoreSpot], tuple[int, ...]]


@dataclass(slots=True, kw_only=True)
class Sharing:
    """Cores being given away, one after the other."""

    layout: Layout
    ground: Ground
    cores: dict[CpuRole, list[CoreSpot]] = field(default_factory=lambda: {role: [] for role in CpuRole})
    problems: list[str] = field(default_factory=list)
    _free: list[CoreSpot] = field(init=False)
    _below: dict[int, set[CpuRole]] = field(init=False)
    _sizes: Counter[int] = field(init=False)

    def __post_init__(self) -> None:
        self._free = list(self.layout.cores)
        self._sizes = Counter(core.l3 for core in self.layout.cores)
        self._below = {l3: set() for l3 in self._sizes}

    def give(self, counts: dict[CpuRole, int]) -> None:
        """Every core gets a role; `counts` fit the machine."""
        self._housekeeping(counts[CpuRole.HOUSEKEEPING])
        for _ in range(counts[CpuRole.POH]):
            self._pick(CpuRole.POH, self.ground.home, self._quietest)
        self._spread(CpuRole.XDP, counts[CpuRole.XDP], self._not_at_poh)
        self._spread(CpuRole.INTERRUPTS, counts[CpuRole.INTERRUPTS], self._disturbed_already)
        self.cores[CpuRole.VALIDATOR] = list(self._free)

    def _housekeeping(self, count: int) -> None:
        """One a node, those first where cores are not dear; a second one on a node comes beside the first."""
        self._take(CpuRole.HOUSEKEEPING, self._free[0])
        dear = {self.ground.home, *self.ground.traffic}
        for _ in range(count - 1):
            held = [core.node for core in self.cores[CpuRole.HOUSEKEEPING]]
            open_nodes = {core.node for core in self._free}
            node = min(open_nodes, key=lambda node: (held.count(node), node in dear, node))
            self._pick(CpuRole.HOUSEKEEPING, node, self._beside_housekeeping)

    def _spread(self, role: CpuRole, count: int, rank: Rank) -> None:
        """Cores of one role over the nodes of the ports, in turn. A core far from every port would help nobody, so
        there are rather fewer, but one at least.
        """
        for number in range(count):
            node = self.ground.traffic[number % len(self.ground.traffic)]
            if not self.cores[role] or any(core.node == node for core in self._free):
                self._pick(role, node, rank)
        given = len(self.cores[role])
        if given < count:
            self.problems.append(
                f"{role}: {counted(count, 'core')} asked for, {given} given, as there are no more near the ports; "
                f"lower placement.{role}, or let a node have more cores (NPS in the firmware)"
            )

    def _pick(self, role: CpuRole, node: int, rank: Rank) -> None:
        """The best free core on the node, or on the nearest one that has any, which is then a problem."""
        where = self.layout.nearest(node, {core.node for core in self._free})
        core = min((core for core in self._free if core.node == where), key=rank)
        self._take(role, core)
        if where != node:
            self.problems.append(
                f"{role}: CPU {core.first} is on {told(where)}, as {told(node)} has no free core; "
                f"let a node have more cores (NPS in the firmware), or choose another one: placement.node"
            )

    def _take(self, role: CpuRole, core: CoreSpot) -> None:
        self._free.remove(core)
        self.cores[role].append(core)
        self._below[core.l3].add(role)

    def _beside_housekeeping(self, core: CoreSpot) -> tuple[int, ...]:
        return CpuRole.HOUSEKEEPING not in self._below[core.l3], core.first

    def _quietest(self, core: CoreSpot) -> tuple[int, ...]:
        """Below the cache that is disturbed least, the smallest, and of equal ones the last, away from core 0."""
        return len(self._below[core.l3]), self._sizes[core.l3], -core.first

    def _not_at_poh(self, core: CoreSpot) -> tuple[int, ...]:
        below = self._below[core.l3]
        return CpuRole.POH in below, CpuRole.XDP not in below, CpuRole.HOUSEKEEPING in below, core.first

    def _disturbed_already(self, core: CoreSpot) -> tuple[int, ...]:
        below = self._below[core.l3]
        order = (CpuRole.XDP, CpuRole.INTERRUPTS, CpuRole.HOUSEKEEPING)
        return CpuRole.POH in below, next((at for at, role in enumerate(order) if role in below), 3), core.first


def first_threads(cores: Sequence[CoreSpot]) -> tuple[int, ...]:
    """CPUs in the order in which work should take them: a thread of each core before a second one of any."""
    depth = max((len(core.threads) for core in cores), default=0)
    return tuple(core.threads[at] for at in range(depth) for core in cores if at < len(core.threads))
