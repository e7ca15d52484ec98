"""What may go wrong on demand: each kind of fault, on which call it strikes, and how often.

A kind either takes the place of the answer (429, 500, an HTML page, silence, a cut connection) or is an effect: the
call is carried out, and the cloud behaves as the real one was seen to. With `moment` AFTER the work is done and only
the answer is lost: that is how servers are paid for that nobody knows of.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class Kind(StrEnum):
    """Every fault there is; docs/cherrylab.md has a table of them."""

    TOO_MANY_REQUESTS = "too-many-requests"
    PLAN_NOT_FOUND = "plan-not-found"
    INTERNAL_ERROR = "internal-error"
    HTML_BAD_GATEWAY = "html-bad-gateway"
    FORBIDDEN = "forbidden"
    HANG = "hang"
    SLOW = "slow"
    CUT_CONNECTION = "cut-connection"
    GONE_IS_FORBIDDEN = "gone-is-forbidden"
    OUT_OF_STOCK = "out-of-stock"
    DEPLOY_FAILS = "deploy-fails"
    HOSTNAME_REWRITTEN = "hostname-rewritten"
    PRIVATE_IP_CHANGES = "private-ip-changes"
    BMC_SCRUBBED = "bmc-scrubbed"
    SLOW_DELETE = "slow-delete"

    @property
    def meaning(self) -> str:
        """One line of the manual."""
        return _MEANINGS[self]

    @property
    def is_effect(self) -> bool:
        """Carried out by the cloud, rather than standing for its answer."""
        return self in _EFFECTS


_EFFECTS = frozenset(
    {
        Kind.OUT_OF_STOCK,
        Kind.DEPLOY_FAILS,
        Kind.HOSTNAME_REWRITTEN,
        Kind.PRIVATE_IP_CHANGES,
        Kind.BMC_SCRUBBED,
        Kind.SLOW_DELETE,
    }
)

_MEANINGS = {
    Kind.TOO_MANY_REQUESTS: "429, as if the limit of requests were reached",
    Kind.PLAN_NOT_FOUND: '400 "Given server plan was not found."',
    Kind.INTERNAL_ERROR: "500 with a JSON body",
    Kind.HTML_BAD_GATEWAY: "502 with an HTML page, which a client that expects JSON can't read",
    Kind.FORBIDDEN: "403 with a JSON body",
    Kind.HANG: "no answer for `seconds`, then the connection is cut",
    Kind.SLOW: "the right answer, `seconds` late",
    Kind.CUT_CONNECTION: "the connection is cut without an answer",
    Kind.GONE_IS_FORBIDDEN: "403 instead of 404 for what is gone, as seen of IP addresses",
    Kind.OUT_OF_STOCK: "a plan that is read shows no stock; an order is refused for want of it",
    Kind.DEPLOY_FAILS: "the server that is ordered (or reinstalled) ends as `failed deployment`",
    Kind.HOSTNAME_REWRITTEN: "the server gets another hostname than it was ordered with",
    Kind.PRIVATE_IP_CHANGES: "a reinstall gives the server another private address",
    Kind.BMC_SCRUBBED: "the BMC's user and password are left out, as after 24 hours",
    Kind.SLOW_DELETE: "a deleted server shows itself as terminating for `seconds`",
}

DEFAULT_SECONDS = {Kind.HANG: 3600.0, Kind.SLOW: 2.0, Kind.SLOW_DELETE: 60.0}


class Moment(StrEnum):
    """Whether a fault that stands for the answer strikes before the work or after it."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """A fault that hits one call."""

    kind: Kind
    moment: Moment = Moment.BEFORE
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """Which of the matching calls, counted from 1: ranges, both ends included. Empty means all."""

    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Calls":
        """`3`, `1,4`, `2-10`, `1,5-7`; ValueError otherwise."""
        ranges = []
        for part in text.split(","):
            match = re.fullmatch(r"\s*(\d+)(?:\s*-\s*(\d+))?\s*", part)
            if match is None:
                raise ValueError("wanted numbers of calls like 3, 1,4 or 2-10")
            first, last = int(match[1]), int(match[2] or match[1])
            if not 1 <= first <= last:
                raise ValueError("calls count from 1, the smaller number first")
            ranges.append((first, last))
        return cls(ranges=tuple(ranges))

    def __contains__(self, number: int) -> bool:
        return not self.ranges or any(first <= number <= last for first, last in self.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule of a scenario.

    `kinds` is what strikes, one of them by chance where there are several. `request` is a method (or `*`) and a path
    with `*` for any part of it: `POST /v1/projects/*/servers`. `probability` is asked of each call that `calls` names.
    """

    kinds: tuple[Kind, ...]
    request: str = "* *"
    calls: Calls = field(default_factory=Calls)
    probability: float = 1.0
    moment: Moment = Moment.BEFORE
    seconds: float | None = None

    def matches(self, method: str, path: str) -> bool:
        wanted_method, _, wanted_path = self.request.partition(" ")
        return wanted_method in {"*", method} and fnmatchcase(path, wanted_path)

    def strike(self, kind: Kind) -> Strike:
        """This fault, as it hits with one of its kinds."""
        seconds = DEFAULT_SECONDS.get(kind, 0.0) if self.seconds is None else self.seconds
        return Strike(kind=kind, moment=self.moment, seconds=seconds)


@dataclass(slots=True)
class _Armed:
    """A fault with its count of matching calls and its own dice."""

    fault: Fault
    dice: random.Random
    matched: int = 0


class Faults:
    """All faults under way; the first that strikes a call has it. Counts begin anew with each start of the cloud."""

    def __init__(self, faults: Sequence[Fault] = (), *, seed: int = 0) -> None:
        self._seed = seed
        self._armed: list[_Armed] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        """One fault more; its calls are counted from now on."""
        dice = random.Random(f"{self._seed}:{len(self._armed)}")  # a number of its own: the same on every run
        self._armed.append(_Armed(fault, dice))

    def clear(self) -> None:
        self._armed.clear()

    def of(self, method: str, path: str) -> Strike | None:
        """What hits this call; every fault that matches counts it, whichever strikes."""
        found: Strike | None = None
        for armed in self._armed:
            fault = armed.fault
            if not fault.matches(method, path):
                continue
            armed.matched += 1
            hits = armed.matched in fault.calls and armed.dice.random() < fault.probability
            kind = armed.dice.choice(fault.kinds)
            if hits and found is None:
                found = fault.strike(kind)
        return found


def parse_header(text: str) -> Fault:
    """The fault in the header of one request: `cut-connection; moment=after; seconds=3`.

    ValueError, which names what is wrong, where it is none.
    """
    name, *parts = (part.strip() for part in text.split(";"))
    if name not in set(Kind):
        raise ValueError(f"no fault is called {name!r}; there are {', '.join(Kind)}")
    fields = dict(part.partition("=")[::2] for part in parts)
    unknown = fields.keys() - {"moment", "seconds"}
    if unknown:
        raise ValueError(f"a fault has moment and seconds, got {', '.join(sorted(unknown))}")
    seconds = fields.get("seconds")
    return Fault(
        kinds=(Kind(name),),
        moment=Moment(fields.get("moment", Moment.BEFORE)),
        seconds=None if seconds is None else float(seconds),
    )
