"""One nftables table as the kernel has it: its text, and whether it is still what was sealed.

`nft -s list table` gives the text that would make the table again, `nft -j` its shape. The seal (model/firewall_change)
is computed anew from the shape: a rule taken out, put in, moved or replaced, another policy, another address in a fixed
set all break it. The text of each rule is held against the digest in its comment, so that a rule that was replaced and
kept its comment is told too. What the kernel counts and what dynamic sets learned is no part of it.

Sources: nft(8), libnftables-json(5).
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

from nodeagent.host.firewall_rule import rule_text
from nodeagent.host.process import run
from nodeagent.host.process_program import find_program, install_remedy
from nodeagent.model.command import Command, Completed
from nodeagent.model.firewall_change import (
    ORIGIN,
    FirewallReading,
    FirewallTable,
    address_ranges,
    chain_line,
    rule_comment,
    seal,
    set_line,
)

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_SECONDS = 20.0
_KNOWN = frozenset({"metainfo", "table", "chain", "set", "rule"})


def read_table(host: "Host", family: str, name: str) -> FirewallReading:
    """The table, or why it can't be told; a captured tree knows what its index notes."""
    if not host.is_live:
        return _noted(host, family, name)
    if find_program("nft") is None:
        return FirewallReading(problem=f"nft is not installed: {install_remedy('nft')}")
    shape = nft("-j", "list", "table", family, name)
    if not shape.ok:
        said = _said(shape)
        return FirewallReading() if "No such file or directory" in said else FirewallReading(problem=said)
    listed = nft("-s", "list", "table", family, name)
    if not listed.ok:
        return FirewallReading(problem=_said(listed))
    return from_listing(listed.stdout.decode("utf-8", "surrogateescape"), shape.stdout.decode("utf-8", "replace"))


def from_listing(text: str, shape: str) -> FirewallReading:
    """A table from what `nft -s list table` and `nft -j list table` print."""
    try:
        items = [item for item in json.loads(shape)["nftables"] if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, RecursionError):
        return FirewallReading(problem="nft printed no JSON that makes sense")
    kept = without_learned(text)
    state = _intact_seal(items) or "table sha256:" + sha256(kept.encode("utf-8", "surrogateescape")).hexdigest()
    return FirewallReading(table=FirewallTable(text=kept, state=state))


def without_learned(text: str) -> str:
    """A listing without the elements that its dynamic sets learned."""
    return "".join(_kept_lines(text))


def nft(*arguments: str, script: str | None = None) -> Completed:
    """nft(8) with these arguments; what it says on stderr is never translated."""
    return run(Command(argv=("nft", *arguments), timeout_seconds=_SECONDS, input_text=script))


def _said(completed: Completed) -> str:
    said = completed.stderr.decode("utf-8", "replace").strip()
    return said.splitlines()[0][:300] if said else f"nft ended with code {completed.exit_code}"


def _noted(host: "Host", family: str, name: str) -> FirewallReading:
    noted = host.noted_firewall(f"{family} {name}")
    if noted is None:
        return FirewallReading(problem="a captured tree holds no firewall")
    if not noted:
        return FirewallReading()
    if "problem" in noted:
        return FirewallReading(problem=noted["problem"])
    return FirewallReading(table=FirewallTable(text=noted.get("text", ""), state=noted.get("state", "")))


def _kept_lines(text: str) -> Iterator[str]:
    dynamic = skipping = False
    for line in text.splitlines(keepends=True):
        words = line.split()
        if words[:1] in (["set"], ["map"]):
            dynamic = False
        if words[:1] == ["flags"]:
            dynamic = "dynamic" in line
        skipping = skipping or (dynamic and words[:2] == ["elements", "="])
        if not skipping:
            yield line
        elif line.rstrip().endswith("}"):
            skipping = False


def _intact_seal(items: list[dict[str, Any]]) -> str:
    """The seal of a table that is as it was sealed; "" for any other."""
    if any(not _KNOWN & item.keys() for item in items):
        return ""
    rules = [item["rule"] for item in items if "rule" in item]
    try:
        told = [_rule(rule) for rule in rules if rule["chain"] != ORIGIN]
        sealed = [rule["comment"] for rule in rules if rule["chain"] == ORIGIN and rule_text(rule["expr"]) == "return"]
        found = seal(
            chains=[_chain(item["chain"]) for item in items if "chain" in item],
            sets=[_set(item["set"]) for item in items if "set" in item],
            rules=told,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return ""  # something in it that we never write
    return found if [found] == sealed and len(rules) == len(told) + 1 else ""


def _rule(rule: dict[str, Any]) -> str:
    """A rule as the seal knows it; ValueError where its comment is not of its text."""
    text, comment = rule_text(rule["expr"]), rule["comment"]
    if comment != rule_comment(comment.rpartition(" ")[0], text):
        raise ValueError(f"the comment {comment!r} is not of the rule {text!r}")
    return f"{rule['chain']} {comment}"


def _chain(chain: dict[str, Any]) -> str:
    return chain_line(
        name=chain["name"],
        type=chain.get("type", ""),
        hook=chain.get("hook", ""),
        priority=chain.get("prio", 0),
        policy=chain.get("policy", ""),
    )


def _set(item: dict[str, Any]) -> str:
    told = item.get("flags", [])  # a single one may be a plain word, and only some versions tell `dynamic`
    flags = sorted({told} if isinstance(told, str) else {*told} - {"dynamic"})
    learns = "timeout" in flags
    ranges = "" if learns else address_ranges(_bounds(element) for element in item.get("elem", []))
    return set_line(
        name=item["name"],
        type=item["type"],
        flags=flags,
        size=item.get("size", 0),
        timeout_seconds=item.get("timeout", 0),
        ranges=ranges,
    )


def _bounds(element: Any) -> tuple[int, int]:
    """The first and the last address of an element, however it is written."""
    if isinstance(element, str):
        return int(ip_address(element)), int(ip_address(element))
    if "prefix" in element:
        network = ip_network(f"{element['prefix']['addr']}/{element['prefix']['len']}")
        return int(network[0]), int(network[-1])
    first, last = (ip_address(end) for end in element["range"])
    return int(first), int(last)
