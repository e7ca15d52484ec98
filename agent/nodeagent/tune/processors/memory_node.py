"""The memory of each NUMA node as read: what is free, what could be, and its pools of huge pages.

Sources: /sys/devices/system/node/nodeN/meminfo (drivers/base/node.c), Documentation/admin-guide/mm/hugetlbpage.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import Reading

ROOT = "/sys/devices/system/node"
SIZES = {"2MiB": 2048, "1GiB": 1048576}
"""Page sizes as a profile names them, in kB as the kernel does."""

_NODE = re.compile(r"node(\d{1,5})", re.ASCII)
_LINE = re.compile(r"Node \d+ (\w+): +(\d{1,15}) kB", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Huge pages of one size on one node. `free` and `surplus` are None where they can't be read."""

    node: int
    size: str
    total: Reading
    free: int | None
    surplus: int | None

    @property
    def page_bytes(self) -> int:
        return SIZES[self.size] * 1024

    @property
    def pages(self) -> int | None:
        value = self.total.value
        return int(value) if value is not None and value.isdigit() else None

    @property
    def lent(self) -> int:
        """Pages beyond the pool, which leave it as soon as their users do."""
        return self.surplus or 0

    @property
    def used(self) -> int:
        """Pages that programs hold; 0 where that can't be told."""
        return self.pages - self.free if self.pages is not None and self.free is not None else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMemory:
    """`cache_bytes` is what the kernel can give up without swapping: clean and dirty files, reclaimable slabs."""

    total_bytes: int
    free_bytes: int
    cache_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodesSeen:
    """`memory` by node, of those whose meminfo could be read; `pools` by node and size, of those asked for."""

    nodes: tuple[int, ...]
    memory: Mapping[int, NodeMemory]
    pools: Mapping[tuple[int, str], Pool]


def read_nodes(host: HostReader, sizes: Iterable[str]) -> NodesSeen:
    nodes = tuple(sorted(int(found[1]) for name in host.names(ROOT) if (found := _NODE.fullmatch(name))))
    wanted = tuple(dict.fromkeys(sizes))
    memory = {node: _memory(host.read(f"{ROOT}/node{node}/meminfo")) for node in nodes}
    return NodesSeen(
        nodes=nodes,
        memory={node: found for node, found in memory.items() if found},
        pools={(node, size): _pool(host, node, size) for node in nodes for size in wanted},
    )


def _memory(reading: Reading) -> NodeMemory | None:
    lines = {match[1]: int(match[2]) * 1024 for match in _LINE.finditer(reading.text)}
    if not {"MemTotal", "MemFree"} <= lines.keys():
        return None
    files = lines.get("FilePages", 0) - lines.get("Shmem", 0)
    return NodeMemory(
        total_bytes=lines["MemTotal"],
        free_bytes=lines["MemFree"],
        cache_bytes=max(0, files) + lines.get("SReclaimable", 0),
    )


def _pool(host: HostReader, node: int, size: str) -> Pool:
    directory = f"{ROOT}/node{node}/hugepages/hugepages-{SIZES[size]}kB"
    return Pool(
        node=node,
        size=size,
        total=host.read(f"{directory}/nr_hugepages"),
        free=_count(host.read(f"{directory}/free_hugepages")),
        surplus=_count(host.read(f"{directory}/surplus_hugepages")),
    )


def _count(reading: Reading) -> int | None:
    return int(reading.value) if reading.value is not None and reading.value.isdigit() else None
