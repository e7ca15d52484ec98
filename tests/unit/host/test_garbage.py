"""Whatever a file says, every reader gives a value or a problem: no traceback, no endless work."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.cli.output import plain
from nodeagent.host import Host
from nodeagent.host.archive import format_archive
from nodeagent.host.block import identify_block_devices, read_block_devices
from nodeagent.host.capture import capture_archive
from nodeagent.host.cpu import read_cpus
from nodeagent.host.dmi import memory_slots, structures, without_secrets
from nodeagent.host.facts import read_facts
from nodeagent.host.inspection import Inspection
from nodeagent.host.kernel import read_kernel
from nodeagent.host.memory import read_memory
from nodeagent.host.mounts import escape, read_mounts, unescape
from nodeagent.host.nic import read_nics
from nodeagent.host.numa import read_numa_nodes
from nodeagent.host.pci import read_pci_devices
from nodeagent.host.platform import read_platform
from nodeagent.host.scrub import Scrubber
from tests.fixtures.odd_hosts import ODD_HOSTS

READERS = (
    identify_block_devices,
    read_block_devices,
    read_cpus,
    read_kernel,
    read_memory,
    read_nics,
    read_numa_nodes,
    read_pci_devices,
    read_platform,
)
TYPICAL = (
    b"", b"\n", b"0", b"-1", b"1", b"0-3", b"9999999", b"0-8191", b"99999999999999999999999", b"(null)", b"Unknown",
    b"\xff\xfe\x00", b"0x", b"1_0", b"\xd9\xa3", b"[none", b"none]", b"[]", b"= \"", b" - ", b"1 2 3:4 / / - x",
    b"1 2 0:4 / /x rw - btrfs /dev/x rw\n" * 3, b"E:ID_SERIAL_SHORT", b"Node 0 MemTotal: kB", b"../../..", b"/",
    b"MemTotal: 99999999999999999999 kB", b"nan", b"inf", b"1e400", b"a" * 5000, b"0," * 3000, b"GT/s", b"16.0 GT/s",
)  # fmt: skip
PROBLEMS = ("EACCES", "EIO", "ENOENT", "EINVAL", "ENODEV", "EFBIG")


@dataclass(frozen=True)
class GarbageHost(Host):
    """Answers a share of the questions with garbage, always the same to the same question."""

    seed: int = 0
    share: float = 0.3
    garbage: tuple[bytes, ...] = TYPICAL

    def _chance(self, question: str) -> random.Random | None:
        dice = random.Random(f"{self.seed} {question!a}")
        return dice if dice.random() < self.share else None

    def _read(self, path: str, *, head: bool = False) -> tuple[bytes, str, bool]:
        dice = self._chance(f"read {path}")
        if dice is None:
            return super()._read(path, head=head)
        if dice.random() < 0.3:
            return b"", dice.choice(PROBLEMS), False
        return dice.choice(self.garbage), "", True

    def names(self, directory: str) -> tuple[str, ...]:
        names = super().names(directory)
        dice = self._chance(f"names {directory}")
        if dice is None:
            return names
        odd = (
            "nvme0n1",
            "node0",
            "node99999",
            "index3",
            "cpu0",
            "sda",
            "virtfn0",
            "rx-0",
            "hugepages-kB",
            "\udcff",
            "0",
        )
        return tuple(sorted({*names, *dice.sample(odd, 3)}))

    def link(self, path: str) -> str:
        dice = self._chance(f"link {path}")
        targets = ("", "/", "..", "0000:00:00.0", "../" * 50, "\udcff")
        return super().link(path) if dice is None else dice.choice(targets)


@pytest.fixture(scope="module", name="tree", params=sorted(ODD_HOSTS))
def odd_tree(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("tree")
    ODD_HOSTS[request.param](directory)
    return directory


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: str(reader.__name__))
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from((0.1, 0.5, 1.0)), extra=st.binary(max_size=80))
def test_a_reader_never_raises(reader: object, tree: Path, seed: int, share: float, extra: bytes) -> None:
    look = Inspection(host=GarbageHost(root=tree, seed=seed, share=share, garbage=(*TYPICAL, extra)))
    assert callable(reader)
    reader(look)
    assert all(": " in problem for problem in look.problems)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), share=st.sampled_from((0.05, 0.3, 1.0)))
def test_facts_of_garbage_can_be_written_scrubbed_and_captured(tree: Path, seed: int, share: float) -> None:
    host = GarbageHost(root=tree, seed=seed, share=share)
    facts = read_facts(host)
    assert json.loads(json.dumps(plain(facts)))
    Scrubber().facts(facts)
    read_mounts(host)
    assert format_archive(capture_archive(host, scrubber=Scrubber()))


def test_an_empty_root_is_all_problems(tmp_path: Path) -> None:
    facts = Host(root=tmp_path).facts()
    assert not facts.cpus.online
    assert facts.cpus.cores is None
    assert (facts.numa_nodes, facts.block_devices, facts.nics, facts.pci_devices) == ((), (), (), ())
    assert facts.memory.total_bytes is None
    assert "/sys/devices/system/cpu/online: absent" in facts.problems
    assert "/proc/meminfo: absent" in facts.problems


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_firmware_table_is_walked(table: bytes) -> None:
    assert all(slot.size_bytes >= 0 for slot in memory_slots(table))
    assert len(list(structures(table))) <= len(table) // 4 + 1
    assert memory_slots(without_secrets(table)) == memory_slots(table)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_a_mount_point_survives_the_kernels_escapes(path: str) -> None:
    assert unescape(escape(path)) == path
    assert not set(escape(path)) & set(" \t\n")
