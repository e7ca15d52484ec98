"""Rules and what they find: each rule is data with a stable id and a page in docs/findings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from nodeagent.readiness.review.cost import Estimate, Tariff
from nodeagent.readiness.review.node import Node
from nodeagent.readiness.review.plan import Plan
from nodeagent.readiness.review.stage import Stage
from nodeagent.readiness.review.workspace import Workspace


class Severity(StrEnum):
    """An error is a no-go; a warning is told; a note only explains."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that a rule may look at. `budget_eur` is what a month may cost; `parallelism` None means Terraform's own."""

    plan: Plan
    nodes: tuple[Node, ...]
    stage: Stage
    estimate: Estimate
    tariff: Tariff
    budget_eur: Decimal
    workspace: Workspace
    today: date
    parallelism: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One case of a rule: where, what is the matter, what to do. `severity` stands over the rule's own."""

    address: str
    message: str
    remedy: str
    severity: Severity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`find` is pure. `in_production` is how much it weighs where the stage is strict, if not as elsewhere."""

    id: str
    name: str
    summary: str
    severity: Severity
    find: Callable[[Situation], Iterable[Met]]
    in_production: Severity | None = None

    def weight(self, stage: Stage) -> Severity:
        return self.in_production if stage.strict and self.in_production else self.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a review tells. `accepted` findings were named by the reviewer: shown, and no longer decisive."""

    id: str
    name: str
    severity: Severity
    address: str
    message: str
    remedy: str
    accepted: bool = False
    file: str = ""
    line: int | None = None
