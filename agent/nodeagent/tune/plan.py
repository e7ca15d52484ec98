"""A plan: every change that would make this machine as its profile says, in the order they would be made.

Pure: it asks tunables, which read through the HostReader they are given, and answers with data. The same plan is shown,
saved, compared and applied; its digest covers what decides about the machine, not how it is told.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

from nodeagent.model.change import Change, Deferred, PlanItem
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Verdict
from nodeagent.tune.asking import enabled_tunables, observe, steps_of, verdict_of
from nodeagent.tune.clashes import find_clashes
from nodeagent.tune.clashes.situation import Situation
from nodeagent.tune.conflicts import Conflict, find_conflicts, unanswered
from nodeagent.tune.document import item_to_document
from nodeagent.tune.placement import placed
from nodeagent.tune.record import body_to_text
from nodeagent.tune.tunable import AnyTunable


@dataclass(frozen=True, kw_only=True)
class TunablePlan:
    """What one tunable would do, and what it has to say about the present state."""

    tunable: str
    items: tuple[PlanItem, ...]
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Plan:
    """`only` names the tunables it was restricted to; empty is all that the profile enables.

    `clashes` were looked for when it was made; a plan that was read from a file has none until it is applied, which
    looks for them anew.
    """

    machine_id: str
    hostname: str
    boot_id: str
    profile: str
    profile_digest: str
    only: tuple[str, ...] = ()
    created_at: float = 0.0
    tunables: tuple[TunablePlan, ...] = ()
    clashes: tuple[Conflict, ...] = ()

    @property
    def items(self) -> tuple[PlanItem, ...]:
        return tuple(item for tunable in self.tunables for item in tunable.items)

    @property
    def changes(self) -> tuple[Change, ...]:
        """The steps whose content is known already."""
        return tuple(item for item in self.items if isinstance(item, Change))

    @property
    def deferred(self) -> tuple[Deferred, ...]:
        return tuple(item for item in self.items if isinstance(item, Deferred))

    @cached_property
    def conflicts(self) -> tuple[Conflict, ...]:
        """Contradictions, then clashes."""
        return (*find_conflicts(self.items), *self.clashes)

    def refusals(self, overrides: Collection[str] = ()) -> tuple[Conflict, ...]:
        """The conflicts that neither the profile nor these ids override."""
        return unanswered(self.conflicts, overrides)

    @cached_property
    def digest(self) -> str:
        """sha256 over the machine, the boot, the profile and every step; the words around them don't count."""
        steps = [item_to_document(untold(item)) for item in self.items]
        who = {"machine_id": self.machine_id, "boot_id": self.boot_id, "profile": self.profile_digest}
        return sha256(body_to_text({**who, "only": list(self.only), "steps": steps}).encode()).hexdigest()


def untold(item: PlanItem) -> PlanItem:
    """The item without its explanation: two that differ in words only are the same step."""
    return replace(item, why="", source="")


def make_plan(
    host: HostReader,
    profile: Profile,
    facts: HostFacts,
    tunables: Sequence[AnyTunable],
    *,
    only: Sequence[str] | None = None,
    created_at: float = 0.0,
) -> Plan:
    """Ask every enabled tunable in order.

    UsageError for a name in `only` that is no tunable or that the profile does not set; NodeagentError naming the
    tunable where one fails.
    """
    enabled = enabled_tunables(profile, tunables, only=only)
    facts = placed(facts, profile)
    planned = tuple(
        TunablePlan(tunable=tunable.name, items=items, verdict=verdict_of(host, tunable, observed, profile, facts))
        for tunable, observed, items in plan_all(host, enabled, profile, facts)
    )
    items = tuple(item for tunable in planned for item in tunable.items)
    return Plan(
        machine_id=facts.platform.machine_id,
        hostname=facts.platform.hostname,
        boot_id=facts.platform.boot_id,
        profile=profile.name,
        profile_digest=profile.digest,
        only=tuple(tunable.name for tunable in enabled) if only else (),
        created_at=created_at,
        tunables=planned,
        clashes=find_clashes(Situation(items=items, facts=facts, host=host, profile=profile)),
    )


def plan_all(
    host: HostReader, enabled: Sequence[AnyTunable], profile: Profile, facts: HostFacts
) -> Iterator[tuple[AnyTunable, Any, tuple[PlanItem, ...]]]:
    """What each sees and would do now, in order; one deferred step for one that follows a tunable which has steps."""
    planned: dict[str, tuple[PlanItem, ...]] = {}
    for tunable in enabled:
        observed = observe(host, tunable, profile, facts)
        earlier = [item for name in planned if name in tunable.follows for item in planned[name]]
        items = (_deferred_whole(tunable, earlier),) if earlier else steps_of(tunable, observed, profile, facts)
        planned[tunable.name] = items
        yield tunable, observed, items


def _deferred_whole(tunable: AnyTunable, earlier: Sequence[PlanItem]) -> Deferred:
    last = earlier[-1]
    return Deferred(
        key=tunable.name,
        tunable=tunable.name,
        waits_for=last.waits_for if isinstance(last, Deferred) else last.key,
        summary=f"{tunable.summary}: looked at again after {last.tunable}, which remakes what it sets",
        whole=True,
    )
