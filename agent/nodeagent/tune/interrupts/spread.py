"""Which CPU serves which queue.

The first thread of every core comes before any second one, since two queues on one core share its arithmetic and its
cache; and among first threads the caches take turns, so that few queues use as many caches as there are. Ports that
share CPUs go on where the one before them stopped. What is no queue (link state, configuration, the mailbox of a VF)
fires rarely and goes to the housekeeping CPUs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import Cpus
from nodeagent.model.interrupts import DeviceInterrupts, VectorName
from nodeagent.tune.interrupts.settings import Spread


def queue_order(cpus: CpuSet, topology: Cpus) -> tuple[int, ...]:
    """The CPUs in the order in which queues take them."""
    rank = {cpu: at for core in topology.core_list for at, cpu in enumerate(core.threads)}
    by_rank: dict[int, list[int]] = {}
    for cpu in cpus:
        by_rank.setdefault(rank.get(cpu, 0), []).append(cpu)
    return tuple(cpu for at in sorted(by_rank) for cpu in _by_turns(by_rank[at], topology))


def _by_turns(cpus: Sequence[int], topology: Cpus) -> tuple[int, ...]:
    """One of each cache, then the next of each; CPUs of unknown caches are a group of their own."""
    cache = {cpu: domain.id for domain in topology.l3_domains for cpu in domain.cpus}
    groups: dict[int | None, list[int]] = {}
    for cpu in cpus:
        groups.setdefault(cache.get(cpu), []).append(cpu)
    return tuple(cpu for turn in zip_longest(*groups.values()) for cpu in turn if cpu is not None)


@dataclass(slots=True, kw_only=True)
class Spreader:
    """Gives out CPUs, device after device. `others` are for what is no queue; empty for the CPUs of the device."""

    topology: Cpus
    others: CpuSet
    given: dict[CpuSet, int] = field(default_factory=dict)

    def assign(self, device: DeviceInterrupts, cpus: CpuSet, spread: Spread) -> Mapping[VectorName, CpuSet]:
        """Where each vector of the device should fire; `cpus` must not be empty."""
        queues = sorted({vector.queue for vector in device.vectors if vector.queue is not None})
        if not queues:  # one interrupt for everything: it carries the data
            return {vector.name: cpus for vector in device.vectors}
        order, first = queue_order(cpus, self.topology), self.given.get(cpus, 0)
        self.given[cpus] = first + len(queues)
        place = {queue: order[(first + at) % len(order)] for at, queue in enumerate(queues)}
        one_each = spread is Spread.ONE_PER_QUEUE
        return {
            vector.name: (self.others or cpus)
            if vector.queue is None
            else CpuSet.of([place[vector.queue]])
            if one_each
            else cpus
            for vector in device.vectors
        }
