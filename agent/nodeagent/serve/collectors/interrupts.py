"""Do interrupts of devices fire where nothing should disturb? By the role of the CPUs."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    if not snapshot.reserved_interrupts:
        return
    fired = CounterMetricFamily(
        "nodeagent_interrupts_on_reserved_cpus_total",
        "Interrupts of devices on CPUs that the placement keeps for this role, since serving began.",
        labels=["role"],
    )
    for role, count in sorted(snapshot.reserved_interrupts.items()):
        fired.add_metric([role], count)
    yield fired
