"""Ask tunables: which ones a profile enables, and each of them what it would do and what it has to say.

A tunable that fails is named, so that a defect of one is not taken for one of the machine.
"""

from __future__ import annotations  # types that are only named: importing those of changes takes longest

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from nodeagent.model.errors import NodeagentError, UsageError
from nodeagent.tune.services.second_owners import owner_findings

if TYPE_CHECKING:
    from nodeagent.model.change import PlanItem
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader
    from nodeagent.model.profile import Profile
    from nodeagent.model.verdict import Verdict
    from nodeagent.tune.tunable import AnyTunable

T = TypeVar("T")


def enabled_tunables(
    profile: Profile, tunables: Sequence[AnyTunable], *, only: Sequence[str] | None = None
) -> tuple[AnyTunable, ...]:
    """Those that the profile sets, in their order; `only` leaves out the others. UsageError for a name
    in `only` that is no tunable or that the profile does not set."""
    for name in only or ():
        find_tunable(name, tunables)
        if name not in profile.tune:
            raise UsageError(
                f"profile {profile.name} does not set {name}", remedy=f"nodeagent profile show {profile.name}"
            )
    return tuple(tunable for tunable in tunables if tunable.name in profile.tune and (not only or tunable.name in only))


def find_tunable(name: str, tunables: Sequence[AnyTunable]) -> AnyTunable:
    """The tunable of that name; UsageError, with the nearest name, where there is none."""
    for tunable in tunables:
        if tunable.name == name:
            return tunable
    from difflib import get_close_matches

    near = get_close_matches(name, [tunable.name for tunable in tunables], n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise UsageError(f"there is no tunable {name!r}{hint}", remedy="nodeagent tune list")


def unsupported(host: HostReader, tunable: AnyTunable, facts: HostFacts) -> str:
    """Why this host can't carry a tunable, "" where it can; NodeagentError naming it where it fails to say."""
    return _ask(tunable, "tell whether it is supported", lambda: tunable.supported(host, facts))


def observe(host: HostReader, tunable: AnyTunable, profile: Profile, facts: HostFacts) -> Any:
    """What one tunable sees now, for `steps_of` and `verdict_of`; NodeagentError naming it where it fails."""
    return _ask(tunable, "observe", lambda: tunable.observe(host, profile.tune[tunable.name], facts))


def steps_of(tunable: AnyTunable, observed: Any, profile: Profile, facts: HostFacts) -> tuple[PlanItem, ...]:
    """What one tunable would do about what it saw; NodeagentError naming it where it fails."""
    items = _ask(tunable, "plan", lambda: tuple(tunable.plan(observed, profile.tune[tunable.name], facts)))
    for item in items:
        if not _is_step_of(tunable, item):
            raise _defect(tunable, "plan", f"a step of it is not one of its own changes: {item!r}")
    return items


def verdict_of(host: HostReader, tunable: AnyTunable, observed: Any, profile: Profile, facts: HostFacts) -> Verdict:
    """What one tunable says about what it saw, and who else sets it; NodeagentError naming it where it fails."""
    verdict = _ask(tunable, "judge", lambda: tunable.judge(observed, profile.tune[tunable.name], facts))
    owners = _ask(tunable, "look for second owners", lambda: owner_findings(host, tunable.name, profile, facts))
    return replace(verdict, findings=(*verdict.findings, *owners))


def plan_items(host: HostReader, tunable: AnyTunable, profile: Profile, facts: HostFacts) -> tuple[PlanItem, ...]:
    """What one tunable would do now."""
    return steps_of(tunable, observe(host, tunable, profile, facts), profile, facts)


def judge(host: HostReader, tunable: AnyTunable, profile: Profile, facts: HostFacts) -> Verdict:
    """What one tunable says about the present state."""
    return verdict_of(host, tunable, observe(host, tunable, profile, facts), profile, facts)


def _is_step_of(tunable: AnyTunable, item: object) -> bool:
    from nodeagent.model.change import Change, Deferred

    return isinstance(item, Change | Deferred) and bool(item.key) and item.tunable == tunable.name


def _ask(tunable: AnyTunable, doing: str, question: Callable[[], T]) -> T:
    try:
        return question()
    except NodeagentError as error:
        raise type(error)(f"{tunable.name}: {error.message}", remedy=error.remedy) from error
    except Exception as error:
        raise _defect(tunable, doing, f"{type(error).__name__}: {error}") from error


def _defect(tunable: AnyTunable, doing: str, what: str) -> NodeagentError:
    return NodeagentError(
        f"tunable {tunable.name} failed to {doing}: {what}",
        remedy="leave it out with --only and report what --debug prints: this is a defect of the tunable",
    )
