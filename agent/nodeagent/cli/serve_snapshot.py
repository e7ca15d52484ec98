"""What `nodeagent serve` shows, taken from the same evidence as a report."""

import platform
import time

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.cli.evidence import Documents, Question, gather
from nodeagent.host.boot_record import read_boot_record
from nodeagent.host.host import Host
from nodeagent.host.irq_counts import read_counts
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Profile
from nodeagent.report.document import ProfileReference
from nodeagent.serve.interrupt_tally import InterruptTally
from nodeagent.serve.snapshot import BootApply, Health, Snapshot, Traffic
from nodeagent.serve.worker import TakeSnapshot
from nodeagent.tune.boot import BootOutcome
from nodeagent.tune.interrupts.targets import RESERVED_ROLES
from nodeagent.tune.placement import placed
from nodeagent.version import VERSION


def taker(question: Question) -> TakeSnapshot:
    """A function that reads the host once more; it gets what the server counted, and the failures so far."""
    started_at = time.time()
    documents = Documents()
    tally = InterruptTally()
    benchmarks = {metric.name: benchmark.name for benchmark in BENCHMARKS for metric in benchmark.metrics}

    def take(traffic: Traffic, failures: int) -> Snapshot:
        began = time.monotonic()
        host = Host()
        gathered = gather(question, host, documents=documents)
        evidence = gathered.evidence
        profile = evidence.profile
        return Snapshot(
            taken_at=evidence.created_at,
            started_at=started_at,
            agent_version=VERSION,
            python_version=platform.python_version(),
            stage=question.stage,
            health=Health(
                sources=gathered.sources,
                duration_seconds=time.monotonic() - began,
                failures=failures + (not all(gathered.sources.values())),
            ),
            facts=evidence.facts,
            profile=ProfileReference(name=profile.name, digest=profile.digest) if profile else None,
            verdicts=evidence.verdicts,
            judgements=evidence.judgements,
            targets=gathered.targets,
            benchmarks=benchmarks,
            journal=evidence.journal,
            boot=_boot(host),
            traffic=traffic,
            reserved_interrupts=tally.add(read_counts(host, _reserved(evidence.facts, profile))),
        )

    return take


def _boot(host: Host) -> BootApply | None:
    record = read_boot_record(host)
    if record is None or record["outcome"] == BootOutcome.NOTHING_CONFIRMED:
        return None
    return BootApply(good=record["outcome"] in (BootOutcome.APPLIED, BootOutcome.UNCHANGED), at=float(record["at"]))


def _reserved(facts: HostFacts, profile: Profile | None) -> dict[str, CpuSet]:
    """The CPUs of each role that no interrupt should disturb; none without a placement."""
    placement = placed(facts, profile).placement if profile is not None else None
    cpus = {role.value: placement.cpus(role) for role in RESERVED_ROLES} if placement is not None else {}
    return {role: set_ for role, set_ in cpus.items() if set_}
