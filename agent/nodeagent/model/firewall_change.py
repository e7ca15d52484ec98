"""The one change of the firewall: a whole nftables table is put in the place of another, or of none, in one step.

A table is known by its state, since the kernel prints rules in other words than they were written in. One of ours
carries a seal: the digest of its own shape (chains with their policies, fixed sets with their addresses, rules by their
comments), kept as the comment of a rule. A table whose seal fits is named by it; any other by the digest of its text.

Sources: nft(8), libnftables-json(5).
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

from nodeagent.model.change import ABSENT, Lifetime, SetState

FAMILY = "inet"
TABLE = "nodeagent"
"""The only table that is ever written; those of others are not ours to touch."""

ORIGIN = "origin"
"""The chain of ours that no packet meets: its only rule carries the seal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallTable:
    """`text` is what `nft -f` takes, `state` what names it: its seal, or a digest of its text as listed."""

    text: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FirewallReading:
    """What a look at the table told. `problem` says why it can't be told; with neither, there is no such table."""

    table: FirewallTable | None = None
    problem: str = ""

    @property
    def state(self) -> str:
        return self.table.state if self.table else ABSENT


def seal(*, chains: Iterable[str], sets: Iterable[str], rules: Iterable[str]) -> str:
    """The digest of a table's shape, of at most 128 characters: what fits the comment of a rule.

    Chains and sets in any order, each a line; rules in theirs, each its chain and its comment.
    """
    lines = [*sorted(chains), "", *sorted(sets), "", *rules]
    return "nodeagent sha256:" + sha256("\n".join(lines).encode()).hexdigest()


def rule_comment(label: str, text: str) -> str:
    """What a rule is for, and the digest of its text."""
    return f"{label} {sha256(text.encode()).hexdigest()[:12]}"


def chain_line(*, name: str, type: str = "", hook: str = "", priority: int = 0, policy: str = "") -> str:
    """One chain as the seal knows it; one that no packet meets by itself has its name only."""
    return f"{name} {type} {hook} {priority} {policy}"


def set_line(*, name: str, type: str, flags: Sequence[str], size: int, timeout_seconds: int, ranges: str) -> str:
    """One set as the seal knows it; flags sorted, `ranges` empty for a set that learns."""
    return f"{name} {type} {','.join(flags)} {size} {timeout_seconds} {ranges}"


def address_ranges(bounds: Iterable[tuple[int, int]]) -> str:
    """First and last addresses of one family, sorted and joined where they touch, so that spelling doesn't count."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(bounds):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return ",".join(f"{first:x}-{last:x}" for first, last in joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFirewallTable(SetState):
    """Put our table into the kernel, replace it or take it out; None is "no such table".

    One transaction of nf_tables: packets meet the old rules or the new ones, never none. What dynamic sets had counted
    is forgotten.
    """

    kind = "set-firewall-table"
    lifetime = Lifetime.BOOT

    before: FirewallTable | None
    after: FirewallTable | None

    def before_state(self) -> str:
        return self.before.state if self.before else ABSENT

    def after_state(self) -> str:
        return self.after.state if self.after else ABSENT

    @property
    def script(self) -> str:
        """What `nft -f -` is given: made first, so that taking out what is not there is no error."""
        head = f"add table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n"
        return head + (self.after.text if self.after else "")

    def command(self) -> str:
        return f"printf %s {shlex.quote(self.script)} | nft -f -"
