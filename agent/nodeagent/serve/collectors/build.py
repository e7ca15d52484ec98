"""Which nodeagent is it?"""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "nodeagent_build_info",
        "Version of nodeagent and of its Python; always 1.",
        labels=["version", "python_version"],
    )
    info.add_metric([snapshot.agent_version, snapshot.python_version], 1)
    yield info
