"""A pool of huge pages on a node whose memory is in pieces: what a write gets, and what is said about the rest."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nodeagent.host import Host, changes
from nodeagent.host.changes import hugepage_pool
from nodeagent.model.change import WriteFile
from nodeagent.model.errors import HostError
from tests.fixtures.tree import Tree

_NODE = "/sys/devices/system/node/node1"
_POOL = f"{_NODE}/hugepages/hugepages-1048576kB/nr_hugepages"


@dataclass(slots=True)
class Pieces:
    """The kernel's answer to a write: at most `whole` pages, one more piece with each compaction."""

    whole: int
    used: int = 0
    compactions: int = 0
    refusal: str = ""
    written: list[str] = field(default_factory=list)

    def write(self, host: Host, path: str, value: str) -> None:
        self.written.append(path.rpartition("/")[2])
        if path == f"{_NODE}/compact":
            self.compactions += 1
            return
        if self.refusal:
            raise HostError(self.refusal, remedy="something else")
        got = min(max(int(value), self.used), self.whole + self.compactions)
        host.path(path).write_text(f"{got}\n")


def _host(root: Path, pages: int = 0, *, compact: bool = True) -> Host:
    tree = Tree(root=root)
    tree.file(_POOL, f"{pages}\n")
    if compact:
        tree.file(f"{_NODE}/compact", "", mode=0o200)
    return Host(root=root)


def test_memory_in_one_piece_needs_one_write(tmp_path: Path) -> None:
    pieces = Pieces(whole=4)
    hugepage_pool.fill(_host(tmp_path), _POOL, "4", write=pieces.write)
    assert pieces.written == ["nr_hugepages"]


def test_memory_in_pieces_is_compacted_and_asked_again(tmp_path: Path) -> None:
    pieces = Pieces(whole=2)
    hugepage_pool.fill(_host(tmp_path), _POOL, "4", write=pieces.write)
    assert pieces.written == ["nr_hugepages", "compact", "nr_hugepages", "compact", "nr_hugepages"]


def test_a_pool_that_stays_short_says_what_it_got_and_how_to_boot(tmp_path: Path) -> None:
    pieces = Pieces(whole=1)
    with pytest.raises(
        HostError, match="node 1 has no more than 3 huge pages of 1G after compaction, wanted 8"
    ) as caught:
        hugepage_pool.fill(_host(tmp_path), _POOL, "8", write=pieces.write)
    assert "hugepagesz=1G hugepages=1:8" in (caught.value.remedy or "")
    assert pieces.compactions == 2


def test_a_kernel_that_can_not_compact_is_asked_again_all_the_same(tmp_path: Path) -> None:
    pieces = Pieces(whole=1)
    with pytest.raises(HostError, match="no more than 1 huge pages"):
        hugepage_pool.fill(_host(tmp_path, compact=False), _POOL, "2", write=pieces.write)
    assert pieces.written == ["nr_hugepages"] * 3


def test_pages_in_use_are_not_compacted_for(tmp_path: Path) -> None:
    pieces = Pieces(whole=9, used=5)
    with pytest.raises(HostError, match="node 1 keeps 5 huge pages of 1G, wanted 2: programs use them"):
        hugepage_pool.fill(_host(tmp_path, 9), _POOL, "2", write=pieces.write)
    assert pieces.compactions == 0


def test_a_kernel_that_refuses_is_told_with_the_boot_parameters(tmp_path: Path) -> None:
    pieces = Pieces(whole=9, refusal="cannot write '2' to it (EINVAL)")
    with pytest.raises(HostError, match="EINVAL") as caught:
        hugepage_pool.fill(_host(tmp_path), _POOL, "2", write=pieces.write)
    assert "hugepages=1:2" in (caught.value.remedy or "")


@pytest.mark.parametrize(("before", "after"), [("0", "8"), ("8", "0")])
@pytest.mark.parametrize(("state", "half"), [("0", True), ("3", True), ("8", True), ("9", False), ("", False)])
def test_a_write_that_was_cut_off_left_a_number_between(before: str, after: str, state: str, half: bool) -> None:
    change = WriteFile(key="k", tunable="hugepages", path=_POOL, before=before, after=after)
    assert changes.is_half_done(change, state) is half


def test_another_knob_has_no_half() -> None:
    change = WriteFile(key="k", tunable="sysctl", path="/proc/sys/vm/nr_hugepages", before="0", after="8")
    assert not changes.is_half_done(change, "3")
