"""More calls at once than the API takes: 4 requests a second from one address, the rest is answered with 429.

Provider 1.5.3 doesn't try again, so an apply with Terraform's ten at once can fail half-way, with servers that are
billed and in no state. One call after another stays below the limit, as each takes longer than a quarter of a second.
"""

from collections.abc import Iterator
from math import ceil

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import Fate

TERRAFORMS_OWN = 10
LIMIT = 1
REQUESTS_PER_SECOND = 4
_REQUESTS = {Fate.CREATE: 6, Fate.REPLACE: 7, Fate.UPDATE: 4, Fate.DELETE: 1}
"""Calls that the apply of a saved plan makes for a server, without those that wait until it is deployed."""


def _find(situation: Situation) -> Iterator[Met]:
    servers = situation.plan.managed("cherryservers_server")
    busy = [resource for resource in servers if resource.change.fate not in (Fate.KEEP, Fate.FORGET)]
    at_once = min(situation.parallelism or TERRAFORMS_OWN, len(busy))
    if at_once <= LIMIT:
        return
    calls = sum(_REQUESTS.get(resource.change.fate, 0) for resource in servers)
    seconds = ceil(calls / REQUESTS_PER_SECOND)
    yield Met(
        address="",
        message=f"{at_once} servers at once; their {calls} calls take at least {seconds} s at {REQUESTS_PER_SECOND} a "
        "second, and the API answers more with 429"
        + ("" if situation.parallelism else f" (Terraform's own parallelism is {TERRAFORMS_OWN})"),
        remedy=f"terraform apply -parallelism={LIMIT}, and tell the review: --parallelism {LIMIT}",
        severity=Severity.ERROR if situation.parallelism and situation.stage.strict else None,
    )


PARALLELISM = Rule(
    id="NR-POLICY-008",
    name="parallelism",
    summary="One server is changed after another",
    severity=Severity.WARNING,
    find=_find,
)
