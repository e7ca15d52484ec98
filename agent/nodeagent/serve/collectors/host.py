"""What kind of machine is it, and against which profile is it held? Labels to join others with."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    facts = snapshot.facts
    if facts is not None:
        labels = {
            "cpu_model": facts.cpus.model,
            "kernel": facts.kernel.release,
            "product": " ".join(part for part in (facts.platform.vendor, facts.platform.product) if part),
            "virtualisation": facts.platform.virtualisation or "none",
        }
        host = GaugeMetricFamily("nodeagent_host_info", "What the machine is; always 1.", labels=list(labels))
        host.add_metric(list(labels.values()), 1)
        yield host
    if snapshot.profile is not None:
        profile = GaugeMetricFamily(
            "nodeagent_profile_info",
            "The profile this machine is held against; always 1.",
            labels=["profile", "digest", "stage"],
        )
        profile.add_metric([snapshot.profile.name, snapshot.profile.digest[:12], snapshot.stage], 1)
        yield profile
