"""Who else sets what a profile sets: told with each tunable, whether or not the profile names the unit.

The findings are optional: the values are right now, and what counts is decided by a person, who names the unit in
`conflicting-services`: wanted stopped, disabled or masked it is enforced, with mode `ignore` it is not told any more.

Sources: tune/services/conflicting_units.py, tune/services/tuned_profile.py, tune/ports/mtu_owners.py.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.unit_state import Enablement, UnitState
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.kernel import sysctl_name
from nodeagent.tune.knob import accepts, watched
from nodeagent.tune.services.conflicting_units import CONTENDERS, Contender
from nodeagent.tune.services.unit_words import has_systemd, told

if TYPE_CHECKING:
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader
    from nodeagent.model.profile import Profile
    from nodeagent.tune.services.tuned_profile import TunedProfile

TUNED = "tuned.service"

NAMING = "conflicting-services"
"""The tunable in which a profile says what it wants of such units."""


def owner_findings(host: "HostReader", tunable: str, profile: "Profile", facts: "HostFacts") -> tuple[Finding, ...]:
    """Second owners of what one tunable of the profile sets; () where systemd does not run the machine."""
    named = frozenset(profile.tune.get(NAMING) or ())
    settings = profile.tune[tunable]
    found = [*_others_of_an_mtu(host, tunable, settings, facts)]
    if has_systemd(host) and tunable != NAMING:
        rows = [row for row in CONTENDERS if tunable in row.over]
        found += _contenders(host, tunable, [row for row in rows if row.unit not in named])
        found += _tuned(host, tunable, settings) if TUNED not in named else ()
    return tuple(found)


def _others_of_an_mtu(host: "HostReader", tunable: str, settings: Any, facts: "HostFacts") -> Iterator[Finding]:
    if tunable in ("nic-mtu", "sriov"):
        from nodeagent.tune.ports.mtu_owners import mtu_findings

        yield from mtu_findings(host, tunable, settings, facts)


def contender_finding(unit: UnitState, row: Contender, *, subject: str) -> Finding:
    """One unit that is at work, or will be at the next boot."""
    return Finding(
        subject=subject,
        state=State.UNKNOWN,
        got=f"{unit.name} ({told(unit)}) {row.does}",
        wanted="one owner" if row.over else "nothing that disturbs a validator",
        remedy=f"name {row.unit} in {NAMING} (masked, disabled or stopped; mode ignore to hear no more of it)",
        optional=True,
        id=row.id,
    )


def is_at_work(unit: UnitState) -> bool:
    """Runs now, or starts at the next boot."""
    starts = unit.enablement in (Enablement.ENABLED, Enablement.ENABLED_RUNTIME, Enablement.GENERATED)
    return unit.exists and (bool(unit.active) or starts)


def _contenders(host: "HostReader", tunable: str, rows: list[Contender]) -> Iterator[Finding]:
    for row in rows:
        unit = host.unit(row.unit)
        if is_at_work(unit):
            yield contender_finding(unit, row, subject=f"{tunable}:owner:{row.unit}")


def _tuned(host: "HostReader", tunable: str, settings: Any) -> Iterator[Finding]:
    unit = host.unit(TUNED)
    if not is_at_work(unit):
        return
    from nodeagent.tune.services.tuned_profile import PLUGINS, read_tuned

    profile = read_tuned(host)
    chosen = " ".join(profile.names) or "none"
    if tunable == "sysctl":
        yield from _tuned_sysctls(profile, settings, unit)
    elif tunable in {PLUGINS[name] for name in profile.plugins if name in PLUGINS}:
        yield Finding(
            subject=f"{tunable}:owner:{TUNED}",
            state=State.UNKNOWN,
            got=f"{TUNED} ({told(unit)}) sets it too, by its profile {chosen}",
            wanted="one owner",
            remedy=f"name {TUNED} in {NAMING} (masked; mode ignore to hear no more of it), or choose another profile",
            optional=True,
            id="NA-OWNER-002",
        )


def _tuned_sysctls(profile: "TunedProfile", settings: Mapping[str, Any], unit: UnitState) -> Iterator[Finding]:
    for key, setting in settings.items():
        value, path = profile.sysctls.get(sysctl_name.canonical(key), (None, ""))
        if not path or not watched(setting) or (value is not None and _satisfies(setting, value)):
            continue
        yield Finding(
            subject=f"sysctl:{sysctl_name.canonical(key)}:owner",
            state=State.UNKNOWN,
            got=f"{TUNED} ({told(unit)}) sets {value or 'a value that it computes'} from {path}",
            wanted=f"{'' if setting.bound == '==' else setting.bound + ' '}{setting.value}",
            remedy=f"name {TUNED} in {NAMING} (masked; mode ignore to hear no more of it), or choose another profile",
            why=setting.why,
            source=setting.source,
            optional=True,
            id="NA-OWNER-003",
        )


def _satisfies(setting: Any, value: str) -> bool:
    try:
        return accepts(setting, KnobForm.WORDS.parse(value), KnobForm.WORDS.parse(setting.value))
    except ValueError:
        return False
