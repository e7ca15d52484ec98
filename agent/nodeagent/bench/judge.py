"""The word on a measurement, and whether more runs could change it. Pure: numbers in, sentence out.

PASS means that the whole confidence interval of the median lies on the good side of the bound, FAIL that it lies wholly
on the bad side; anything else is INCONCLUSIVE. The interval is that of `StoppingRule`, so the answer may be asked for
after every run: a machine that sits exactly at its bound gets a false PASS in at most 5 of 100 suites, and a false FAIL
in at most 5 (docs/benchmarking.md shows the counts; tests/unit/bench_engine simulates them).

Three things never pass for evidence: a run that was aborted (it counts against a PASS, as a drive that fails every
fifth run is no good drive), values that are no plausible figures, and rates that repeat to the last digit.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from statistics import median

from nodeagent.bench.ceilings import PLAUSIBLE_RATIO, Ceiling
from nodeagent.bench.quantity import bound, quantity
from nodeagent.bench.statistics import StoppingRule
from nodeagent.model.judgement import Interval, Judgement, Outcome
from nodeagent.model.measurement import Direction, Measurement, Target, Unit

PRODUCTION = "production"
"""The stage in which whatever isn't a PASS is a FAIL: silence is not success."""

DEFAULT_RULE = StoppingRule()
_RATES = frozenset({Unit.IOPS, Unit.BYTES_PER_SECOND})


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What else is known of a measurement. `aborted` has one reason for each run that gave no sample.

    `notes` are what a reader of the word must know (the page cache took part). `cap` is the number of runs at which
    measuring ended; None where it is not known any more. `again` is the command that repeats the measurement.
    """

    stage: str = ""
    aborted: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str = ""
    remedy: str = ""
    again: str = ""
    cap: int | None = None
    ceiling: Ceiling | None = None
    fingerprint: str = ""
    measured_at: float | None = None


def decide(
    values: Sequence[float], target: Target, *, rule: StoppingRule = DEFAULT_RULE, cap: int, aborted: int = 0
) -> Outcome | None:
    """PASS or FAIL once decided, INCONCLUSIVE once no run up to `cap` can decide it, None to go on measuring."""
    good = sum(_is_good(value, target) for value in values)
    bad = len(values) - good + aborted
    if bad <= rule.cut(len(values) + aborted):
        return Outcome.PASS
    if good <= rule.cut(len(values)):
        return Outcome.FAIL
    within_reach = min(good, bad) <= rule.cut(cap)
    return None if within_reach and len(values) + aborted < cap else Outcome.INCONCLUSIVE


def judge(
    measurement: Measurement,
    target: Target | None,
    *,
    rule: StoppingRule = DEFAULT_RULE,
    circumstances: Circumstances | None = None,
) -> Judgement:
    """Judge what was measured; never raises for what a measurement may hold."""
    known = circumstances or Circumstances()
    judgement = _word(measurement, target, rule, known)
    notes = "".join(f" (note: {note})" for note in known.notes)
    whole = replace(
        judgement,
        reason=judgement.reason + notes,
        measurement=measurement,
        target=target,
        ceiling=known.ceiling.value if known.ceiling else None,
        fingerprint=known.fingerprint,
        measured_at=known.measured_at,
    )
    return _as_in_production(whole) if known.stage == PRODUCTION else whole


def _word(measurement: Measurement, target: Target | None, rule: StoppingRule, known: Circumstances) -> Judgement:
    if not measurement.values:
        return _not_measured(measurement, known)
    if reason := _implausible(measurement):
        return _answer(measurement, Outcome.NOT_MEASURED, reason, remedy=_look_at_raw(measurement))
    interval = _interval(measurement.values, rule)
    figures = _figures(measurement, interval)
    if target is None:
        return _without_target(measurement, interval, figures, known)
    if reason := _suspicious(measurement, known.ceiling):
        remedy = _look_at_raw(measurement)
        return _answer(measurement, Outcome.INCONCLUSIVE, f"{figures}: {reason}", remedy=remedy, interval=interval)
    return _against_target(measurement, target, rule, known, interval)


def _not_measured(measurement: Measurement, known: Circumstances) -> Judgement:
    if known.missing:
        return _answer(measurement, Outcome.NOT_MEASURED, f"not measured: {known.missing}", remedy=known.remedy)
    if not known.aborted:
        return _answer(
            measurement, Outcome.NOT_MEASURED, "not measured: no run was made", remedy=_again(measurement, known)
        )
    count = len(known.aborted)
    runs = "its only run was" if count == 1 else f"all {count} runs were"
    reason = f"not measured: {runs} aborted: {_reasons(known.aborted)}"
    return _answer(measurement, Outcome.NOT_MEASURED, reason, remedy=known.remedy or _look_at_raw(measurement))


def _without_target(measurement: Measurement, interval: Interval, figures: str, known: Circumstances) -> Judgement:
    if not measurement.metric.gate:
        return _answer(measurement, Outcome.NO_TARGET, f"{figures}; for information", interval=interval)
    stage = f"stage {known.stage}" if known.stage else "no stage was named, and so"
    where = f"profiles/targets/{known.stage}.yaml" if known.stage else "a targets file and name it with --target"
    return _answer(
        measurement,
        Outcome.NO_TARGET,
        f"{figures}; {stage} sets no target for it at {measurement.place.role}",
        remedy=f"put a bound for {measurement.metric.name} at {measurement.place.role} into {where}",
        interval=interval,
    )


def _against_target(
    measurement: Measurement, target: Target, rule: StoppingRule, known: Circumstances, interval: Interval
) -> Judgement:
    values, aborted = measurement.values, len(known.aborted)
    runs = len(values) + aborted
    outcome = decide(values, target, rule=rule, cap=known.cap or runs, aborted=aborted) or Outcome.INCONCLUSIVE
    figures = _figures(measurement, interval)
    if aborted:
        figures += f", and {aborted} aborted ({_reasons(known.aborted)})"
    wanted = bound(target.bound, measurement.metric)
    match outcome:
        case Outcome.PASS:
            reason, remedy = f"all of it meets {wanted}", ""
        case Outcome.FAIL:
            reason = f"all of it misses {wanted}, the median by {_gap(interval.median, target)}"
            remedy = "look for drift with `nodeagent tune verify`, then " + _again(measurement, known)
        case _:
            reason = _open_question(measurement, target, rule, runs, aborted, interval)
            remedy = _again(measurement, known, cap=rule.next_look(runs))
    return _answer(
        measurement,
        outcome,
        f"{figures}: {reason}",
        remedy=remedy,
        interval=interval,
        decided_at_run=None if outcome is Outcome.INCONCLUSIVE else _decided_at(values, target, rule, outcome),
    )


def _open_question(
    measurement: Measurement, target: Target, rule: StoppingRule, runs: int, aborted: int, interval: Interval
) -> str:
    wanted = bound(target.bound, measurement.metric)
    if rule.cut(runs) < 0:
        return f"too few runs to say whether it meets {wanted}; it takes at least {rule.next_look(runs)}"
    if aborted and _is_good(interval.low, target) and _is_good(interval.high, target):
        return f"it would meet {wanted}, but an aborted run counts against it"
    near = abs(interval.median - target.bound) <= target.minimum_effect * abs(target.bound)
    hint = f", and the median within {target.minimum_effect:.0%} of it" if near else ""
    return f"{wanted} lies inside the interval{hint}"


def _decided_at(values: Sequence[float], target: Target, rule: StoppingRule, outcome: Outcome) -> int | None:
    """After how many samples this same answer could first have been given."""
    counts = range(1, len(values) + 1)
    return next((n for n in counts if decide(values[:n], target, rule=rule, cap=n) is outcome), None)


def _interval(values: Sequence[float], rule: StoppingRule) -> Interval:
    bounds = rule.interval(values)
    return Interval(low=bounds.low, median=median(values), high=bounds.high, confidence=bounds.confidence)


def _implausible(measurement: Measurement) -> str:
    wrong = [value for value in measurement.values if not isfinite(value) or value < 0]
    if not wrong:
        return ""
    return f"not measured: {len(wrong)} of {_runs(len(measurement.values))} gave {wrong[0]}, which is no figure"


def _suspicious(measurement: Measurement, ceiling: Ceiling | None) -> str:
    """Why finite values still prove nothing; times and ratios may repeat, as tools round them to buckets or zero."""
    values = measurement.values
    if measurement.metric.unit in _RATES and len(values) > 1 and len(set(values)) == 1:
        return f"{_runs(len(values))} gave the same figure to the last digit, which no real rate does"
    if ceiling is None or ceiling.value is None or median(values) <= PLAUSIBLE_RATIO * ceiling.value:
        return ""
    limit = quantity(ceiling.value, measurement.metric)
    return f"that is more than the hardware can carry ({limit}, {ceiling.reason}), so something else was measured"


def _figures(measurement: Measurement, interval: Interval) -> str:
    metric = measurement.metric
    middle = quantity(interval.median, metric)
    if len(measurement.values) == 1:
        return f"{middle} in a single run"
    low, high = quantity(interval.low, metric), quantity(interval.high, metric)
    return (
        f"median {middle}, {low} to {high} with {interval.confidence * 100:.1f} % confidence, "
        f"{_runs(len(measurement.values))}"
    )


def _as_in_production(judgement: Judgement) -> Judgement:
    only_informs = judgement.outcome is Outcome.NO_TARGET and not judgement.metric.gate
    if only_informs or judgement.outcome in {Outcome.PASS, Outcome.FAIL}:
        return judgement
    reason = f"{judgement.reason} (in production, {judgement.outcome.value} is a FAIL)"
    return replace(judgement, outcome=Outcome.FAIL, reason=reason)


def _answer(
    measurement: Measurement,
    outcome: Outcome,
    reason: str,
    *,
    remedy: str = "",
    interval: Interval | None = None,
    decided_at_run: int | None = None,
) -> Judgement:
    return Judgement(
        metric=measurement.metric,
        place=measurement.place,
        outcome=outcome,
        reason=reason,
        remedy=remedy,
        interval=interval,
        decided_at_run=decided_at_run,
    )


def _is_good(value: float, target: Target) -> bool:
    return value >= target.bound if target.direction is Direction.HIGHER else value <= target.bound


def _gap(value: float, target: Target) -> str:
    if target.bound == 0:
        return "any amount, as the bound is 0"
    percent = abs(value - target.bound) / abs(target.bound) * 100
    return f"{percent:.0f} %" if percent >= 10 else f"{percent:.2g} %"


def _reasons(aborted: Sequence[str]) -> str:
    """Each different reason once, the commonest first."""
    counted = Counter(aborted).most_common()
    return "; ".join(reason if times == 1 or len(counted) == 1 else f"{reason} ({times}x)" for reason, times in counted)


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _again(measurement: Measurement, known: Circumstances, *, cap: int | None = None) -> str:
    command = known.again or f"nodeagent bench run {measurement.benchmark}"
    return command + (f" --cap {cap}" if cap else "")


def _look_at_raw(measurement: Measurement) -> str:
    return f"look at the tool's own output: nodeagent bench history {measurement.benchmark} --raw"
