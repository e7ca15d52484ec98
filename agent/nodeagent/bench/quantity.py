"""A measured value as people write it: `412 k IOPS`, `85 µs`, `23.5 Gbit/s`, `0.02 %`."""

from math import floor, isfinite, log10

from nodeagent.model.measurement import Direction, Metric, Unit
from nodeagent.model.units import format_bit_rate, format_count, format_duration, format_rate

SIGNS = {Direction.HIGHER: ">=", Direction.LOWER: "<="}
"""How a bound is written."""

_SCALES = {
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "%": 1.0,
    "ns": 1e-9,
    "µs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
}


def quantity(value: float, metric: Metric) -> str:
    """With unit. Throughput of a network (`net.` metrics) is in bits, as links are sold."""
    match metric.unit:
        case Unit.IOPS:
            return f"{format_count(value)} IOPS"
        case Unit.BYTES_PER_SECOND:
            return format_bit_rate(value) if metric.name.startswith("net.") else format_rate(value)
        case Unit.SECONDS:
            return format_duration(value)
        case Unit.RATIO:
            return f"{value * 100:.3g} %"
        case Unit.COUNT:
            return format_count(value)


def on_scale_of(value: float, like: float, metric: Metric) -> str:
    """`value` without a unit, in the one that `like` is written with: 1.33e9 on the scale of `828 MB/s` is `1330`."""
    _, _, unit = quantity(like, metric).partition(" ")
    scale = _SCALES.get(unit.removesuffix("IOPS").removesuffix("B/s").removesuffix("bit/s").strip())
    if scale is None:
        return quantity(value, metric)
    base = value * 8 if unit.endswith("bit/s") else value * 100 if metric.unit is Unit.RATIO else value
    return _three_digits(base / scale)


def _three_digits(value: float) -> str:
    magnitude = floor(log10(abs(value))) if value and isfinite(value) else 0
    text = f"{value:.{max(0, 2 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def bound(value: float, metric: Metric) -> str:
    """A target as it is written beside a value: `>= 300 k IOPS`."""
    return f"{SIGNS[metric.direction]} {quantity(value, metric)}"
