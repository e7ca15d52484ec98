"""Is the machine as its profile says? Only looks: verify writes nothing, not even to the state directory."""

from __future__ import annotations  # types that are only named

from typing import TYPE_CHECKING

from nodeagent.model.errors import ExitCode
from nodeagent.model.verdict import State, Verdict
from nodeagent.tune.asking import enabled_tunables, judge
from nodeagent.tune.placement import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader
    from nodeagent.model.profile import Profile
    from nodeagent.tune.tunable import AnyTunable

_DIFFERS = {State.DRIFT, State.NEEDS_REBOOT, State.UNKNOWN}


def verify(
    host: HostReader,
    profile: Profile,
    facts: HostFacts,
    tunables: Sequence[AnyTunable],
    *,
    only: Sequence[str] | None = None,
) -> tuple[Verdict, ...]:
    """One verdict for each enabled tunable, in order. Errors as `make_plan`."""
    enabled = enabled_tunables(profile, tunables, only=only)
    facts = placed(facts, profile)
    return tuple(judge(host, tunable, profile, facts) for tunable in enabled)


def exit_code(verdicts: Iterable[Verdict]) -> ExitCode:
    """DIFFERS unless everything is set as wanted or can't exist here: not knowing is not success."""
    differs = any(verdict.state in _DIFFERS for verdict in verdicts)
    return ExitCode.DIFFERS if differs else ExitCode.OK
