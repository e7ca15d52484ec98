"""`bench compare`: the runs of two suites or two fingerprints side by side."""

from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.compare import SIGNIFICANCE, Comparison, Finding, compare, smallest_p
from nodeagent.bench.fingerprint import Difference, diff
from nodeagent.cli.bench_history import open_history, suite_named
from nodeagent.cli.bench_view import comparison_lines, difference_lines
from nodeagent.cli.output import Terminal, print_json
from nodeagent.history import History, RunFilter, StoredRun
from nodeagent.model.errors import ExitCode, UsageError


def show(
    *,
    before: str,
    after: str,
    minimum_effect: float,
    state_dir: Path | None,
    terminal: Terminal,
    as_json: bool,
    out: TextIO,
) -> ExitCode:
    with open_history(state_dir) as history:
        groups = _runs(history, before), _runs(history, after)
        differences = _differences(history, *groups)
    metrics = [metric for benchmark in BENCHMARKS for metric in benchmark.metrics]
    comparisons = compare(*groups, metrics=metrics, minimum_effect=minimum_effect)
    if not comparisons:
        raise UsageError(f"{before} and {after} measured nothing in common", remedy="nodeagent bench history")
    if as_json:
        print_json({"comparisons": comparisons, "differences": differences}, kind="bench.comparison", stream=out)
    else:
        out.write(_text(comparisons, differences, terminal))
    return ExitCode.OK


def _text(comparisons: Sequence[Comparison], differences: Sequence[Difference], terminal: Terminal) -> str:
    lines = [comparison_lines(comparisons, terminal)]
    if differences:
        lines += ["What else differs:", difference_lines(differences)]
    else:
        lines.append("Nothing else differs: same machine, same tools, same options.")
    short = [one for one in comparisons if one.finding is Finding.TOO_FEW]
    if short:
        sizes = len(short[0].before), len(short[0].after)
        lines.append(
            f"{sizes[0]} against {sizes[1]} runs can't reach p <= {SIGNIFICANCE:g} (at best {smallest_p(*sizes):.2f}): "
            "make more."
        )
    changed = sum(one.finding in {Finding.BETTER, Finding.WORSE} for one in comparisons)
    lines.append(
        f"{changed} of {len(comparisons)} changed. By chance alone about {SIGNIFICANCE * len(comparisons):.1g} would."
    )
    return "\n".join(lines) + "\n"


def _runs(history: History, name: str) -> tuple[StoredRun, ...]:
    """Those of a suite or, where no suite is called so, of a fingerprint."""
    suite = suite_named(history, name)
    if suite is not None:
        return history.runs(RunFilter(suite=suite.id))
    marks = {stored.fingerprint for stored in history.runs() if stored.fingerprint.startswith(name)}
    if len(marks) != 1:
        problem = "is neither a suite nor a fingerprint" if not marks else f"fits {len(marks)} fingerprints"
        raise UsageError(f"{name!r} {problem}", remedy="nodeagent bench history")
    return history.runs(RunFilter(fingerprint=marks.pop()))


def _differences(history: History, before: Sequence[StoredRun], after: Sequence[StoredRun]) -> tuple[Difference, ...]:
    """Of the benchmarks that both ran at the same role, each difference once."""
    marks = {(stored.run.benchmark, stored.run.place.role): stored.fingerprint for stored in before}
    found: dict[Difference, None] = {}
    for stored in after:
        earlier = marks.get((stored.run.benchmark, stored.run.place.role))
        if earlier and earlier != stored.fingerprint:
            parts = history.fingerprint(earlier), history.fingerprint(stored.fingerprint)
            found.update(dict.fromkeys(diff(*parts)))
    return tuple(found)
