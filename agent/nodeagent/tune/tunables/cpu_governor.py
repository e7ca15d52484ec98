"""cpu-governor: who chooses the speed of the CPUs, with which preference, and whether they may go beyond the base.

Why: a governor that saves power lets a core that was idle start slow, and raises it only after it was seen busy. A
validator's proof-of-history thread must not lose hashes to that, and packets come in bursts: `performance` keeps the
cores at speed. Boost then decides how fast: switching it off evens the speed out and loses the top of it.

Coupled: with intel_pstate or amd-pstate in active mode the governor `performance` sets the energy preference to
`performance` and refuses any other (EBUSY), so both are one change a policy and the governor is written first, both
ways (tune/processors/policy.py). A profile that wants `performance` and another preference is refused when it is
loaded; a machine whose governor is `performance` by another hand, and stays so, is a finding (NA-CPU-003). Going to
`performance` and back would lose the preference that was there; the change holds it, even where the profile names only
the governor.

The preference is one of four words. `default` and plain numbers are taken by some kernels and read back as something
else, so they aren't offered, and a policy that shows `custom` or a number there has no way back (NA-CPU-004).

Boost has three places: `cpufreq/boost` for the machine, below it `policyN/boost` in newer kernels, and
`intel_pstate/no_turbo`, which says the opposite. The machine's switch sets all policies at once. It comes first,
because it moves the limits that the governor then works within.

A policy is known by the number of its first CPU. One whose CPUs are all offline is left alone.

Rejected: `userspace` as a governor, and a policy that uses it (NA-CPU-005): somebody sets its speed by hand, and the
number that the kernel shows is the speed just now, not the one that was set. scaling_min_freq and scaling_max_freq:
with `performance` the first says nothing more, and the second is thermal policy. Loading a driver or changing its mode
(amd_pstate=, intel_pstate=): that is the kernel command line.

Undo writes back governor, preference and boost. The tuning files of ondemand, conservative and schedutil start anew
with their governor, as they do whenever a person switches it.
Sources: Documentation/admin-guide/pm/cpufreq, intel_pstate, amd-pstate; drivers/cpufreq/cpufreq.c (store_boost,
store_local_boost).
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any

from nodeagent.model.change import Change, CoupledKnob, Risk, WriteCoupled
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern, Range
from nodeagent.tune.knob import Comparison, Comparisons, Knob, compare, enforced, finding, watched
from nodeagent.tune.processors.policy import (
    GOVERNOR,
    PERFORMANCE,
    PREFERENCE,
    ROOT,
    CpufreqSeen,
    Policy,
    boost_members,
    governor_first,
    read_cpufreq,
)
from nodeagent.tune.reasoned import reasoned

NAME = "cpu-governor"
PREFERENCES = (PERFORMANCE, "balance_performance", "balance_power", "power")

_BY_HAND = "userspace"
_NO_CPUFREQ = "the firmware or the hypervisor chooses the speed here; leave it out of the profile or set it to ignore"


Governor = Annotated[str, Pattern("(?!userspace$)[a-z]{1,15}", "a governor that needs no hand, such as performance")]
Preference = Annotated[str, Pattern("|".join(PREFERENCES), f"one of {', '.join(PREFERENCES)}")]


@dataclass(frozen=True, slots=True, kw_only=True)
class GovernorSettings:
    """What every policy should have. `boost` is 1 or 0, whatever the switch is called here."""

    governor: Setting[Governor] | None = None
    energy_performance_preference: Setting[Preference] | None = None
    boost: Setting[Annotated[int, Range(0, 1)]] | None = None


def faults(settings: GovernorSettings) -> Iterator[Fault]:
    """A preference that the governor forbids, and bounds on words."""
    for item in fields(settings):
        setting = getattr(settings, item.name)
        if setting is not None and setting.bound is not Bound.EXACTLY:
            yield Fault(path=(item.name,), problem="there is no more or less of it: wanted the value alone")
    governor, preference = settings.governor, settings.energy_performance_preference
    if governor is None or preference is None or not (watched(governor) and watched(preference)):
        return
    if governor.value == PERFORMANCE != preference.value:
        yield Fault(
            path=(PREFERENCE,),
            problem="the governor performance allows no other preference than performance (the kernel answers EBUSY)",
            nearest=PERFORMANCE,
        )


class CpuGovernor:
    """The tunable."""

    name: str = NAME
    summary: str = "who chooses the speed of the CPUs, with which preference, and whether they boost"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=ROOT,
            reason="a cpufreq driver",
            remedy="let the operating system manage the power in the firmware's setup; virtual machines have none",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/pm/cpufreq.html",
        "https://docs.kernel.org/admin-guide/pm/intel_pstate.html",
        "https://docs.kernel.org/admin-guide/pm/amd-pstate.html",
    )
    Settings: Any = Annotated[GovernorSettings, Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if read_cpufreq(host, facts).policies else "no cpufreq driver governs the CPUs here"

    def observe(self, host: HostReader, settings: GovernorSettings, facts: HostFacts) -> CpufreqSeen:
        return read_cpufreq(host, facts)

    def plan(self, observed: CpufreqSeen, settings: GovernorSettings, facts: HostFacts) -> tuple[Change, ...]:
        governed = (_Governed(policy=policy, settings=settings).change() for policy in observed.policies)
        return (*_boost(observed, settings).changes, *(change for change in governed if change))

    def judge(self, observed: CpufreqSeen, settings: GovernorSettings, facts: HostFacts) -> Verdict:
        governed = [_Governed(policy=policy, settings=settings) for policy in observed.policies]
        findings = [found for policy in governed for found in policy.findings()]
        absent = () if observed.policies else _without_cpufreq(settings)
        return Verdict(tunable=NAME, findings=(*_boost(observed, settings).findings, *findings, *absent))


CPU_GOVERNOR = CpuGovernor()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Governed:
    """One policy against what is wanted of every policy."""

    policy: Policy
    settings: GovernorSettings

    def findings(self) -> Iterator[Finding]:
        for setting, compared in (
            (self.settings.governor, self._governor()),
            (self.settings.energy_performance_preference, self._preference()),
        ):
            if compared and watched(setting):
                yield compared.finding

    def change(self) -> WriteCoupled | None:
        """Governor and preference in the order that works both ways; None where neither is to be changed."""
        moved = [found.change for found in (self._governor(), self._preference()) if found and found.change]
        if not moved:
            return None
        governor = self._member(GOVERNOR, self._governor_after())
        preference = self._member(PREFERENCE, self._preference_after())
        members = governor_first(
            governor if governor.before != governor.after else None,
            preference if preference.before != preference.after or self._follows(governor) else None,
        )
        return WriteCoupled(key=moved[0].key, tunable=NAME, why=moved[0].why, source=moved[0].source, members=members)

    def _governor(self) -> Comparison | None:
        if self.settings.governor is None or not watched(self.settings.governor):
            return None
        knob = self._knob(GOVERNOR, self.settings.governor)
        compared = compare(knob)
        problem = self._governor_problem(knob) if compared.finding.state is State.DRIFT else None
        return Comparison(finding=problem) if problem else compared

    def _governor_problem(self, knob: Knob) -> Finding | None:
        """Why the governor can't be changed, or not with a way back."""
        if knob.current == _BY_HAND:
            remedy = "somebody sets the speed by hand, which no undo would bring back; switch it yourself"
            return finding(knob, State.UNKNOWN, remedy=remedy, id="NA-CPU-005")
        if knob.value not in self.policy.governors:
            offered = ", ".join(self.policy.governors) or "nothing that could be read"
            remedy = f"the kernel offers {offered}; a module may bring it: modprobe cpufreq_{knob.value}"
            return finding(knob, State.UNKNOWN, remedy=remedy, id="NA-CPU-001")
        if self.policy.is_active and self._can_prefer:
            return self._lost_preference(knob)
        return None

    def _preference(self) -> Comparison | None:
        setting = self.settings.energy_performance_preference
        if setting is None or not watched(setting):
            return None
        knob = self._knob(PREFERENCE, setting)
        compared = compare(knob)
        if compared.finding.state is not State.DRIFT:
            return compared
        if self.policy.is_active and self._governor_after() == PERFORMANCE != knob.value:
            remedy = f"the governor {PERFORMANCE} allows {PERFORMANCE} only; name another governor in the profile too"
            return Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy, id="NA-CPU-003"))
        lost = self._lost_preference(knob)
        return Comparison(finding=lost) if lost else compared

    def _lost_preference(self, knob: Knob) -> Finding | None:
        """The finding for a preference that can't be written back."""
        current = self.policy.value(PREFERENCE)
        if current in PREFERENCES:
            return None
        remedy = f"the preference {current} can't be written back; set one of {', '.join(PREFERENCES)} yourself first"
        return finding(knob, State.UNKNOWN, remedy=remedy, id="NA-CPU-004")

    def _governor_after(self) -> str:
        compared = self._governor()
        moves = compared is not None and compared.change is not None
        return str(self.settings.governor.value) if self.settings.governor and moves else self.policy.value(GOVERNOR)

    def _preference_after(self) -> str:
        """The profile's word, or the one that the governor forces, or as it is."""
        if self.policy.is_active and self._can_prefer and self._governor_after() == PERFORMANCE:
            return PERFORMANCE
        setting, compared = self.settings.energy_performance_preference, self._preference()
        moves = compared is not None and compared.change is not None
        return str(setting.value) if setting and moves else self.policy.value(PREFERENCE)

    def _follows(self, governor: CoupledKnob) -> bool:
        """Does switching the governor touch the preference, so that it must be written to stay or to come back?"""
        return self.policy.is_active and self._can_prefer and governor.before != governor.after

    @property
    def _can_prefer(self) -> bool:
        reading = self.policy.readings[PREFERENCE]
        return reading.ok and reading.writable

    def _member(self, name: str, after: str) -> CoupledKnob:
        return CoupledKnob(path=self.policy.readings[name].path, before=self.policy.value(name), after=after)

    def _knob(self, name: str, setting: Setting[Any]) -> Knob:
        return Knob(
            key=f"{NAME}:{self.policy.name}",
            tunable=NAME,
            setting=setting,
            reading=self.policy.readings[name],
            label="governor" if name == GOVERNOR else "preference",
            absent_remedy="this driver has no such knob; leave it out of the profile or set its mode to ignore",
        )


def _boost(seen: CpufreqSeen, settings: GovernorSettings) -> Comparisons:
    """The switch of the machine where it has one, else those of the policies."""
    setting = settings.boost
    if setting is None or not watched(setting):
        return Comparisons()
    own = [policy.readings["boost"] for policy in seen.policies if policy.readings["boost"].ok]
    if seen.boost.status is not ReadStatus.ABSENT:
        return Comparisons([_machine_boost(_boost_knob("boost", setting, seen.boost), own)])
    if seen.no_turbo.status is not ReadStatus.ABSENT:
        wanted = str(1 - setting.value)
        return Comparisons([compare(_boost_knob("boost", setting, seen.no_turbo, label="no_turbo", wanted=wanted))])
    if not own:
        return Comparisons([compare(_boost_knob("boost", setting, seen.boost))])
    return Comparisons(
        [
            compare(_boost_knob(f"{policy.name}:boost", setting, policy.readings["boost"]))
            for policy in seen.policies
            if policy.readings["boost"].ok
        ]
    )


def _machine_boost(knob: Knob, own: list[Reading]) -> Comparison:
    compared = compare(knob)
    other = [reading for reading in own if reading.text.strip() != knob.value]
    if compared.finding.state is State.OK and other and all(reading.writable for reading in other):
        got = f"{knob.current}, but {other[0].text.strip()} for {other[0].path.split('/')[-2]}"
        compared = Comparison(finding=finding(knob, State.DRIFT, got=got))
    elif compared.finding.state is not State.DRIFT or not own:
        return compared
    if not enforced(knob.setting):
        return compared
    change = WriteCoupled(
        key=knob.key,
        tunable=NAME,
        why=knob.setting.why,
        source=knob.setting.source,
        members=boost_members(knob.reading, own, knob.value),
    )
    return Comparison(finding=compared.finding, change=change)


def _boost_knob(
    name: str, setting: Setting[int], reading: Reading, *, label: str = "boost", wanted: str | None = None
) -> Knob:
    return Knob(
        key=f"{NAME}:{name}",
        tunable=NAME,
        setting=setting,
        reading=reading,
        label=label,
        wanted=wanted,
        absent_remedy="this processor or its driver has no such switch; leave it out or set its mode to ignore",
    )


def _without_cpufreq(settings: GovernorSettings) -> Iterator[Finding]:
    for name, setting in ((GOVERNOR, settings.governor), (PREFERENCE, settings.energy_performance_preference)):
        if setting is not None and watched(setting):
            yield reasoned(
                subject=f"{NAME}:{name}",
                state=State.NOT_APPLICABLE,
                got="no cpufreq policy",
                wanted=str(setting.value),
                remedy=_NO_CPUFREQ,
                setting=setting,
                id="NA-CPU-002",
            )
