"""Is what the page shows fresh, and could all of it be read?"""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    health = snapshot.health
    yield GaugeMetricFamily("nodeagent_up", "1 if the last refresh could read every source.", value=float(health.good))
    yield GaugeMetricFamily(
        "nodeagent_start_time_seconds", "When this process started, since the epoch.", value=snapshot.started_at
    )
    yield GaugeMetricFamily(
        "nodeagent_refresh_timestamp_seconds",
        "When what this page shows was read, since the epoch; old means that refreshing hangs.",
        value=snapshot.taken_at,
    )
    yield GaugeMetricFamily(
        "nodeagent_refresh_duration_seconds", "How long the last refresh took.", value=health.duration_seconds
    )
    yield CounterMetricFamily(
        "nodeagent_refresh_failures_total",
        "Refreshes in which at least one source could not be read.",
        value=health.failures,
    )
    sources = GaugeMetricFamily(
        "nodeagent_source_success", "1 if the last refresh could read this source.", labels=["source"]
    )
    for source, good in health.sources.items():
        sources.add_metric([source], float(good))
    yield sources
