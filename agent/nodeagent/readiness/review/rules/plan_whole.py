"""A plan that stopped half-way, or that defers changes to another run, is not what an apply would do."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation


def _find(situation: Situation) -> Iterator[Met]:
    if situation.plan.errored:
        yield Met(
            address="",
            message="Terraform stopped with an error while it planned, so the plan holds only a part of the changes",
            remedy="mend what `terraform plan` says, and review the new plan",
        )
    if not situation.plan.complete and not situation.plan.errored:
        yield Met(
            address="",
            message="the plan is partial (-target or deferred changes): a second plan will hold more",
            remedy="plan without -target, or review the second plan as well",
            severity=None if situation.stage.strict else Severity.WARNING,
        )


PLAN_WHOLE = Rule(
    id="NR-PLAN-001",
    name="plan-whole",
    summary="The plan holds every change that will be made",
    severity=Severity.ERROR,
    find=_find,
)
