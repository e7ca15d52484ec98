"""Two machines of one name: inventories, metrics and the console can't tell them apart."""

from collections import defaultdict
from collections.abc import Iterator

from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.plan import unknown


def _find(situation: Situation) -> Iterator[Met]:
    by_name = defaultdict(list)
    for node in situation.nodes:
        if not node.stays:
            continue
        if node.hostname:
            by_name[node.hostname.lower()].append(node.address)
        elif not unknown(node.resource, "tags"):
            yield Met(
                address=node.address,
                message="it has no hostname of its own; the API makes one up (AWS: no tag Name)",
                remedy="set hostname, so that the machine is found by the name you know",
                severity=Severity.WARNING,
            )
    for name, addresses in by_name.items():
        if len(addresses) > 1:
            yield Met(
                address=addresses[1],
                message=f"{len(addresses)} machines are named {name}: {', '.join(addresses)}",
                remedy="give every machine a name of its own",
            )


SAME_HOSTNAME = Rule(
    id="NR-NET-004",
    name="same-hostname",
    summary="Every machine has a name of its own",
    severity=Severity.ERROR,
    find=_find,
)
