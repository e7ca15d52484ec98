"""What measuring needs of the world, and what it says about a result: the run to make, its fingerprint, its ceiling."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nodeagent.bench.benchmark import Benchmark, RunSpec, TestFile, ToolVersions
from nodeagent.bench.ceilings import Ceiling, network_ceiling, storage_ceiling
from nodeagent.bench.fingerprint import Fingerprint, fingerprint
from nodeagent.bench.recorder import Recorder
from nodeagent.bench.runner import Progress, run_once
from nodeagent.bench.suite import Item
from nodeagent.host.host import Host
from nodeagent.host.process import Cancel
from nodeagent.model.facts import HostFacts
from nodeagent.model.measurement import Metric, Run

RUNS_FOLDER = "runs"
"""Below the state directory: one workspace a run, swept at the next start."""


class RunOnce(Protocol):
    """As runner.run_once."""

    def __call__(
        self,
        benchmark: Benchmark,
        spec: RunSpec,
        facts: HostFacts,
        *,
        cancel: Cancel | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Run: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Laboratory:
    """`state_directory` is the agent's own and exists. `stage` is "" where none was named.

    `repeat_options` are what a person types after `nodeagent bench run NAME` to measure the same again.
    """

    host: Host
    facts: HostFacts
    tools: ToolVersions
    state_directory: Path
    recorder: Recorder
    stage: str = ""
    profile_digest: str = ""
    repeat_options: str = ""
    run_once: RunOnce = run_once
    wall_clock: Callable[[], float] = time.time
    clock: Callable[[], float] = time.monotonic

    def spec(self, item: Item, test_file: TestFile | None) -> RunSpec:
        """One run of an item."""
        path = item.site.path
        return RunSpec(
            place=item.site.place,
            workspace=self.state_directory / RUNS_FOLDER,
            tools=self.tools,
            runtime_seconds=item.runtime_seconds,
            ramp_seconds=item.ramp_seconds,
            test_file=test_file,
            server_address=path.server_address if path else "",
            server_namespace=path.server_namespace if path else None,
            client_namespace=path.client_namespace if path else None,
            numa_node=item.site.numa_node,
            options=dict(item.options),
        )

    def again(self, item: Item) -> str:
        """The command that repeats one benchmark."""
        return f"nodeagent bench run {item.benchmark.name} {self.repeat_options}".rstrip()

    def fingerprint(self, item: Item) -> Fingerprint:
        """What the results of an item depend on."""
        options = {
            "benchmark": item.benchmark.name,
            "runtime_seconds": f"{item.runtime_seconds:g}",
            "ramp_seconds": f"{item.ramp_seconds:g}",
            **item.options,
        }
        if item.site.kind == "storage":
            options["size_bytes"] = str(item.size_bytes)
        return fingerprint(
            self.facts,
            tools=self.tools,
            options=options,
            device=item.site.device,
            nic=item.site.nic,
            profile_digest=self.profile_digest,
        )


def ceiling(metric: Metric, item: Item, facts: HostFacts) -> Ceiling:
    """What the hardware below the site of an item could give at most."""
    virtualisation = facts.platform.virtualisation
    if item.site.kind == "storage":
        block_bytes = getattr(item.benchmark, "block_bytes", None)
        return storage_ceiling(
            metric.unit,
            item.site.device,
            block_bytes=block_bytes if isinstance(block_bytes, int) else None,
            virtualisation=virtualisation,
        )
    return network_ceiling(
        metric.unit,
        item.site.nic,
        protocol="udp" if ".udp." in metric.name else "tcp",
        ip_version=6 if item.site.path and ":" in item.site.path.server_address else 4,
        virtualisation=virtualisation,
    )
