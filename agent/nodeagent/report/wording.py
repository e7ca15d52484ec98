"""How values of the document read to people; shared by the renderings that are text."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from nodeagent.bench.quantity import bound, quantity
from nodeagent.model.judgement import Outcome
from nodeagent.model.measurement import Direction
from nodeagent.model.units import format_capacity
from nodeagent.model.verdict import State
from nodeagent.report.document import BenchmarkRow, Decision, GateOutcome

SYMBOLS = {
    **dict.fromkeys((Decision.GO, GateOutcome.PASS, State.OK, Outcome.PASS), "✓"),
    **dict.fromkeys((Decision.NO_GO, GateOutcome.FAIL, State.DRIFT, Outcome.FAIL), "✗"),
    **dict.fromkeys((Decision.INCOMPLETE, GateOutcome.OPEN, Outcome.INCONCLUSIVE, State.UNKNOWN), "…"),
    State.NEEDS_REBOOT: "!",
    State.NOT_APPLICABLE: "–",
    Outcome.NOT_MEASURED: "?",
    Outcome.NO_TARGET: "·",
}
"""A mark beside each word, so that neither colour nor language carries the meaning alone."""

_SENTENCE = re.compile(r"[,;:] | then | shows ")
_COMMAND = re.compile(r"(nodeagent [a-z]+ [a-z]+(?: --[a-z-]+(?: [^ ,;]+)?)*)")

WORDS = {State.OK: "as wanted"}
"""Words that read better than the value; every other is its own."""


def when(seconds: float | None) -> str:
    """A moment in UTC, to the minute."""
    if seconds is None:
        return "never"
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d %H:%M} UTC"


def arrow(row: BenchmarkRow) -> str:
    """Which way is better."""
    return "↑ higher is better" if row.metric.direction is Direction.HIGHER else "↓ lower is better"


def interval_text(row: BenchmarkRow) -> str:
    """`305 k IOPS to 318 k IOPS (93.8 % confidence)`; "" for a single run."""
    interval = row.interval
    if interval is None or len(row.values) < 2:
        return ""
    low, high = quantity(interval.low, row.metric), quantity(interval.high, row.metric)
    return f"{low} to {high} ({interval.confidence * 100:.3g} % confidence)"


def ceiling_text(row: BenchmarkRow) -> str:
    """The ceiling, and how much of it was reached; "" where it is not known."""
    if row.ceiling is None:
        return ""
    reached = f" ({row.interval.median / row.ceiling * 100:.2g} % reached)" if row.interval and row.ceiling else ""
    return quantity(row.ceiling, row.metric) + reached


def capacity(size_bytes: int | None) -> str:
    """A drive's size as it is sold."""
    return "unknown" if size_bytes is None else format_capacity(size_bytes)


def link_speed(mbps: int | None) -> str:
    """A link's rate as it is sold."""
    if mbps is None or mbps < 0:
        return "unknown"
    return f"{mbps / 1000:g} Gbit/s" if mbps >= 1000 else f"{mbps} Mbit/s"


def pieces(remedy: str) -> tuple[tuple[str, bool], ...]:
    """A remedy split into what is to be read (False) and what is to be typed (True)."""
    if "`" in remedy:
        parts = remedy.split("`")
    elif _SENTENCE.search(remedy):
        parts = _COMMAND.split(remedy)
    else:
        return ((remedy, remedy.startswith("nodeagent ")),)
    return tuple((part, number % 2 == 1) for number, part in enumerate(parts) if part)


FILTERS: dict[str, Callable[..., Any]] = {
    "when": when,
    "arrow": arrow,
    "interval": interval_text,
    "ceiling": ceiling_text,
    "capacity": capacity,
    "link_speed": link_speed,
    "pieces": pieces,
    "quantity": quantity,
    "bound": bound,
    "symbol": SYMBOLS.__getitem__,
    "word": lambda value: WORDS.get(value, str(value)),
}
