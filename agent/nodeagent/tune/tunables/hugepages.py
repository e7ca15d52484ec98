"""hugepages: pools of 2 MiB and 1 GiB pages on each NUMA node.

Why: a program that keeps gigabytes in flight (Firedancer's workspaces, a packet ring, a guest's memory) spends less on
address translation with huge pages, and those of a pool are never swapped, split or merged. They are taken from the
node's memory for good, used or not, so a pool belongs to a machine whose programs ask for it; Agave needs none.

Per node, because memory of the other socket costs a hop on every access: the one knob of the machine (vm.nr_hugepages)
spreads pages over all nodes and passes a full one in silence. An entry without `nodes` means every node with memory
that no other entry of its size names. Pools that shrink come first, then 1 GiB pages, which need the larger pieces.

A short pool is no error to the kernel. So before a write the node's memory is looked at: more than it has, less a
twentieth for everybody else (NA-HUGE-001), and more than is free or in the page cache (NA-HUGE-002), are findings and
nothing is written. What free memory doesn't tell is whether it lies in pieces: the write compacts and tries again
(host/changes/hugepage_pool.py), and where that isn't enough the step fails with the pages it got and the boot
parameter that would get them all, and the apply is undone.

A pool can't shrink below the pages in use; the kernel would call them surplus and free them later, and the pool would
read as before, so that is a finding (NA-HUGE-003). Surplus pages that are there now (nr_overcommit_hugepages) come and
go with their users: a pool that has them is counted without them, and changed only by the person who lends them
(NA-HUGE-004).

Rejected: dropping the page cache (`drop_caches`), because every program on the machine then reads from disk; the
boot-time reservation, which is the kernel command line's; mounting hugetlbfs, which is the program's own unit's.

Undo shrinks a pool to what it was, if the programs have given its pages back; otherwise it says who has to end.
Source: Documentation/admin-guide/mm/hugetlbpage; mm/hugetlb.c (__nr_hugepages_store_common, set_max_huge_pages).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.setting import Setting
from nodeagent.model.units import format_bytes
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, Knob, accepts, compare, enforced, finding, watched
from nodeagent.tune.processors.memory_node import ROOT, NodeMemory, NodesSeen, Pool, read_nodes

NAME = "hugepages"

_REST = 20  # a twentieth of a node's memory stays for the kernel and for those who ask for no huge pages

Size = Annotated[str, Pattern("2MiB|1GiB", "2MiB or 1GiB")]
NodeList = Annotated[str, Pattern("[0-9][0-9,:/-]*", "a list of NUMA nodes, such as 0-1")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HugepagesSettings:
    """Pages on each of `nodes`; without it on each node with memory that no other entry of this size names."""

    name: Name
    size: Size
    nodes: NodeList | None = None
    pages: Setting[Annotated[int, Range(0, 4_194_304)]] | None = None


def faults(settings: tuple[HugepagesSettings, ...]) -> Iterator[Fault]:
    """Lists that can't be read, and nodes that two entries of one size claim."""
    claimed: dict[tuple[str, int | None], str] = {}
    for at, entry in enumerate(settings):
        try:
            nodes: list[int | None] = [*CpuSet.parse(entry.nodes)] if entry.nodes is not None else [None]
        except ValueError:
            yield Fault(path=(at, "nodes"), problem="wanted a list of NUMA nodes, such as 0-1")
            continue
        if twice := [node for node in nodes if (entry.size, node) in claimed]:
            which = "every other node" if twice[0] is None else f"node {twice[0]}"
            owner = claimed[entry.size, twice[0]]
            place = (at,) if twice[0] is None else (at, "nodes")
            yield Fault(path=place, problem=f"pages of {entry.size} on {which} belong to {owner} already")
        claimed |= {(entry.size, node): entry.name for node in nodes}


class Hugepages:
    """The tunable."""

    name: str = NAME
    summary: str = "pools of huge pages on each NUMA node"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=f"{ROOT}/node0/hugepages",
            reason="a kernel built with CONFIG_HUGETLBFS and CONFIG_NUMA",
            remedy="boot a kernel that has them; every distribution's has",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/mm/hugetlbpage.html",
        "https://github.com/torvalds/linux/blob/master/mm/hugetlb.c",
    )
    Settings: Any = Annotated[tuple[HugepagesSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.names(f"{ROOT}/node0/hugepages") else "this kernel has no pools of huge pages by node"

    def observe(self, host: HostReader, settings: tuple[HugepagesSettings, ...], facts: HostFacts) -> NodesSeen:
        return read_nodes(host, (entry.size for entry in settings))

    def plan(
        self, observed: NodesSeen, settings: tuple[HugepagesSettings, ...], facts: HostFacts
    ) -> tuple[Change, ...]:
        judged = _judge_all(observed, settings)
        moving = [item for item in judged if item.compared.change]
        # What shrinks makes room, and 1 GiB needs larger pieces than 2 MiB leaves.
        moving.sort(key=lambda item: (item.growth_bytes > 0, -item.pool.page_bytes, item.pool.node))
        return tuple(item.compared.change for item in moving if item.compared.change)

    def judge(self, observed: NodesSeen, settings: tuple[HugepagesSettings, ...], facts: HostFacts) -> Verdict:
        findings = [item.compared.finding for item in _judge_all(observed, settings)]
        return Verdict(tunable=NAME, findings=(*findings, *_missing(observed, settings)))


HUGEPAGES = Hugepages()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A pool against its setting."""

    pool: Pool
    knob: Knob
    compared: Comparison

    @property
    def growth_bytes(self) -> int:
        """What the change takes from the node's memory; negative where it gives back."""
        if self.compared.change is None or self.pool.pages is None:
            return 0
        return (int(self.knob.value) - self.pool.pages) * self.pool.page_bytes


def _wanted(seen: NodesSeen, settings: tuple[HugepagesSettings, ...]) -> Iterator[tuple[Pool, Setting[int]]]:
    """Each pool that the profile means, in the order of its entries and of the nodes."""
    named = {(entry.size, node) for entry in settings for node in CpuSet.parse(entry.nodes or "")}
    with_memory = [node for node in seen.nodes if node not in seen.memory or seen.memory[node].total_bytes]
    for entry in settings:
        nodes = [node for node in with_memory if (entry.size, node) not in named]
        if entry.nodes is not None:
            nodes = [node for node in CpuSet.parse(entry.nodes) if node in seen.nodes]
        for node in nodes:
            if entry.pages is not None and watched(entry.pages):
                yield seen.pools[node, entry.size], entry.pages


def _judge_all(seen: NodesSeen, settings: tuple[HugepagesSettings, ...]) -> list[_Judged]:
    """Every pool by itself, then those of a node together against its memory."""
    judged = [_judge(pool, setting) for pool, setting in _wanted(seen, settings)]
    return [_within_memory(item, judged, seen.memory.get(item.pool.node)) for item in judged]


def _judge(pool: Pool, setting: Setting[int]) -> _Judged:
    knob = Knob(
        key=f"{NAME}:node{pool.node}/{pool.size}",
        tunable=NAME,
        setting=setting,
        reading=pool.total,
        absent_remedy=f"this processor or kernel has no pages of {pool.size}; leave it out or set its mode to ignore",
    )
    compared = compare(knob)
    if pool.lent and pool.pages is not None:
        return _Judged(pool=pool, knob=knob, compared=_with_surplus(knob, pool, pool.pages - pool.lent))
    if compared.finding.state is State.DRIFT and int(knob.value) < pool.used:
        remedy = (
            f"programs use {pool.used} of them, and a pool can't shrink below that: end them "
            f"(grep -H HugetlbPages /proc/*/status), then plan again"
        )
        compared = Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy, id="NA-HUGE-003"))
    return _Judged(pool=pool, knob=knob, compared=compared)


def _with_surplus(knob: Knob, pool: Pool, own: int) -> Comparison:
    got = f"{own} and {pool.lent} surplus"
    if accepts(knob.setting, str(own), knob.value):
        return Comparison(finding=finding(knob, State.OK, got=got))
    remedy = "surplus pages come and go with their users, so this pool has no fixed state: end those, then plan again"
    return Comparison(finding=finding(knob, State.UNKNOWN, got=got, remedy=remedy, id="NA-HUGE-004"))


def _within_memory(item: _Judged, judged: list[_Judged], memory: NodeMemory | None) -> _Judged:
    """Refused where the node's pools together would ask for more than it has; told with what is free otherwise."""
    if item.compared.finding.state is not State.DRIFT or not _grows(item):
        return item
    if memory is None:
        remedy = f"how much memory node {item.pool.node} has can't be read: cat {ROOT}/node{item.pool.node}/meminfo"
        return replace(item, compared=Comparison(finding=finding(item.knob, State.UNKNOWN, remedy=remedy)))
    same = [other for other in judged if other.pool.node == item.pool.node]
    kept = memory.total_bytes // _REST
    pools_bytes = sum(_bytes_after(other) for other in same)
    asked, spare = sum(other.growth_bytes for other in same), memory.free_bytes + memory.cache_bytes - kept
    node, room = f"node {item.pool.node}", memory.total_bytes - kept
    if pools_bytes > room:
        remedy = (
            f"{node} has {format_bytes(memory.total_bytes)}, and its pools would take {format_bytes(pools_bytes)}, "
            f"more than all but a twentieth: lower the pages, or name other nodes"
        )
        return replace(
            item, compared=Comparison(finding=finding(item.knob, State.UNKNOWN, remedy=remedy, id="NA-HUGE-001"))
        )
    if asked > spare:
        remedy = (
            f"{node} has {_free(memory)}, too little for {format_bytes(asked)} more: end what fills it, "
            f"or reserve them at boot: {_boot(item, judged)}"
        )
        return replace(
            item, compared=Comparison(finding=finding(item.knob, State.UNKNOWN, remedy=remedy, id="NA-HUGE-002"))
        )
    remedy = (
        f"{APPLY_REMEDY}; {node} has {_free(memory)}; if it isn't in one piece the step is undone: "
        f"then boot with {_boot(item, judged)}"
    )
    told = finding(item.knob, State.DRIFT, remedy=remedy)
    return replace(item, compared=replace(item.compared, finding=told))


def _grows(item: _Judged) -> bool:
    return item.pool.pages is not None and int(item.knob.value) > item.pool.pages


def _bytes_after(item: _Judged) -> int:
    pages = int(item.knob.value) if item.compared.change else item.pool.pages or 0
    return pages * item.pool.page_bytes


def _free(memory: NodeMemory) -> str:
    return f"{format_bytes(memory.free_bytes)} free and {format_bytes(memory.cache_bytes)} of cache"


def _boot(item: _Judged, judged: list[_Judged]) -> str:
    """The kernel's parameters for all nodes of this size (from 5.16 on)."""
    size = item.pool.size.removesuffix("iB")
    pools = sorted(
        (other.pool.node, other.knob.value)
        for other in judged
        if other.pool.size == item.pool.size and enforced(other.knob.setting)
    )
    counts = ",".join(f"{node}:{pages}" for node, pages in pools) or f"{item.pool.node}:{item.knob.value}"
    return f"hugepagesz={size} hugepages={counts}"


def _missing(seen: NodesSeen, settings: tuple[HugepagesSettings, ...]) -> Iterator[Finding]:
    """Entries that name nodes which this machine doesn't have, or no node at all."""
    for entry in settings:
        gone = CpuSet.parse(entry.nodes or "") - CpuSet.of(seen.nodes)
        if entry.pages is None or not watched(entry.pages) or not (gone or not seen.nodes):
            continue
        yield Finding(
            subject=f"{NAME}:{entry.name}",
            state=State.NOT_APPLICABLE,
            got=f"no node {gone}" if gone else "no NUMA node",
            wanted=f"{entry.pages.value} of {entry.size} on {f'nodes {entry.nodes}' if entry.nodes else 'each node'}",
            remedy=f"this machine has nodes {CpuSet.of(seen.nodes)}; adjust nodes of {entry.name}"
            if seen.nodes
            else "this kernel shows no nodes (CONFIG_NUMA); leave it out or set its mode to ignore",
            why=entry.pages.why,
            source=entry.pages.source,
            id="NA-HUGE-005",
        )
