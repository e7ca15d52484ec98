"""How fast was it when it was last measured, how fast should it be, and when was that?

Values are in base units (nodeagent_benchmark_info names the unit), so that a rule can divide a value by the target
of the same labels. A moment is a value of its own, never the time stamp of a sample, which would break staleness.
"""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.model.judgement import Judgement, Outcome
from nodeagent.serve.snapshot import Snapshot

_LABELS = ["benchmark", "metric", "role"]


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    families = _families()
    info, outcome, target = families["info"], families["outcome"], families["target"]
    described = set()
    for judgement in snapshot.judgements:
        labels = [_benchmark(judgement), judgement.metric.name, judgement.place.role]
        for name, value in _values(judgement).items():
            if value is not None:
                families[name].add_metric(labels, value)
        for possible in Outcome:
            outcome.add_metric([*labels, possible.value], float(judgement.outcome is possible))
        if judgement.metric.name not in described:
            described.add(judgement.metric.name)
            info.add_metric([labels[0], labels[1], judgement.metric.unit.value, judgement.metric.direction.value], 1)
    for wanted in snapshot.targets:
        target.add_metric([snapshot.benchmarks.get(wanted.metric, ""), wanted.metric, wanted.role], wanted.bound)
    yield from families.values()


def _benchmark(judgement: Judgement) -> str:
    return judgement.measurement.benchmark if judgement.measurement else ""


def _values(judgement: Judgement) -> dict[str, float | None]:
    interval, measurement = judgement.interval, judgement.measurement
    return {
        "value": interval.median if interval else None,
        "interval_low": interval.low if interval else None,
        "interval_high": interval.high if interval else None,
        "ceiling": judgement.ceiling,
        "runs": len(measurement.values) if measurement else 0,
        "last_run_timestamp_seconds": judgement.measured_at,
    }


def _families() -> dict[str, GaugeMetricFamily]:
    texts = {
        "value": "Median of the runs, in the base unit that nodeagent_benchmark_info names.",
        "interval_low": "Lower end of the confidence interval of the median.",
        "interval_high": "Upper end of the confidence interval of the median.",
        "target": "The bound that the stage asks for.",
        "ceiling": "What the hardware could do at most.",
        "runs": "Runs that the value is made from.",
        "last_run_timestamp_seconds": "When the last run ended, since the epoch.",
    }
    families = {
        name: GaugeMetricFamily(f"nodeagent_benchmark_{name}", text, labels=_LABELS) for name, text in texts.items()
    }
    families["outcome"] = GaugeMetricFamily(
        "nodeagent_benchmark_outcome",
        "1 for how the last measurement ended, 0 for the others.",
        labels=[*_LABELS, "outcome"],
    )
    families["info"] = GaugeMetricFamily(
        "nodeagent_benchmark_info",
        "Unit of a metric and which way is better; always 1.",
        labels=["benchmark", "metric", "unit", "direction"],
    )
    return families
