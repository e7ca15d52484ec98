"""What the internet can reach and shouldn't.

At AWS that is a security group, or a rule of one, which lets everybody in, or a bucket whose public access block has a
gap. Cherry Servers has no firewall of its own and gives every server a public address, so what closes it must come with
its user data: a profile of nodeagent with the tunable `firewall`, or commands of one's own.
"""

import re
from collections.abc import Iterator

from nodeagent.readiness.review.attributes import Values, blocks, text, texts, whole_number
from nodeagent.readiness.review.finding import Met, Rule, Severity, Situation
from nodeagent.readiness.review.node import Cloud, Node
from nodeagent.readiness.review.plan import Fate, unknown
from nodeagent.readiness.review.user_data import PROFILES, files_of, profile_of

_EVERYBODY = frozenset({"0.0.0.0/0", "::/0"})
_CLOSES = re.compile(r"\b(nft|nftables|ufw|iptables-restore|iptables|firewall-cmd)\b")
_CHANGES = (Fate.CREATE, Fate.UPDATE, Fate.REPLACE)
_UNBLOCKED = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def _find(situation: Situation) -> Iterator[Met]:
    yield from _open_groups(situation)
    yield from _open_buckets(situation)
    yield from _open_servers(situation)


def _open_groups(situation: Situation) -> Iterator[Met]:
    groups = situation.plan.managed(
        "aws_security_group",
        "aws_default_security_group",
        "aws_security_group_rule",
        "aws_vpc_security_group_ingress_rule",
    )
    for resource in groups:
        values = resource.change.after or {}
        is_group = resource.type in ("aws_security_group", "aws_default_security_group")
        for rule in blocks(values, "ingress") if is_group else [values]:
            if text(rule, "type") != "egress" and _sources(rule) & _EVERYBODY:
                yield Met(
                    address=resource.address,
                    message=f"everybody may connect to {_ports(rule)}",
                    remedy="name the networks that manage the machines instead of 0.0.0.0/0 and ::/0",
                )


def _sources(rule: Values) -> set[str]:
    single = {text(rule, "cidr_ipv4"), text(rule, "cidr_ipv6")}
    return {*texts(rule, "cidr_blocks"), *texts(rule, "ipv6_cidr_blocks"), *single}


def _ports(rule: Values) -> str:
    first, last = whole_number(rule, "from_port"), whole_number(rule, "to_port")
    protocol = text(rule, "protocol") or text(rule, "ip_protocol")
    if protocol == "-1" or first is None:
        return "every port"
    return f"port {first}" if first == last else f"ports {first} to {last}"


def _open_buckets(situation: Situation) -> Iterator[Met]:
    for resource in situation.plan.managed("aws_s3_bucket_public_access_block"):
        open_doors = [name for name in _UNBLOCKED if (resource.change.after or {}).get(name) is False]
        if open_doors:
            yield Met(
                address=resource.address,
                message=f"{', '.join(open_doors)} is false: the bucket can be made public",
                remedy="set all four to true",
            )


def _open_servers(situation: Situation) -> Iterator[Met]:
    for node in situation.nodes:
        if node.cloud is not Cloud.CHERRY or node.fate not in _CHANGES or unknown(node.resource, "user_data"):
            continue
        if not _closes(node):
            yield Met(
                address=node.address,
                message="it gets a public address, and nothing in its user data sets up a firewall",
                remedy="put the tunable firewall into its profile (docs/tunables/firewall.md)",
                severity=None if situation.stage.strict else Severity.WARNING,
            )


def _closes(node: Node) -> bool:
    tune = (profile_of(node) or {}).get("tune")
    if isinstance(tune, dict) and "firewall" in tune:
        return True
    own = (file for file in files_of(node) if not file.path.startswith(PROFILES))
    return any(_CLOSES.search(file.text) for file in own)


PUBLIC_EXPOSURE = Rule(
    id="NR-NET-001",
    name="public-exposure",
    summary="Nothing is open to everybody",
    severity=Severity.ERROR,
    find=_find,
)
