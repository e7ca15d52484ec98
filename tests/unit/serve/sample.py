"""A snapshot of the made-up validator host that the report's tests have, too."""

from nodeagent.report.document import ProfileReference
from nodeagent.serve.snapshot import BootApply, Health, Snapshot, Traffic
from tests.unit.report.sample import JOURNAL, JUDGEMENTS, NOON, PROFILE, VERDICTS, facts

SOURCES = {"facts": True, "profile": True, "targets": True, "history": True, "journal": True, "verify": True}


def snapshot() -> Snapshot:
    return Snapshot(
        taken_at=NOON,
        started_at=NOON - 86400,
        agent_version="0.1.0",
        python_version="3.11.2",
        stage="local",
        health=Health(sources=SOURCES, duration_seconds=0.25, failures=2),
        facts=facts(),
        profile=ProfileReference(name=PROFILE.name, digest=PROFILE.digest),
        verdicts=VERDICTS,
        judgements=JUDGEMENTS,
        targets=tuple(judgement.target for judgement in JUDGEMENTS if judgement.target),
        benchmarks={judgement.metric.name: judgement.metric.name.split(".")[1] for judgement in JUDGEMENTS},
        journal=JOURNAL,
        boot=BootApply(good=True, at=NOON - 86400),
        reserved_interrupts={"poh": 3, "xdp": 0},
        traffic=Traffic(
            responses={("/metrics", 200): 2880, ("other", 404): 3}, refused={"slow request": 1}, connections=1
        ),
    )


def empty() -> Snapshot:
    """A host where nothing could be read."""
    return Snapshot(
        taken_at=NOON,
        started_at=NOON,
        agent_version="0.1.0",
        python_version="3.11.2",
        stage="local",
        health=Health(sources=dict.fromkeys(SOURCES, False), failures=1),
    )
