"""Facts of a very large machine, and that the work grows no faster than the machine."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.facts import read_facts
from tests.fixtures.generate_host import generate_host


@dataclass(frozen=True)
class CountingHost(Host):
    """Counts questions: a measure of work that doesn't depend on how busy the machine is."""

    questions: list[str] = field(default_factory=list)

    def _read(self, path: str, *, head: bool = False) -> tuple[bytes, str, bool]:
        self.questions.append(path)
        return super()._read(path, head=head)

    def names(self, directory: str) -> tuple[str, ...]:
        self.questions.append(directory)
        return super().names(directory)


Made = Callable[[int], CountingHost]


@pytest.fixture(scope="module", name="made")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Made:
    def make(part: int) -> CountingHost:
        root = tmp_path_factory.mktemp("host")
        generate_host(root, cpus=1024 // part, irqs=4096 // part, nvme=64 // part, nodes=8 // part)
        return CountingHost(root=root)

    return make


def test_work_grows_with_the_machine_and_no_faster(made: Made) -> None:
    counts = []
    for part in (8, 4, 2):
        host = made(part)
        read_facts(host)
        counts.append(len(host.questions))
    assert counts[1] / counts[0] < 2.1
    assert counts[2] / counts[1] < 2.1


def test_a_very_large_machine_is_counted(made: Made) -> None:
    host = made(1)
    facts = read_facts(host)
    assert (facts.cpus.cores, len(facts.cpus.online), len(facts.cpus.l3_domains)) == (512, 1024, 64)
    assert (len(facts.block_devices), len(facts.numa_nodes)) == (64, 8)
    assert facts.problems == ()
    assert len(host.questions) < 8 * 1024
    assert sum(question.startswith("/sys/devices/system/cpu/cpu") for question in host.questions) < 2048


def test_no_file_is_read_for_each_interrupt(tmp_path: Path) -> None:
    generate_host(tmp_path, cpus=8, irqs=512, nvme=1, nodes=1)
    host = CountingHost(root=tmp_path)
    read_facts(host)
    assert not any(question.startswith("/proc/irq") for question in host.questions)
