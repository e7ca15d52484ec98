"""From a plan to a decision: one typed document, which text, JSON, SARIF and JUnit render."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from nodeagent.model.errors import UsageError
from nodeagent.readiness.review.cost import Estimate, Tariff, Usage, estimate, usage_of
from nodeagent.readiness.review.finding import Finding, Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import nodes_of
from nodeagent.readiness.review.plan import Plan
from nodeagent.readiness.review.rules import RULES
from nodeagent.readiness.review.stage import Stage
from nodeagent.readiness.review.topology import Topology, topology_of
from nodeagent.readiness.review.workspace import Workspace

_ORDER = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


class Decision(StrEnum):
    """May this plan be applied?"""

    GO = "GO"
    NO_GO = "NO-GO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of a plan. `accepted` are ids, or `ID@ADDRESS` for one resource, that no longer decide."""

    plan: Plan
    stage: Stage
    tariff: Tariff
    today: date
    workspace: Workspace
    budget_eur: Decimal | None = None
    runs_per_month: int | None = None
    hours_per_run: int | None = None
    parallelism: int | None = None
    accepted: Sequence[str] = ()
    foreign: Sequence[Finding] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The answer with its evidence. `findings` come with the gravest first, otherwise in the order of RULES."""

    decision: Decision
    stage: Stage
    plan_made: str
    terraform_version: str
    prices: str
    prices_as_of: str
    budget_eur: Decimal
    estimate: Estimate
    topology: Topology
    findings: tuple[Finding, ...]

    def counting(self, severity: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity is severity and not finding.accepted)


def review(question: Question) -> Review:
    """Hold the plan against every rule; UsageError for an accepted id that no rule has."""
    _check_accepted(question)
    situation = _situation(question)
    told = [*(finding for rule in RULES for finding in _findings(rule, situation)), *question.foreign]
    findings = sorted((_cleaned(_accepted(one, question)) for one in told), key=lambda one: _ORDER.index(one.severity))
    lost = any(one.severity is Severity.ERROR and not one.accepted for one in findings)
    prices = question.tariff.cherry
    return Review(
        decision=Decision.NO_GO if lost else Decision.GO,
        stage=question.stage,
        plan_made=_printable(question.plan.timestamp),
        terraform_version=_printable(question.plan.terraform_version),
        prices=prices.name,
        prices_as_of=prices.dated.isoformat() if prices.dated else "",
        budget_eur=situation.budget_eur,
        estimate=_printable_estimate(situation.estimate),
        topology=_printable_topology(topology_of(situation)),
        findings=tuple(findings),
    )


def _situation(question: Question) -> Situation:
    nodes = nodes_of(question.plan)
    planned = usage_of(question.stage, question.plan)
    usage = Usage(
        runs_per_month=question.runs_per_month or planned.runs_per_month,
        hours_per_run=question.hours_per_run or planned.hours_per_run,
    )
    budget = question.budget_eur
    if budget is None:
        budget = question.stage.budget.in_eur(usd_per_eur=question.tariff.rates.usd_per_eur)
    return Situation(
        plan=question.plan,
        nodes=nodes,
        stage=question.stage,
        estimate=estimate(question.plan, nodes, question.tariff, usage=usage),
        tariff=question.tariff,
        budget_eur=budget,
        workspace=question.workspace,
        today=question.today,
        parallelism=question.parallelism,
    )


def _findings(rule: Rule, situation: Situation) -> Iterator[Finding]:
    for met in rule.find(situation):
        yield _finding(rule, met, situation.stage)


def _finding(rule: Rule, met: Met, stage: Stage) -> Finding:
    return Finding(
        id=rule.id,
        name=rule.name,
        severity=met.severity or rule.weight(stage),
        address=met.address,
        message=met.message,
        remedy=met.remedy,
    )


def _check_accepted(question: Question) -> None:
    known = {rule.id for rule in RULES} | {finding.id for finding in question.foreign}
    for accepted in question.accepted:
        if accepted.partition("@")[0] not in known:
            raise UsageError(
                f"--accept {accepted}: no rule has this id",
                remedy="take the id from the review, as ID or ID@ADDRESS",
            )


def _accepted(finding: Finding, question: Question) -> Finding:
    names = {finding.id, f"{finding.id}@{finding.address}"}
    return replace(finding, accepted=True) if names & set(question.accepted) else finding


def _cleaned(finding: Finding) -> Finding:
    return replace(
        finding,
        id=_printable(finding.id),
        name=_printable(finding.name),
        address=_printable(finding.address),
        message=_printable(finding.message),
        remedy=_printable(finding.remedy),
        file=_printable(finding.file),
    )


def _printable_estimate(given: Estimate) -> Estimate:
    lines = (
        replace(line, address=_printable(line.address), item=_printable(line.item), region=_printable(line.region))
        for line in given.lines
    )
    return replace(given, lines=tuple(lines))


def _printable_topology(given: Topology) -> Topology:
    return Topology(
        roles={_printable(role): count for role, count in given.roles.items()},
        regions=tuple(map(_printable, given.regions)),
        hostnames=tuple(map(_printable, given.hostnames)),
        private_networks=tuple(map(_printable, given.private_networks)),
        mtu=_printable(given.mtu),
    )


def _printable(text: str) -> str:
    """A plan may hold any text; a control character would command a terminal and break XML."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
