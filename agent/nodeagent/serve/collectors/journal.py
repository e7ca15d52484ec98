"""Was something changed here that is not settled: an apply that stopped, a guard that waits, a foreign change?"""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from nodeagent.serve.snapshot import Snapshot


def collect(snapshot: Snapshot) -> Iterator[Metric]:
    journal = snapshot.journal
    if journal is None or journal.problem:
        return
    yield GaugeMetricFamily(
        "nodeagent_journal_unfinished_transactions",
        "Applies that neither ended nor were rolled back.",
        value=len(journal.unfinished),
    )
    yield GaugeMetricFamily(
        "nodeagent_journal_unconfirmed_transactions",
        "Applies that will be rolled back unless `nodeagent tune confirm` arrives.",
        value=len(journal.unconfirmed),
    )
    yield GaugeMetricFamily(
        "nodeagent_journal_conflicts",
        "Settings that somebody else changed since nodeagent set them.",
        value=len(journal.conflicts),
    )
    if journal.last_apply is not None:
        yield GaugeMetricFamily(
            "nodeagent_journal_last_apply_timestamp_seconds",
            "When the last apply began, since the epoch.",
            value=journal.last_apply.started_at,
        )
