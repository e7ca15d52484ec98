"""`bench list`: every benchmark with its metrics, and whether it can run here."""

import sys

from nodeagent.bench.benchmark import Benchmark
from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.support import lack
from nodeagent.bench.tools import probe_tools
from nodeagent.cli.output import Symbol, Terminal, Tone, print_json


def show(terminal: Terminal, *, output: str) -> None:
    tools, notes = probe_tools()
    missing = {benchmark.name: lack(benchmark, tools) for benchmark in BENCHMARKS}
    if output == "json":
        listed = [_document(benchmark, missing[benchmark.name].reason) for benchmark in BENCHMARKS]
        print_json({"benchmarks": listed, "tools": tools, "notes": notes}, kind="bench.list")
        return
    for benchmark in BENCHMARKS:
        why = missing[benchmark.name]
        mark = terminal.symbol(Symbol.FAIL if why else Symbol.OK)
        name = terminal.style(benchmark.name, Tone.STRONG)
        sys.stdout.write(f"{mark} {name}: {benchmark.summary}\n")
        if why:
            sys.stdout.write(f"    not here: {why.reason}\n    next: {why.remedy}\n")
        for need in benchmark.needs:
            sys.stdout.write(f"    needs {need.name}: {need.reason}\n")
        for metric in benchmark.metrics:
            judged = f"{metric.direction.value} is better" if metric.gate else "for information"
            sys.stdout.write(f"    {metric.name} ({metric.unit.value}, {judged})\n")
    for note in notes:
        sys.stdout.write(f"{note}\n")


def _document(benchmark: Benchmark, why_not: str) -> dict[str, object]:
    return {
        "name": benchmark.name,
        "summary": benchmark.summary,
        "measures": benchmark.kind,
        "tool": benchmark.tool,
        "metrics": benchmark.metrics,
        "needs": benchmark.needs,
        "writes": benchmark.writes,
        "supported": not why_not,
        "why_not": why_not,
    }
