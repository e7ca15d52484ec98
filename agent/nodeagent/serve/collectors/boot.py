"""Are the settings back that a boot took away? Silent where nothing is applied at boot."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    if snapshot.boot is None:
        return
    yield GaugeMetricFamily(
        "nodeagent_boot_apply_success",
        "1 if the last confirmed profile was applied at this boot, 0 if that failed or was undone.",
        value=float(snapshot.boot.good),
    )
    yield GaugeMetricFamily(
        "nodeagent_boot_apply_timestamp_seconds",
        "When it was applied, since the epoch.",
        value=snapshot.boot.at,
    )
