"""A snapshot as the text that Prometheus reads: rendered once, handed out as often as anybody asks.

The registry is our own and lives as long as one rendering, so no library can add series of its own to the page. Label
values come from closed sets (tunables, benchmarks, roles of a profile), and still there is a cap: a mistake in a
profile must not become a million series in somebody's Prometheus. What the cap cuts is counted.
"""

from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

from nodeagent.serve.collectors import COLLECTORS, Collect
from nodeagent.serve.snapshot import Snapshot

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SERIES_CAP = 2000
_LABEL_CAP = 128


class _Page(Collector):
    """All collectors over one snapshot, as one collector of the client library."""

    def __init__(self, snapshot: Snapshot, collectors: Sequence[Collect], cap: int) -> None:
        self._snapshot = snapshot
        self._collectors = collectors
        self._cap = cap

    def collect(self) -> Iterator[Metric]:
        left, dropped = self._cap, 0
        for collector in self._collectors:
            for family in collector(self._snapshot):
                dropped += max(0, len(family.samples) - left)
                family.samples = [_bounded(sample) for sample in family.samples[:left]]
                left -= len(family.samples)
                yield family
        yield GaugeMetricFamily(
            "nodeagent_dropped_series", f"Series beyond the cap of {self._cap} that this page lacks.", value=dropped
        )


def _bounded(sample: Sample) -> Sample:
    """A label value of sane length, whatever a kernel or a profile put there."""
    if all(len(value) <= _LABEL_CAP and value.isprintable() for value in sample.labels.values()):
        return sample
    labels = {name: _printable(value)[:_LABEL_CAP] for name, value in sample.labels.items()}
    return sample._replace(labels=labels)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def render(snapshot: Snapshot, *, cap: int = SERIES_CAP, collectors: Sequence[Collect] = COLLECTORS) -> bytes:
    """The page of a snapshot, without anything of this process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Page(snapshot, collectors, cap))
    return generate_latest(registry)


def render_process() -> bytes:
    """What this process uses, under the names that every Prometheus client has for it."""
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    return generate_latest(registry)
