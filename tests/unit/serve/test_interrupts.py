"""Interrupts on reserved CPUs: counted from look to look, in a sum that only grows."""

from pathlib import Path

from nodeagent.host import Host
from nodeagent.host.irq_counts import read_counts
from nodeagent.model.cpuset import CpuSet
from nodeagent.serve.interrupt_tally import InterruptTally
from tests.fixtures.tree import Tree


def test_counts_are_added_up_over_the_cpus_of_a_group(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    tree.file("/sys/kernel/irq/40/per_cpu_count", "1,20,300,4000")
    tree.file("/sys/kernel/irq/41/per_cpu_count", "5,0,0,7")
    tree.file("/sys/kernel/irq/42/per_cpu_count", "")
    tree.file("/sys/kernel/irq/43/actions", "gone")
    groups = {"poh": CpuSet.of([1]), "xdp": CpuSet.of([2, 3, 9])}
    assert read_counts(Host(root=tmp_path), groups) == {40: {"poh": 20, "xdp": 4300}, 41: {"poh": 0, "xdp": 7}}


def test_the_first_look_only_says_where_counting_starts() -> None:
    tally = InterruptTally()
    assert tally.add({40: {"poh": 1000}}) == {"poh": 0}
    assert tally.add({40: {"poh": 1003}}) == {"poh": 3}


def test_an_interrupt_that_goes_and_comes_again_counts_from_its_new_beginning() -> None:
    tally = InterruptTally()
    tally.add({40: {"poh": 1000}, 41: {"poh": 5}})
    assert tally.add({41: {"poh": 5}}) == {"poh": 0}
    assert tally.add({40: {"poh": 2}, 41: {"poh": 4}}) == {"poh": 6}


def test_a_look_that_could_not_be_taken_is_not_made_up_for() -> None:
    """Without a readable profile nobody has a role, and what came meanwhile is not known."""
    tally = InterruptTally()
    tally.add({40: {"poh": 1000}})
    tally.add({40: {"poh": 1001}})
    tally.add({40: {}})
    assert tally.add({40: {"poh": 2000}}) == {"poh": 1}
    assert tally.add({40: {"poh": 2002}}) == {"poh": 3}


def test_without_roles_there_is_nothing_to_count() -> None:
    assert InterruptTally().add({}) == {}
