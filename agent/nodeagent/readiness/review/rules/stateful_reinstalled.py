"""A change that reinstalls a server, which Terraform shows as one in place: all drives lose their data.

The provider reinstalls for these attributes, and only where `allow_reinstall` is true; without it the apply stops with
an error after other changes are made. So both are told beforehand.

Source: documentation of the provider cherryservers/cherryservers 1.5.3, resource cherryservers_server.
"""

from collections.abc import Iterator
from shlex import quote

from nodeagent.readiness.review.attributes import flag
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud, Node
from nodeagent.readiness.review.plan import Fate, unknown

REINSTALLING = ("image", "ssh_key_ids", "user_data", "os_partition_size")


def _find(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.cloud is not Cloud.CHERRY or not node.stays:
            continue
        changed = _changed(node) if node.fate is Fate.UPDATE else []
        allowed = flag(node.values, "allow_reinstall")
        if changed:
            end = (
                "the server is reinstalled and its drives are lost"
                if allowed
                else "the apply stops half-way with an error"
            )
            yield Met(
                address=node.address,
                message=f"{', '.join(changed)} changes: {end}",
                remedy="keep it as it was, or move the data away first and name it: "
                f"--accept {quote(f'NR-POLICY-003@{node.address}')}",
            )
        elif allowed:
            yield Met(
                address=node.address,
                message="allow_reinstall is true: a later edit of image, keys or user data wipes the server",
                remedy="set allow_reinstall = false, and true only for the one apply that needs it",
                severity=None if situation.stage.strict else Severity.WARNING,
            )


def _changed(node: Node) -> list[str]:
    before, after = node.resource.change.before or {}, node.resource.change.after or {}
    return [
        key
        for key in REINSTALLING
        if unknown(node.resource, key) or _comparable(before.get(key)) != _comparable(after.get(key))
    ]


def _comparable(value: object) -> object:
    """Sets come as lists, and an empty one is as good as none."""
    return sorted(map(str, value)) or None if isinstance(value, list) else value


STATEFUL_REINSTALLED = Rule(
    id="NR-POLICY-003",
    name="stateful-reinstalled",
    summary="No server is reinstalled",
    severity=Severity.ERROR,
    find=_find,
)
