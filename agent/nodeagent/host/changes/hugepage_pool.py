"""Pools of huge pages: a write that asks for more than there is succeeds, so it is looked at and asked again.

The kernel takes a number for one node, collects pages until it finds no more memory in one piece, and reports success
with what it got (mm/hugetlb.c, set_max_huge_pages). Memory is in pieces more often than it is short, so between two
tries the node is compacted, which waits until that is done (mm/compaction.c, compact_node). Pages that programs use
can't be taken back either; the pool stays that large.

Both are told as errors, because a caller that asked for 512 pages and goes on with 300 fails later and elsewhere.
The page cache is not dropped for it: that costs everybody on the machine their reads, so it is left to a person.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from nodeagent.model.change import WriteFile
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_POOL = re.compile(r"(/sys/devices/system/node/node(\d+))/hugepages/hugepages-(\d+)kB/nr_hugepages", re.ASCII)
_TRIES = 3

Write = Callable[["Host", str, str], None]
"""Writes one value to one kernel file; HostError where it is refused."""


def is_pool(path: str) -> bool:
    return _POOL.fullmatch(path) is not None


def fill(host: "Host", path: str, wanted: str, *, write: Write) -> None:
    """Bring a node's pool to `wanted` pages, compacting its memory between tries; HostError where it doesn't get there.

    The pool then keeps what it got, and the caller takes it back.
    """
    found = _POOL.fullmatch(path)
    if found is None:
        raise ValueError(f"not the pool of a node: {path}")
    boot = (
        f"reserve them at boot: hugepagesz={_size(found[3])} hugepages={found[2]}:{wanted} on the kernel command line"
    )
    compact = f"{found[1]}/compact"
    got = ""
    for left in reversed(range(_TRIES)):
        try:
            write(host, path, wanted)
        except HostError as error:
            raise HostError(error.message, remedy=boot) from error
        got = host.text(path) or ""
        if got == wanted or not got.isdigit() or int(got) > int(wanted):
            break
        if left and host.stat(compact).kind == "file":
            write(host, compact, "1")
    if got != wanted:
        raise _missed(got, wanted, node=found[2], size=_size(found[3]), boot=boot)


def is_half_done(change: WriteFile, state: str) -> bool:
    """Could an interrupted write have left this number? The kernel collects and frees pages one by one."""
    numbers = (change.before, state, change.after)
    if not all(number.isdigit() for number in numbers):
        return False
    before, now, after = map(int, numbers)
    return min(before, after) <= now <= max(before, after)


def _missed(got: str, wanted: str, *, node: str, size: str, boot: str) -> HostError:
    if got.isdigit() and int(got) > int(wanted):
        return HostError(
            f"node {node} keeps {got} huge pages of {size}, wanted {wanted}: programs use them",
            remedy="stop them (grep -H HugetlbPages /proc/*/status names them), then run the command again",
        )
    return HostError(
        f"node {node} has no more than {got or 'an unknown number of'} huge pages of {size} after compaction, "
        f"wanted {wanted}",
        remedy=f"end what fills the node's memory and run the command again, or {boot}",
    )


def _size(kilobytes: str) -> str:
    """As the kernel command line spells it: 2M, 1G."""
    size = int(kilobytes)
    return f"{size >> 20}G" if size >= 1 << 20 else f"{size >> 10}M"
