"""A `check` of the configuration that doesn't hold. Terraform warns and goes on; production shouldn't."""

from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Check

_BROKEN = ("fail", "error")


def _find(situation: Situation) -> Iterator[Met]:
    for check in situation.plan.checks:
        told = list(_broken(check))
        yield from told
        if not told and check.status in _BROKEN:
            yield _met(check.address.to_display, "its condition doesn't hold")


def _broken(check: Check) -> Iterator[Met]:
    for instance in check.instances or ():
        if instance.status in _BROKEN:
            messages = [problem.message for problem in instance.problems] or ["its condition doesn't hold"]
            yield from (_met(instance.address.to_display or check.address.to_display, text) for text in messages)


def _met(address: str, message: str) -> Met:
    return Met(address=address, message=message, remedy="mend the cause; the condition stands in the configuration")


FAILED_CHECK = Rule(
    id="NR-PLAN-002",
    name="failed-check",
    summary="Every check, precondition and postcondition holds",
    severity=Severity.WARNING,
    in_production=Severity.ERROR,
    find=_find,
)
