"""How measurements look as text: target lines first, each with its figure beside its bound, the summary last."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import median
from textwrap import wrap

from nodeagent.bench.compare import Comparison, Finding
from nodeagent.bench.fingerprint import Difference
from nodeagent.bench.quantity import bound, on_scale_of, quantity
from nodeagent.cli.output import Symbol, Terminal, Tone, table
from nodeagent.model.judgement import Interval, Judgement, Outcome
from nodeagent.model.measurement import Metric
from nodeagent.model.units import format_duration

_MARKS: dict[Outcome, tuple[Symbol | None, Tone]] = {
    Outcome.PASS: (Symbol.OK, Tone.GOOD),
    Outcome.FAIL: (Symbol.FAIL, Tone.BAD),
    Outcome.INCONCLUSIVE: (Symbol.UNSURE, Tone.WARN),
    Outcome.NOT_MEASURED: (None, Tone.WARN),
    Outcome.NO_TARGET: (None, Tone.FAINT),
}
_PLAIN_MARKS = {Outcome.NOT_MEASURED: "!", Outcome.NO_TARGET: "-"}
_WORDS = (
    (Outcome.PASS, "met"),
    (Outcome.FAIL, "missed"),
    (Outcome.INCONCLUSIVE, "inconclusive"),
    (Outcome.NOT_MEASURED, "not measured"),
    (Outcome.NO_TARGET, "without a target"),
)
_FINDINGS = {
    Finding.BETTER: Tone.GOOD,
    Finding.WORSE: Tone.BAD,
    Finding.NO_CHANGE: Tone.FAINT,
    Finding.TOO_FEW: Tone.WARN,
}


def judgement_lines(
    judgements: Sequence[Judgement], terminal: Terminal, *, every: bool = False, width: int | None = None
) -> str:
    """One line a judgement; below it the reason and the next command where it isn't met, wrapped to `width`.

    Figures that only inform are left out unless `every`.
    """
    shown = [judgement for judgement in judgements if every or judgement.metric.gate]
    rows = table([_row(judgement, terminal) for judgement in shown]).splitlines()
    lines: list[str] = []
    for row, judgement in zip(rows, shown, strict=True):
        lines.append(row)
        for text, tone in _explanation(judgement):
            lines += [terminal.style(line, tone) for line in _wrapped(text, width)]
    return "\n".join(lines)


def summary_line(judgements: Sequence[Judgement], *, suite: str, elapsed_seconds: float) -> str:
    """The last line: how many of each, and where they are kept."""
    counted = Counter(judgement.outcome for judgement in judgements if judgement.metric.gate)
    words = [f"{counted[outcome]} {word}" for outcome, word in _WORDS if counted[outcome]]
    kept = f"suite {suite}, " if suite else ""
    return f"Targets: {', '.join(words) or 'nothing measured'} ({kept}{format_duration(elapsed_seconds)})."


def short_interval(interval: Interval, metric: Metric) -> str:
    """`828 MB/s [706, 1330]`: all on one scale."""
    middle = quantity(interval.median, metric)
    if interval.low == interval.high:
        return middle
    low, high = (on_scale_of(value, interval.median, metric) for value in (interval.low, interval.high))
    return f"{middle} [{low}, {high}]"


def comparison_lines(comparisons: Sequence[Comparison], terminal: Terminal) -> str:
    """The word first, then before, after and the shift with its interval."""
    return "\n".join(line for comparison in comparisons for line in _comparison(comparison, terminal))


def difference_lines(differences: Iterable[Difference]) -> str:
    """What else changed between two fingerprints."""
    return "\n".join(
        f"  {difference.part}: {difference.before or 'absent'} -> {difference.after or 'absent'}"
        for difference in differences
    )


def moment(seconds: float) -> str:
    """Local time to the second."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def _row(judgement: Judgement, terminal: Terminal) -> tuple[str, ...]:
    measurement = judgement.measurement
    runs = len(measurement.values) if measurement else 0
    return (
        f"  {_mark(judgement.outcome, terminal)} {judgement.metric.name}",
        short_interval(judgement.interval, judgement.metric) if judgement.interval else judgement.outcome.value,
        bound(judgement.target.bound, judgement.metric) if judgement.target else _no_bound(judgement),
        ("1 run" if runs == 1 else f"{runs} runs") if runs else "",
    )


def _no_bound(judgement: Judgement) -> str:
    return "no target" if judgement.metric.gate else "for information"


def _mark(outcome: Outcome, terminal: Terminal) -> str:
    symbol, tone = _MARKS[outcome]
    return terminal.style(terminal.symbol(symbol) if symbol else _PLAIN_MARKS[outcome], tone)


def _explanation(judgement: Judgement) -> list[tuple[str, Tone]]:
    """How near the ceiling it came, and why it isn't met. A figure without a target speaks for itself."""
    told: list[tuple[str, Tone]] = []
    if judgement.ceiling and judgement.interval:
        share = f"{judgement.interval.median / judgement.ceiling:.0%}"
        told.append((f"{share} of what the hardware can carry, {_ceiling(judgement)}", Tone.FAINT))
    if judgement.outcome in {Outcome.PASS, Outcome.NO_TARGET}:
        return told
    told.append((judgement.reason, _MARKS[judgement.outcome][1]))
    return [*told, (f"next: {judgement.remedy}", Tone.STRONG)] if judgement.remedy else told


def _ceiling(judgement: Judgement) -> str:
    return quantity(judgement.ceiling or 0.0, judgement.metric)


def _wrapped(text: str, width: int | None) -> list[str]:
    indent = "      "
    if width is None:
        return [indent + text]
    return wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)


def _comparison(comparison: Comparison, terminal: Terminal) -> tuple[str, str]:
    word = terminal.style(comparison.finding.value, _FINDINGS[comparison.finding])
    before, after = (
        f"{quantity(median(values), comparison.metric)} ({len(values)})"
        for values in (comparison.before, comparison.after)
    )
    return (
        f"{comparison.metric.name} at {comparison.role}: {word}",
        f"    {before} {terminal.symbol(Symbol.ARROW)} {after}, {_shift(comparison)}, p {comparison.p_value:.3f}",
    )


def _shift(comparison: Comparison) -> str:
    relative, bounds = comparison.relative, comparison.relative_bounds
    if relative is None or bounds is None:
        return quantity(comparison.shift, comparison.metric)
    return f"{relative:+.1%} [{bounds[0]:+.1%}, {bounds[1]:+.1%}]"
