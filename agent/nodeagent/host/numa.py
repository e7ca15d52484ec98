"""NUMA nodes: their CPUs, memory, distances and huge pages.

Sources: Documentation/ABI/stable/sysfs-devices-node and admin-guide/mm/hugetlbpage.rst. A node may have no CPUs (memory
expanders) or no memory (an EPYC with empty channels), and its number may be sparse. A kernel without NUMA has no
nodes, which is what is then reported.
"""

import re

from nodeagent.host.inspection import Inspection, integer
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HugepagePool, NumaNode

NODE_ROOT = "/sys/devices/system/node"

_NODE = re.compile(r"node(\d{1,5})", re.ASCII)
_POOL = re.compile(r"hugepages-(\d{1,12})kB", re.ASCII)
_MEMORY = re.compile(r"Node \d+ MemTotal:\s+(\d{1,18}) kB", re.ASCII)


def read_numa_nodes(look: Inspection) -> tuple[NumaNode, ...]:
    matches = (_NODE.fullmatch(name) for name in look.host.names(NODE_ROOT))
    ids = sorted(int(match[1]) for match in matches if match)
    return tuple(_read_node(look, node, ids) for node in ids)


def _read_node(look: Inspection, node: int, ids: list[int]) -> NumaNode:
    directory = f"{NODE_ROOT}/node{node}"
    return NumaNode(
        id=node,
        cpus=look.cpus(f"{directory}/cpulist", required=True) or CpuSet(),
        memory_bytes=_read_memory(look, f"{directory}/meminfo"),
        distances=_read_distances(look, f"{directory}/distance", ids),
        hugepages=_read_hugepages(look, f"{directory}/hugepages"),
    )


def _read_memory(look: Inspection, path: str) -> int | None:
    text = look.text(path, required=True)
    match = _MEMORY.search(text or "")
    if text is not None and match is None:
        look.note(path, "no line MemTotal")
    return int(match[1]) * 1024 if match else None


def _read_distances(look: Inspection, path: str, ids: list[int]) -> dict[int, int]:
    """One number for each online node, in the order of their ids; a row of another length can't be told apart."""
    text = look.text(path, required=True)
    if text is None:
        return {}
    numbers = [integer(word) for word in text.split()]
    distances = [number for number in numbers if number is not None and number >= 0]
    if len(distances) != len(ids) or len(numbers) != len(ids):
        look.note(path, f"got {len(numbers)} words, wanted {len(ids)} distances")
        return {}
    return dict(zip(ids, distances, strict=True))


def _read_hugepages(look: Inspection, directory: str) -> tuple[HugepagePool, ...]:
    pools = []
    for name in look.host.names(directory):
        if match := _POOL.fullmatch(name):
            pools.append(_read_pool(look, f"{directory}/{name}", page_bytes=int(match[1]) * 1024))
    return tuple(sorted((pool for pool in pools if pool), key=lambda pool: pool.page_bytes))


def _read_pool(look: Inspection, directory: str, *, page_bytes: int) -> HugepagePool | None:
    total = look.count(f"{directory}/nr_hugepages")
    free = look.count(f"{directory}/free_hugepages")
    if total is None or free is None:
        return None
    surplus = look.count(f"{directory}/surplus_hugepages") or 0
    return HugepagePool(page_bytes=page_bytes, total=total, free=free, surplus=surplus)
