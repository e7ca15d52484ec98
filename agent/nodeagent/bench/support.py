"""Can a benchmark run here? A missing tool is a result with the command that gets it, never an exception."""

from dataclasses import dataclass

from nodeagent.bench.benchmark import Benchmark, ToolVersions
from nodeagent.model.need import NeedKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """Why not, and what to do; both "" where nothing is missing."""

    reason: str = ""
    remedy: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason)


def lack(benchmark: Benchmark, tools: ToolVersions) -> Lack:
    """The first tool that a benchmark needs and that was not found."""
    found = {"fio": tools.fio, "iperf3": tools.iperf3}
    for need in benchmark.needs:
        if need.kind is NeedKind.TOOL and not found.get(need.name):
            return Lack(reason=f"{need.name} was not found ({need.reason})", remedy=need.remedy)
    return Lack()
