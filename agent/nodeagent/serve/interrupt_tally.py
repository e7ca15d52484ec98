"""Interrupts on reserved CPUs, added up from one snapshot to the next.

The kernel's own counters can't be handed out: they go away with an interrupt when its driver is reloaded, and a sum
that falls reads as a restart. So what came since the last look is added to a sum that only grows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

Counts = Mapping[int, Mapping[str, int]]
"""By interrupt and group of CPUs, as host.irq_counts reads them."""


@dataclass(slots=True)
class InterruptTally:
    """`totals` by group since the first look at it, which only says where counting starts."""

    totals: dict[str, int] = field(default_factory=dict)
    _last: Counts = field(default_factory=dict, init=False)

    def add(self, counts: Counts) -> dict[str, int]:
        """Take a look and give the sums. An interrupt that is new, or counts from 0 again, counts whole."""
        for group in _groups(counts):
            grown = sum(_growth(group, self._last, counts)) if group in _groups(self._last) else 0
            self.totals[group] = self.totals.get(group, 0) + grown
        self._last = counts
        return dict(self.totals)


def _groups(counts: Counts) -> set[str]:
    return {group for each in counts.values() for group in each}


def _growth(group: str, last: Counts, counts: Counts) -> Iterator[int]:
    for number, each in counts.items():
        now, before = each.get(group, 0), last.get(number, {}).get(group, 0)
        yield now - before if now >= before else now
