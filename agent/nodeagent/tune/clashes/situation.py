"""What a clash is looked for in, and what is found."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from nodeagent.model.change import PlanItem
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.profile import Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The steps that are to be made, and the machine and the profile that they are made for."""

    items: Sequence[PlanItem]
    facts: HostFacts
    host: HostReader
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Met:
    """One case of a clash: the steps that it is about, what would come of them, what to do instead."""

    keys: tuple[str, ...]
    reason: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Clash:
    """`id` is stable and has its heading in docs/conflicts.md; `find` is pure, and asks the host only where a step is
    planned that could clash.
    """

    id: str
    find: Callable[[Situation], Iterable[Met]]
