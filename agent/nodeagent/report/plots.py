"""Plots of the runs: static SVG made by Vega-Lite, which the `[report]` extra brings (vl-convert).

One plot a figure: a dot a run, the confidence interval as a band, the median as a line through it, the target dashed,
the ceiling dotted where it is near enough to share the axis. The SVG goes inline into the page: its text stays text,
its colours are those of the page (`currentColor` and the page's own classes of colour), it carries aria labels, and it
loads nothing. A host without the extra gets the same report with a line that says so.

Vega-Lite was measured against matplotlib on one plot: 84 MB installed against 169 MB, 0.49 s against 0.79 s for the
first plot and 18 ms against 32 ms for each further one, 7.2 KB against 11.4 KB of SVG (docs/report.md).
"""

from collections.abc import Callable
from typing import Any

from nodeagent.bench.quantity import bound, quantity
from nodeagent.model.judgement import Interval
from nodeagent.model.measurement import Unit
from nodeagent.report.document import BenchmarkRow

Draw = Callable[[dict[str, Any]], str]
"""A Vega-Lite specification in, SVG out."""

LEFT_OUT = "plots are left out: vl-convert is not installed (pip install 'nodeagent[report]')"

_INK = "currentColor"
_ACCENT = "var(--plot)"
_LIMIT = "var(--limit)"
_WIDTH = 390
_NEAR = 1.5
"""A ceiling further from the values than this factor would press them together; the text names it instead."""


def load_draw() -> Draw | None:
    """The renderer, or None where the extra is not installed."""
    try:
        import vl_convert
    except ImportError:
        return None
    return vl_convert.vegalite_to_svg


def plot(row: BenchmarkRow, draw: Draw) -> str:
    """The SVG of one figure; "" for a single run, which is no picture."""
    return draw(specification(row)) if len(row.values) > 1 else ""


def describe(row: BenchmarkRow) -> str:
    """The same in words, for who cannot see it."""
    runs = ", ".join(quantity(value, row.metric) for value in row.values)
    target = f"; target {bound(row.target.bound, row.metric)}" if row.target else ""
    return f"{len(row.values)} runs of {row.metric.name}: {runs}{target}"


def specification(row: BenchmarkRow) -> dict[str, Any]:
    """The plot as a Vega-Lite document."""
    layers = [*_limits(row), _dots(row)]
    if row.interval:
        layers.insert(0, _band(row, row.interval))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "description": describe(row),
        "width": _WIDTH,
        "height": 150,
        "background": None,
        "config": _CONFIG,
        "layer": layers,
    }


_CONFIG: dict[str, Any] = {
    "font": "inherit",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _INK,
        "titleColor": _INK,
        "domainColor": _INK,
        "tickColor": _INK,
        "gridColor": _INK,
        "gridOpacity": 0.12,
        "domainOpacity": 0.4,
        "tickOpacity": 0.4,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "tickCount": 4,
    },
}


def _limits(row: BenchmarkRow) -> list[dict[str, Any]]:
    limits = []
    if row.target:
        limits.append(_rule(row, row.target.bound, f"target {bound(row.target.bound, row.metric)}", [6, 4]))
    if row.ceiling is not None and max(row.values) * _NEAR >= row.ceiling:
        limits.append(_rule(row, row.ceiling, f"ceiling {quantity(row.ceiling, row.metric)}", [1, 4]))
    return limits


def _factor(row: BenchmarkRow) -> float:
    return 8.0 if _in_bits(row) else 1.0


def _in_bits(row: BenchmarkRow) -> bool:
    """As bench.quantity has it: links are sold in bits."""
    return row.metric.unit is Unit.BYTES_PER_SECOND and row.metric.name.startswith("net.")


def _label_expression(row: BenchmarkRow) -> str:
    """Axis labels with SI prefixes as `quantity` writes them."""
    match row.metric.unit:
        case Unit.RATIO:
            return "format(datum.value * 100, '~r') + ' %'"
        case Unit.SECONDS:
            suffix = "s"
        case Unit.BYTES_PER_SECOND:
            suffix = "bit/s" if _in_bits(row) else "B/s"
        case _:
            suffix = ""
    return f"replace(format(datum.value, '~s'), /([a-zA-Zµ]?)$/, ' $1') + '{suffix}'"


def _value_axis(row: BenchmarkRow) -> dict[str, Any]:
    title = "IOPS" if row.metric.unit is Unit.IOPS else None
    return {
        "type": "quantitative",
        "scale": {"zero": False, "padding": 12},
        "axis": {"title": title, "labelExpr": _label_expression(row)},
    }


def _dots(row: BenchmarkRow) -> dict[str, Any]:
    values = [{"run": number, "value": value * _factor(row)} for number, value in enumerate(row.values, start=1)]
    return {
        "data": {"values": values},
        "mark": {"type": "point", "filled": True, "size": 55, "color": _ACCENT, "opacity": 1},
        "encoding": {
            "x": {"field": "run", "type": "ordinal", "axis": {"title": "run", "labelAngle": 0, "labelOverlap": True}},
            "y": {"field": "value", **_value_axis(row)},
        },
    }


def _band(row: BenchmarkRow, interval: Interval) -> dict[str, Any]:
    factor = _factor(row)
    values = [{"low": interval.low * factor, "high": interval.high * factor, "median": interval.median * factor}]
    axis = _value_axis(row)
    return {
        "data": {"values": values},
        "layer": [
            {
                "mark": {"type": "rect", "color": _ACCENT, "opacity": 0.18},
                "encoding": {"y": {"field": "low", **axis}, "y2": {"field": "high"}},
            },
            {
                "mark": {"type": "rule", "color": _ACCENT, "strokeWidth": 1.5},
                "encoding": {"y": {"field": "median", **axis}},
            },
        ],
    }


def _rule(row: BenchmarkRow, value: float, label: str, dash: list[int]) -> dict[str, Any]:
    return {
        "data": {"values": [{"limit": value * _factor(row), "label": label}]},
        "encoding": {"y": {"field": "limit", **_value_axis(row)}},
        "layer": [
            {"mark": {"type": "rule", "color": _LIMIT, "strokeDash": dash, "strokeWidth": 1.5}},
            {
                "mark": {
                    "type": "text",
                    "align": "right",
                    "baseline": "bottom",
                    "dx": -4,
                    "dy": -3,
                    "fontSize": 12,
                    "color": _LIMIT,
                },
                "encoding": {"text": {"field": "label"}, "x": {"value": _WIDTH}},
            },
        ],
    }
