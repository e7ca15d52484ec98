"""Every format: the golden text, what reads it back, and what a hostile host cannot do to it."""

import importlib
import json as stdlib_json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from markdown_it import MarkdownIt

from nodeagent.model.errors import NodeagentError
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.report import html, json, junit, markdown, plots
from nodeagent.report.compose import make_document
from nodeagent.report.document import Decision, Document, GateOutcome
from tests.unit.report.golden import FIXTURES, assert_golden
from tests.unit.report.sample import JUDGEMENTS, evidence, facts, good_evidence, judged

NO_GO = make_document(evidence())
GO = make_document(good_evidence())
SCHEMA = Path(__file__).parents[3] / "profiles" / "schema" / "report.schema.json"
VOID = {"meta", "link", "br", "wbr", "img", "hr", "input"}


def html_without_plots(document: Document) -> str:
    return html.render(document, draw=None)


RENDERERS: dict[str, Callable[[Document], str]] = {
    "html": html_without_plots,
    "md": markdown.render,
    "json": json.render,
    "xml": junit.render,
}


@pytest.mark.parametrize("suffix", RENDERERS)
@pytest.mark.parametrize(("name", "document"), [("no-go", NO_GO), ("go", GO)])
def test_each_format_is_what_it_was(name: str, document: Document, suffix: str) -> None:
    assert_golden(FIXTURES / f"{name}.{suffix}", RENDERERS[suffix](document))


def test_json_reads_back_as_the_same_document() -> None:
    assert json.parse(json.render(NO_GO)) == NO_GO


def test_the_checked_in_schema_is_the_generated_one() -> None:
    assert_golden(SCHEMA, stdlib_json.dumps(json.schema(), indent=2) + "\n")


@pytest.mark.parametrize("document", [NO_GO, GO])
def test_json_fits_its_schema(document: Document) -> None:
    jsonschema = importlib.import_module("jsonschema")
    jsonschema.Draft202012Validator(json.schema()).validate(stdlib_json.loads(json.render(document)))


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda body: body.pop("kind"), "kind"),
        (lambda body: body.update(schema_version=99), "version 99"),
        (lambda body: body.pop("gates"), "gates"),
        (lambda body: body.update(extra=1), "extra"),
        (lambda body: body["header"].update(created_at="today"), "header.created_at"),
        (lambda body: body["gates"][0].update(surprise=True), "surprise"),
    ],
)
def test_half_a_report_is_not_taken_for_a_whole_one(damage: Callable[[dict[str, Any]], object], told: str) -> None:
    body = stdlib_json.loads(json.render(NO_GO))
    damage(body)
    with pytest.raises(NodeagentError, match=told):
        json.parse(stdlib_json.dumps(body))


@pytest.mark.parametrize("text", ["", "[]", "{", "null", "\x00"])
def test_what_is_no_json_is_no_report(text: str) -> None:
    with pytest.raises(NodeagentError, match="not a report"):
        json.parse(text)


def test_junit_counts_as_its_cases_stand() -> None:
    xml = JUnitXml.fromstring(junit.render(NO_GO).encode())
    cases = [case for suite in xml for case in suite]
    assert len(cases) == len(NO_GO.gates)
    assert sum(case.is_failure for case in cases) == len(NO_GO.gates_with(GateOutcome.FAIL)) == xml.failures
    assert sum(case.is_skipped for case in cases) == len(NO_GO.gates_with(GateOutcome.OPEN)) == xml.skipped
    assert len({case.name for case in cases}) == len(cases)


def test_markdown_is_short_enough_for_a_ticket_and_its_tables_are_whole() -> None:
    text = markdown.render(NO_GO)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    assert len(text.splitlines()) <= 80
    assert sum(token.type == "table_open" for token in tokens) == 4
    assert not any(token.type == "html_block" for token in tokens)


class Page(HTMLParser):
    """The elements of a page, checked to be closed in order, and every address in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "data", "action", "srcset"} or name.startswith("on"):
                self.addresses.append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def parsed(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


def drawn(document: Document) -> str:
    draw = plots.load_draw()
    assert draw is not None
    return html.render(document, draw=draw)


@pytest.mark.parametrize("text", [html_without_plots(GO), html_without_plots(NO_GO), drawn(NO_GO)])
def test_the_page_is_whole_and_reaches_for_nothing(text: str) -> None:
    page = parsed(text)
    assert page.addresses == ["data:,"]
    assert len(set(page.ids)) == len(page.ids)
    assert "url(" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_the_page_carries_the_whole_document() -> None:
    block = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', html_without_plots(NO_GO), re.DOTALL)
    assert block is not None
    assert json.parse(block[1]) == NO_GO


def test_the_page_with_every_plot_stays_below_400_kilobytes() -> None:
    many = tuple(
        judged(judgement.metric, f"role-{number}", tuple(1e5 + number * n for n in range(1, 11)), 1e5)
        for number in range(8)
        for judgement in JUDGEMENTS[:5]
    )
    text = drawn(make_document(replace(good_evidence(), judgements=many)))
    assert 15 <= text.count("<svg") < 40
    assert "plots of some figures are left out" in text
    assert len(text.encode()) < 400_000


def test_plots_are_the_same_every_time_and_follow_the_colours_of_the_page() -> None:
    text = drawn(NO_GO)
    assert text == drawn(NO_GO)
    assert text.count("<svg") == sum(len(row.values) > 1 and row.metric.gate for row in NO_GO.benchmarks) == 5
    assert "currentColor" in text


def test_a_host_without_the_extra_says_that_plots_are_left_out() -> None:
    assert plots.LEFT_OUT.replace("'", "&#39;") in html_without_plots(NO_GO)


def test_no_meaning_is_carried_by_colour_alone() -> None:
    """Every coloured mark holds a word beside its symbol."""
    text = html_without_plots(NO_GO)
    marks = re.findall(r'<span class="mark [a-z]+"><span aria-hidden="true">.</span> ([a-z -]+)</span>', text)
    assert text.count('class="mark ') == len(marks) + text.count("✗ reduced")
    assert {"fail", "open", "pass", "drift", "as wanted", "inconclusive", "not-measured"} <= set(marks)


HOSTILE = "</script><script>alert(1)</script>|`x`\n\x00\x1b[2J\udcff\u202e & \"' {{ 7*7 }} "


def hostile_document(text: str) -> Document:
    finding = Finding(subject=text, state=State.DRIFT, got=text, wanted=text, remedy=text, why=text, source=text)
    platform = replace(facts().platform, hostname=text, boot_id=text)
    judgement = replace(JUDGEMENTS[1], reason=text, place=replace(JUDGEMENTS[1].place, role=text, identity=text))
    return make_document(
        replace(
            evidence(),
            verdicts=(Verdict(tunable="sysctl", findings=(finding,)),),
            facts=replace(facts(), platform=platform, problems=(text,)),
            judgements=(judgement,),
            tools={"fio": text},
        )
    )


def test_a_hostile_host_cannot_write_into_its_report() -> None:
    text = html_without_plots(hostile_document(HOSTILE))
    page = parsed(text)
    assert page.tags.count("script") == 1
    assert "49" not in re.sub(r"c0ffee|\d{5,}", "", text.split("<body>")[1].split("NO-GO")[1][:500])
    assert "\x1b" not in text
    assert "\x00" not in text


@settings(max_examples=60)
@given(text=st.text(alphabet=st.characters(), max_size=60))
def test_no_text_of_a_host_breaks_a_rendering(text: str) -> None:
    document = hostile_document(text)
    for render in RENDERERS.values():
        render(document).encode("utf-8")
    parsed(html_without_plots(document))
    assert JUnitXml.fromstring(junit.render(document).encode()).failures == 2
    assert json.parse(json.render(document)) == document
    table = MarkdownIt("commonmark").enable("table").parse(markdown.render(document))
    assert not any(token.type in {"html_block", "html_inline"} for token in table)
    assert document.decision is Decision.NO_GO
