"""Is the machine set up as its profile says, tunable by tunable?"""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.model.verdict import State
from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    state = GaugeMetricFamily(
        "nodeagent_tunable_state",
        "1 for the state a tunable is in, 0 for the others.",
        labels=["tunable", "state"],
    )
    settings = GaugeMetricFamily("nodeagent_tunable_settings", "Settings that were compared.", labels=["tunable"])
    drift = GaugeMetricFamily(
        "nodeagent_tunable_drift_settings", "Settings that are not as the profile says.", labels=["tunable"]
    )
    for verdict in snapshot.verdicts:
        for possible in State:
            state.add_metric([verdict.tunable, possible.value], float(verdict.state is possible))
        counting = [finding for finding in verdict.findings if not finding.optional]
        settings.add_metric([verdict.tunable], len(counting))
        drift.add_metric([verdict.tunable], sum(finding.state is State.DRIFT for finding in counting))
    yield from (state, settings, drift)
