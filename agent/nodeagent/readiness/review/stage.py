"""The four stages: what each may cost, whom it pays, and which machines it needs.

The budgets are those of the staged approach (docs/plan-review.md), dollars a month. Stages local and vm buy nothing:
local never applies its plan and vm applies it to cherrylab, so their estimates rehearse production's and are held
against its budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from nodeagent.model.errors import UsageError
from nodeagent.readiness.review.money import Currency, Money

CONTROL_PLANE = "control-plane"
VALIDATOR = "validator"
ROLES = (CONTROL_PLANE, VALIDATOR)

_PRODUCTION_BUDGET = Money(amount=Decimal(5500), currency=Currency.USD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """`billed` says whether applying the plan costs money; `strict` that what is unknown counts against it.

    `counts` is how many machines of each role there must be; `at_least` reads them as lower bounds.
    `runs_per_month` and `hours_per_run` are for machines that live only while a test runs; 0 for those that stay.
    """

    name: str
    budget: Money
    billed: bool
    strict: bool
    counts: Mapping[str, int]
    at_least: bool = False
    runs_per_month: int = 0
    hours_per_run: int = 0


STAGES = (
    Stage(
        name="local",
        budget=_PRODUCTION_BUDGET,
        billed=False,
        strict=False,
        counts={CONTROL_PLANE: 3, VALIDATOR: 1},
    ),
    Stage(
        name="vm",
        budget=_PRODUCTION_BUDGET,
        billed=False,
        strict=False,
        counts={CONTROL_PLANE: 1, VALIDATOR: 1},
        at_least=True,
    ),
    Stage(
        name="staging",
        budget=Money(amount=Decimal(500), currency=Currency.USD),
        billed=True,
        strict=False,
        counts={VALIDATOR: 1},
        at_least=True,
        runs_per_month=8,
        hours_per_run=4,
    ),
    Stage(
        name="production",
        budget=_PRODUCTION_BUDGET,
        billed=True,
        strict=True,
        counts={CONTROL_PLANE: 3, VALIDATOR: 1},
    ),
)


def stage_of(name: str) -> Stage:
    """The stage of this name; UsageError with those there are."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise UsageError(f"unknown stage {name!r}", remedy=f"choose one of {', '.join(stage.name for stage in STAGES)}")
