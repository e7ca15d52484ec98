"""Distribution-free statistics for few runs: order-statistic intervals, rank tests, and a rule for when to stop.

A benchmark gives five to twenty values a metric, skewed, with a heavy tail and of no known distribution, so nothing
here assumes one. What it does assume, and docs/benchmarking.md tells how to check, is that runs are independent.

- The interval of a median by order statistics has a coverage that is an exact binomial sum. Source: H. A. David,
  H. N. Nagaraja, *Order Statistics*, 3rd ed., section 7.1.
- Looking at the runs again and again until they please is how to pass anything. `StoppingRule` shares one error
  probability out over all looks (the group sequential idea of Pocock 1977 and Lan and DeMets 1983, here for the sign
  test, where the probabilities can be counted and need no table).
- Two groups are compared by the exact Mann-Whitney test (1947) and the shift of Hodges and Lehmann (1963).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from statistics import NormalDist, median

_EXACT_ARRANGEMENTS = 50_000
"""Up to this many ways of splitting tied values into two groups are enumerated; beyond, the normal approximation."""

_EXACT_COUNTS = 40
"""Up to this many values in each of two groups without ties the distribution of U is counted."""

_TABLE_STEP = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """An interval with the probability (0-1) that it covers what it is meant to cover."""

    low: float
    high: float
    confidence: float


def order_coverage(count: int, cut: int) -> float:
    """How surely the interval from the (cut+1)-th lowest to the (cut+1)-th highest of `count` values holds the median.

    1 - 2 P(Binomial(count, 1/2) <= cut); at least that where values can tie.
    """
    if count < 1 or cut < 0 or 2 * cut >= count:
        return 0.0
    return float(1 - 2 * Fraction(sum(math.comb(count, j) for j in range(cut + 1)), 2**count))


def median_interval(values: Sequence[float], *, confidence: float = 0.9) -> Bounds:
    """The narrowest order-statistic interval of the median with at least `confidence`, for a number fixed beforehand.

    Where the values are too few for it, lowest to highest with the confidence that has (five values: 0.9375; one: 0).
    """
    ordered = sorted(values)
    if not ordered:
        raise ValueError("an interval of no values")
    cut = 0
    while order_coverage(len(ordered), cut + 1) >= confidence:
        cut += 1
    return Bounds(low=ordered[cut], high=ordered[-1 - cut], confidence=order_coverage(len(ordered), cut))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoppingRule:
    """After how many runs a verdict may be given, and how many of them may speak against it.

    A machine whose true median lies exactly at the bound has an even chance a run to be on the good side. The number of
    bad runs is then a random walk whose every path can be counted. `cut(n)` is the largest number of bad runs among n
    that may still be called a PASS, chosen from `first_look` on, look by look, so that the probability of ever coming
    to a false PASS stays within `error`, however often one looks. The same holds for FAIL, with the good runs.
    """

    first_look: int = 5
    error: float = 0.05

    def cut(self, runs: int) -> int:
        """Runs that may contradict the verdict after `runs`; -1 where no verdict can be given yet."""
        return _boundary(self.first_look, self.error, runs)[0]

    def spent(self, runs: int) -> float:
        """Probability, on each side, that by now a false verdict could have been given."""
        return float(_boundary(self.first_look, self.error, runs)[1])

    def next_look(self, runs: int) -> int:
        """The next number of runs after `runs` at which another contradicting run is forgiven, so that it can help."""
        following = runs + 1
        while self.cut(following) <= self.cut(runs):
            following += 1
        return following

    def interval(self, values: Sequence[float]) -> Bounds:
        """The interval of the median that belongs to the verdict: PASS and FAIL are its being wholly on one side.

        Its confidence takes every look up to now into account. Below the first look it is lowest to highest.
        """
        ordered = sorted(values)
        if not ordered:
            raise ValueError("an interval of no values")
        cut = self.cut(len(ordered))
        if cut < 0:
            return median_interval(ordered, confidence=1.0)
        return Bounds(low=ordered[cut], high=ordered[-1 - cut], confidence=1 - 2 * self.spent(len(ordered)))


def _boundary(first_look: int, error: float, runs: int) -> tuple[int, Fraction]:
    if runs < 1:
        return -1, Fraction(0)
    length = -(-runs // _TABLE_STEP) * _TABLE_STEP
    return _table(first_look, error, length)[runs - 1]


@lru_cache(maxsize=64)
def _table(first_look: int, error: float, length: int) -> tuple[tuple[int, Fraction], ...]:
    """For 1, 2, ..., `length` runs: the cut and the error spent till then, by counting every path of good and bad runs.

    `paths` holds, by their number of bad runs, how many sequences have not yet come to the verdict.
    """
    rows: list[tuple[int, Fraction]] = []
    cut, spent, paths = -1, Fraction(0), Counter({0: 1})
    for runs in range(1, length + 1):
        paths = _one_more_run(paths)
        if runs >= first_look:
            while 2 * (cut + 1) < runs and spent + _share(paths, cut + 1, runs) <= Fraction(str(error)):
                cut += 1
            spent += _share(paths, cut, runs)
            paths = Counter({bad: ways for bad, ways in paths.items() if bad > cut})
        rows.append((cut, spent))
    return tuple(rows)


def _one_more_run(paths: Counter[int]) -> Counter[int]:
    longer: Counter[int] = Counter()
    for bad, ways in paths.items():
        longer[bad] += ways
        longer[bad + 1] += ways
    return longer


def _share(paths: Counter[int], cut: int, runs: int) -> Fraction:
    return Fraction(sum(ways for bad, ways in paths.items() if bad <= cut), 2**runs)


def hodges_lehmann(
    before: Sequence[float], after: Sequence[float], *, confidence: float = 0.95
) -> tuple[float, Bounds]:
    """How much `after` lies above `before`: the median of all pairwise differences, and its interval.

    The interval holds the shifts that the Mann-Whitney test of the same level would not reject; where the groups are
    too small for `confidence` it is the widest there is, with the confidence that has. ValueError for an empty group.
    """
    if not before or not after:
        raise ValueError("a shift needs values on both sides")
    differences = sorted(b - a for a in before for b in after)
    cut = 0
    while _shift_confidence(len(before), len(after), cut + 1) >= confidence:
        cut += 1
    bounds = Bounds(
        low=differences[cut],
        high=differences[-1 - cut],
        confidence=_shift_confidence(len(before), len(after), cut),
    )
    return median(differences), bounds


def _shift_confidence(m: int, n: int, cut: int) -> float:
    """How surely the (cut+1)-th lowest to the (cut+1)-th highest difference holds the shift: 1 - 2 P(U <= cut)."""
    if 2 * cut >= m * n:
        return 0.0
    if max(m, n) <= _EXACT_COUNTS:
        counts = _u_counts(m, n)
        return float(1 - 2 * Fraction(sum(counts[: cut + 1]), math.comb(m + n, m)))
    sigma = math.sqrt(m * n * (m + n + 1) / 12)
    return 1 - 2 * NormalDist().cdf((cut + 0.5 - m * n / 2) / sigma)


def mann_whitney(before: Sequence[float], after: Sequence[float]) -> float:
    """Two-sided p-value of "both groups come from one distribution".

    Exact for small groups, with ties too (every split of the pooled values is counted); else the normal approximation
    with tie and continuity corrections. ValueError for an empty group.
    """
    if not before or not after:
        raise ValueError("a rank test needs values on both sides")
    m, n = len(before), len(after)
    ranks = _doubled_ranks([*before, *after])
    tied = len(set(before) | set(after)) < m + n
    doubled_u = sum(ranks[:m]) - m * (m + 1)
    if not tied and max(m, n) <= _EXACT_COUNTS:
        counts = _u_counts(m, n)
        lower = min(doubled_u // 2, m * n - doubled_u // 2)
        return min(1.0, float(2 * Fraction(sum(counts[: lower + 1]), math.comb(m + n, m))))
    if math.comb(m + n, m) <= _EXACT_ARRANGEMENTS:
        return _by_enumeration(ranks, m)
    return _by_approximation(doubled_u / 2, ranks, m, n)


@lru_cache(maxsize=256)
def _u_counts(m: int, n: int) -> tuple[int, ...]:
    """How many arrangements of m and n untied values give U = 0, 1, ..., m n: the Gaussian binomial coefficient."""
    counts = [1]
    for i in range(1, m + 1):
        counts = _divided(_multiplied(counts, n + i), i)
    return tuple(counts)


def _multiplied(counts: list[int], power: int) -> list[int]:
    """Coefficients times (1 - q^power)."""
    longer = counts + [0] * power
    for position, value in enumerate(counts):
        longer[position + power] -= value
    return longer


def _divided(counts: list[int], power: int) -> list[int]:
    """Coefficients over (1 - q^power), which divides them."""
    quotient = list(counts)
    for position in range(power, len(quotient)):
        quotient[position] += quotient[position - power]
    return quotient[: len(quotient) - power]


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Mid-ranks times two, so that they stay whole numbers."""
    below: dict[float, int] = {}
    position = 0
    tallies = Counter(values)
    for value in sorted(tallies):
        below[value] = 2 * position + tallies[value] + 1
        position += tallies[value]
    return [below[value] for value in values]


def _by_enumeration(ranks: Sequence[int], m: int) -> float:
    """Share of all splits whose rank sum lies at least as far from the middle as the one seen."""
    middle = Fraction(m * sum(ranks), len(ranks))
    seen = abs(sum(ranks[:m]) - middle)
    extreme = sum(abs(sum(chosen) - middle) >= seen for chosen in combinations(ranks, m))
    return extreme / math.comb(len(ranks), m)


def _by_approximation(u: float, ranks: Sequence[int], m: int, n: int) -> float:
    total = m + n
    ties = sum(size**3 - size for size in Counter(ranks).values())
    variance = m * n / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance == 0:
        return 1.0
    distance = max(0.0, abs(u - m * n / 2) - 0.5)
    return min(1.0, 2 * NormalDist().cdf(-distance / math.sqrt(variance)))
