"""How measurements look as text: target lines first, each with its figure beside its bound, the summary last."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

from nodeagent.bench.compare import Comparison, Finding
from nodeagent.bench.fingerprint import Difference
from nodeagent.bench.quantity import bound, quantity
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


def judgement_lines(judgements: Sequence[Judgement], terminal: Terminal, *, every: bool = False) -> str:
    """One line a judgement, with the reason and the next command below where it isn't met.

    Figures that only inform are left out unless `every`.
    """
    shown = [judgement for judgement in judgements if every or judgement.metric.gate]
    rows = [_row(judgement, terminal) for judgement in shown]
    lines = table(rows).splitlines()
    return "\n".join(
        line for row, judgement in zip(lines, shown, strict=True) for line in (row, *_explanation(judgement, terminal))
    )


def summary_line(judgements: Sequence[Judgement], *, suite: str, elapsed_seconds: float) -> str:
    """The last line: how many of each, and where they are kept."""
    counted = Counter(judgement.outcome for judgement in judgements if judgement.metric.gate)
    words = [f"{counted[outcome]} {word}" for outcome, word in _WORDS if counted[outcome]]
    kept = f"suite {suite}, " if suite else ""
    return f"Targets: {', '.join(words) or 'nothing measured'} ({kept}{format_duration(elapsed_seconds)})."


def short_interval(interval: Interval, metric: Metric) -> str:
    """`412 k IOPS [405, 420]`: the unit once where it is the same."""
    middle = quantity(interval.median, metric)
    if interval.low == interval.high:
        return middle
    unit = middle.partition(" ")[2]
    low, high = (_without(quantity(value, metric), unit) for value in (interval.low, interval.high))
    return f"{middle} [{low}, {high}]"


def comparison_lines(comparisons: Sequence[Comparison], terminal: Terminal) -> str:
    """Before, after, the shift with its interval, and the word."""
    rows = [_comparison_row(comparison, terminal) for comparison in comparisons]
    return table(rows, header=("METRIC", "AT", "BEFORE", "AFTER", "SHIFT", "P", ""))


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
    ceiling = judgement.ceiling
    share = f"{judgement.interval.median / ceiling:.0%} of ceiling" if ceiling and judgement.interval else ""
    return (
        f"  {_mark(judgement.outcome, terminal)} {judgement.metric.name}",
        short_interval(judgement.interval, judgement.metric) if judgement.interval else judgement.outcome.value,
        bound(judgement.target.bound, judgement.metric) if judgement.target else "",
        f"{runs} runs" if runs else "",
        share,
    )


def _mark(outcome: Outcome, terminal: Terminal) -> str:
    symbol, tone = _MARKS[outcome]
    return terminal.style(terminal.symbol(symbol) if symbol else _PLAIN_MARKS[outcome], tone)


def _explanation(judgement: Judgement, terminal: Terminal) -> tuple[str, ...]:
    """Why it isn't met. A figure without a target, or for information, speaks for itself."""
    if judgement.outcome in {Outcome.PASS, Outcome.NO_TARGET}:
        return ()
    next_step = (f"      next: {judgement.remedy}",) if judgement.remedy else ()
    return (f"      {terminal.style(judgement.reason, _MARKS[judgement.outcome][1])}", *next_step)


def _without(text: str, unit: str) -> str:
    return text.removesuffix(f" {unit}") if unit else text


def _comparison_row(comparison: Comparison, terminal: Terminal) -> tuple[str, ...]:
    return (
        comparison.metric.name,
        comparison.role,
        f"{_middle(comparison.before, comparison.metric)} ({len(comparison.before)})",
        f"{_middle(comparison.after, comparison.metric)} ({len(comparison.after)})",
        _shift(comparison),
        f"{comparison.p_value:.3f}",
        terminal.style(comparison.finding.value, _FINDINGS[comparison.finding]),
    )


def _middle(values: tuple[float, ...], metric: Metric) -> str:
    from statistics import median

    return quantity(median(values), metric)


def _shift(comparison: Comparison) -> str:
    relative, bounds = comparison.relative, comparison.relative_bounds
    if relative is None or bounds is None:
        return quantity(comparison.shift, comparison.metric)
    return f"{relative:+.1%} [{bounds[0]:+.1%}, {bounds[1]:+.1%}]"
