"""How often each interrupt fired on each CPU, since it was set up.

From /sys/kernel/irq/N/per_cpu_count, which has one number for each possible CPU: /proc/interrupts is the same in one
file, with the counters of the processor itself beside it (timers, rescheduling), which no setting of ours moves.

Source: Documentation/ABI/testing/sysfs-kernel-irq.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nodeagent.host.irq import DETAIL_ROOT
from nodeagent.model.cpuset import CpuSet

if TYPE_CHECKING:
    from nodeagent.host.host import Host


def read_counts(host: "Host", groups: Mapping[str, CpuSet]) -> dict[int, dict[str, int]]:
    """By number of the interrupt, how often it fired on each group of CPUs; those that can't be read are left out."""
    numbers = (name for name in host.names(DETAIL_ROOT) if name.isascii() and name.isdigit())
    found = {}
    for number in numbers:
        counts = (host.text(f"{DETAIL_ROOT}/{number}/per_cpu_count") or "").split(",")
        if all(count.isascii() and count.isdigit() for count in counts):
            found[int(number)] = {
                group: sum(int(counts[cpu]) for cpu in cpus if cpu < len(counts)) for group, cpus in groups.items()
            }
    return found
