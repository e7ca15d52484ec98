"""A measured value as people write it: `412 k IOPS`, `85 µs`, `23.5 Gbit/s`, `0.02 %`."""

from nodeagent.model.measurement import Direction, Metric, Unit
from nodeagent.model.units import format_bit_rate, format_count, format_duration, format_rate

SIGNS = {Direction.HIGHER: ">=", Direction.LOWER: "<="}
"""How a bound is written."""


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


def bound(value: float, metric: Metric) -> str:
    """A target as it is written beside a value: `>= 300 k IOPS`."""
    return f"{SIGNS[metric.direction]} {quantity(value, metric)}"
