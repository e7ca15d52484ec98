"""Who asked, and who was turned away: as counted until the last refresh."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    responses = CounterMetricFamily(
        "nodeagent_http_responses_total", "Answers given until the last refresh.", labels=["path", "code"]
    )
    for (path, code), count in sorted(snapshot.traffic.responses.items()):
        responses.add_metric([path, str(code)], count)
    yield responses
    refused = CounterMetricFamily(
        "nodeagent_http_refused_connections_total",
        "Connections ended without an answer until the last refresh, by reason.",
        labels=["reason"],
    )
    for reason, count in sorted(snapshot.traffic.refused.items()):
        refused.add_metric([reason], count)
    yield refused
    yield GaugeMetricFamily(
        "nodeagent_http_connections", "Connections open at the last refresh.", value=snapshot.traffic.connections
    )
