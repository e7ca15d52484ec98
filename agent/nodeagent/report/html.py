"""The document as one HTML file: no script, no request, readable on a phone, on a desk and on paper.

The page forbids itself everything it does not need (a content security policy of `default-src 'none'`), so that opening
a report can reach nothing whatever a host put into it. Its JSON is inside, in a data block that is also what a reader
sees when the appendix is opened.
"""

import json
import re

from markupsafe import Markup, escape

from nodeagent.report import plots
from nodeagent.report.document import BenchmarkRow, Document
from nodeagent.report.json import as_dict
from nodeagent.report.templates import environment

_Key = tuple[str, str, str]

PLOT_BUDGET_BYTES = 200_000
"""Keeps the page of a large suite below 400 KB; the figures that need a look come first and get theirs."""

_TOO_MANY = "plots of some figures are left out to keep this page small; every run stands beside its figure"


def render(document: Document, *, draw: plots.Draw | None) -> str:
    """The page; without `draw` the plots are left out and the page says so."""
    drawn, left_out = _draw_all(document, draw) if draw else ({}, plots.LEFT_OUT)
    templates = environment(autoescape=True)
    templates.filters["breakable"] = _breakable
    return templates.get_template("report.html.j2").render(
        report=document,
        plot=lambda row: drawn.get(_key(row), ""),
        plots_left_out=left_out,
        data=_data_block(document),
    )


def _draw_all(document: Document, draw: plots.Draw) -> tuple[dict[_Key, Markup], str]:
    """Plots by figure, and what to say of those that found no room."""
    drawn: dict[_Key, Markup] = {}
    left = PLOT_BUDGET_BYTES
    for row in document.benchmarks:
        svg = plots.plot(row, draw) if row.metric.gate else ""
        if len(svg) > left:
            return drawn, _TOO_MANY
        left -= len(svg)
        drawn[_key(row)] = Markup(svg)
    return drawn, ""


def _key(row: BenchmarkRow) -> _Key:
    return row.benchmark, row.metric.name, f"{row.place.role}/{row.place.identity}"


def _breakable(name: str) -> Markup:
    """A long name that may be broken where its parts meet, so that a narrow column doesn't break it elsewhere."""
    return Markup(re.sub(r"([._/-])(?=\w)", r"\1<wbr>", str(escape(name))))


def _data_block(document: Document) -> Markup:
    """JSON that cannot close the element it stands in, whatever a host called its drives."""
    text = json.dumps(as_dict(document), indent=1, ensure_ascii=False, allow_nan=False)
    escaped = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    return Markup(escaped)
