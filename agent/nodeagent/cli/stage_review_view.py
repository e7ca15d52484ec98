"""A review in text: the bill, what is built, what was found, and the decision last."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TextIO

from nodeagent.cli.output import Symbol, Terminal, Tone, print_json, table
from nodeagent.model.errors import ExitCode
from nodeagent.model.units import counted
from nodeagent.readiness.review import junit, sarif
from nodeagent.readiness.review.cost import Line
from nodeagent.readiness.review.document import as_document
from nodeagent.readiness.review.finding import Finding, Severity
from nodeagent.readiness.review.money import shown
from nodeagent.readiness.review.plan import Fate
from nodeagent.readiness.review.review import Decision, Review

_MARKS: dict[Fate, tuple[Symbol | str, Tone | None]] = {
    Fate.CREATE: (Symbol.CREATE, Tone.GOOD),
    Fate.UPDATE: (Symbol.CHANGE, Tone.WARN),
    Fate.REPLACE: (Symbol.REPLACE, Tone.BAD),
    Fate.DELETE: (Symbol.REMOVE, Tone.BAD),
    Fate.FORGET: (Symbol.REMOVE, Tone.WARN),
    Fate.KEEP: (" ", None),
}
_SEVERITIES = {
    Severity.ERROR: (Symbol.FAIL, Tone.BAD),
    Severity.WARNING: (Symbol.REBOOT, Tone.WARN),
    Severity.NOTE: (Symbol.UNSURE, Tone.FAINT),
}


def write(review: Review, terminal: Terminal, *, form: str, plan_file: str, stdout: TextIO) -> ExitCode:
    """Render in one of text, json, sarif, junit; the decision is the exit code."""
    match form:
        case "json":
            print_json(as_document(review), kind="plan-review", stream=stdout)
        case "sarif":
            stdout.write(sarif.render(review, plan_file=plan_file))
        case "junit":
            stdout.write(junit.render(review))
        case _:
            stdout.writelines(f"{line}\n" for line in _lines(review, terminal))
    return ExitCode.OK if review.decision is Decision.GO else ExitCode.TARGET_MISSED


def _lines(review: Review, terminal: Terminal) -> Iterator[str]:
    yield terminal.style("Cost", Tone.STRONG) + terminal.style(f"  EUR a month, {_terms(review)}", Tone.FAINT)
    rows = [_row(line, terminal) for line in review.estimate.lines]
    yield table([*rows, _total(review)])
    yield ""
    yield terminal.style("Topology", Tone.STRONG)
    yield from _topology(review)
    yield ""
    if review.findings:
        yield terminal.style("Findings", Tone.STRONG)
        for alike in _alike(review.findings):
            yield from _findings(alike, terminal)
        yield ""
    yield _summary(review, terminal)


def _terms(review: Review) -> str:
    rates = review.estimate.rates
    tax = f"with {rates.vat_percent} % VAT" if rates.with_vat else "without VAT"
    dated = f" of {review.prices_as_of}" if review.prices_as_of else ""
    runs = review.estimate.usage
    lives = f"; AWS: {runs.runs_per_month} runs of {runs.hours_per_run} h" if runs.runs_per_month else ""
    return f"{tax}; {review.prices}{dated}; 1 EUR = {rates.usd_per_eur} USD{lives}"


def _row(line: Line, terminal: Terminal) -> tuple[str, ...]:
    symbol, tone = _MARKS[line.fate]
    mark = terminal.symbol(symbol) if isinstance(symbol, Symbol) else symbol
    price = line.unit_price
    told = f"{price.money.amount} {price.money.currency} x {line.quantity:.4g} ({price.unit.value})" if price else "?"
    change = "?" if line.before_eur is None or line.after_eur is None else line.after_eur - line.before_eur
    return (
        f"  {terminal.style(mark, tone) if tone else mark}",
        line.address,
        line.item,
        line.region or "-",
        told,
        "?" if line.after_eur is None else shown(line.after_eur),
        change if isinstance(change, str) else shown(change, signed=True),
        f"({line.note})" if line.note else "",
    )


def _total(review: Review) -> tuple[str, ...]:
    bill = review.estimate
    least = "at least " if bill.unknown else ""
    return ("", "total", "", "", "", f"{least}{shown(bill.after_eur)}", shown(bill.delta_eur, signed=True), "")


def _topology(review: Review) -> Iterator[str]:
    there = review.topology
    if not there.roles:
        yield "  no machine is left"
        return
    counted = ", ".join(f"{count} {role}" for role, count in there.roles.items())
    where = ", ".join(there.regions) or "region known after apply"
    networks = ", ".join(there.private_networks) or "known after apply"
    yield f"  {counted} in {where}; private network {networks}, MTU {there.mtu}"


def _alike(findings: Sequence[Finding]) -> Iterator[tuple[Finding, ...]]:
    """Findings that differ in nothing but their place, together: a hundred servers may have one fault."""
    for _, group in groupby(findings, key=lambda one: replace(one, address="", file="", line=None)):
        yield tuple(group)


def _findings(alike: Sequence[Finding], terminal: Terminal) -> Iterator[str]:
    finding = alike[0]
    symbol, tone = (Symbol.OK, Tone.FAINT) if finding.accepted else _SEVERITIES[finding.severity]
    head = terminal.style(f"{terminal.symbol(symbol)} {finding.severity.value}", tone)
    accepted = " (accepted)" if finding.accepted else ""
    places = [_place(one) for one in alike if _place(one)]
    before = f" {places[0]}:" if len(places) == 1 else ""
    yield f"  {head}{before} {finding.message} [{finding.id}]{accepted}"
    if len(places) > 1:
        yield from (f"      {place}" for place in places)
    if not finding.accepted:
        yield terminal.style(f"      do: {finding.remedy}", Tone.FAINT)


def _place(finding: Finding) -> str:
    file = f"{finding.file}:{finding.line}" if finding.file and finding.line else finding.file
    return " ".join(part for part in (finding.address, file) if part)


def _summary(review: Review, terminal: Terminal) -> str:
    go = review.decision is Decision.GO
    symbol, tone = (Symbol.OK, Tone.GOOD) if go else (Symbol.FAIL, Tone.BAD)
    counts = [
        counted(count, severity.value)
        for severity in (Severity.ERROR, Severity.WARNING)
        if (count := len(review.counting(severity)))
    ]
    bill = f"{shown(review.estimate.after_eur)} of {shown(review.budget_eur)} EUR a month"
    free = "" if review.stage.billed else ", applying it buys nothing"
    told = ", ".join([*counts, f"{bill}{free}"])
    return f"{terminal.style(f'{terminal.symbol(symbol)} {review.decision}', tone)}: stage {review.stage.name}, {told}."
