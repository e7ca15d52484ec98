"""cpu-idle: how long a sleeping CPU may take to wake up, for each CPU.

Why: an idle CPU falls into states that save power and take up to hundreds of microseconds to leave. An interrupt or a
packet that arrives meanwhile waits for that. A limit keeps the CPU out of the states that take longer: for the cores
of the network queues and of the validator's pipeline it buys an even latency, and pays with power, heat and, on
processors that share a power budget, with the boost of the others. So the limit belongs to chosen CPUs.

The knob is `power/pm_qos_resume_latency_us` of each CPU, a request that stays until it is changed. The other way,
holding /dev/cpu_dma_latency open, ends with the process that holds it; the agent's end must not untune a machine.

Its values read oddly, so they are spelled here as the kernel spells them: a number of microseconds; `0` for no limit at
all (the default); `n/a` for no wait at all, which leaves only polling and heats the core as if it worked. With a bound
`<=` any tighter request is accepted, and `0` is the loosest one. `>=` makes no sense and is refused.

Each CPU that is present has the knob, online or not, so switching SMT changes nothing here. An entry without `cpus`
means all of them that no other entry names.

Needs a cpuidle driver: without one (many virtual machines, `idle=poll`) the kernel takes the value and nobody heeds it,
so that is "not applicable" (NA-IDLE-001). The governors menu, teo and ladder heed every limit, haltpoll only `n/a`.

Rejected: `cpuidle/stateN/disable`, whose numbers mean other states on other machines and which has no order between
states; the processor's own demotion, which no file of the kernel governs.
Sources: Documentation/ABI/testing/sysfs-devices-power; drivers/base/power/sysfs.c; drivers/cpuidle/governor.c.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import Comparison, Comparisons, Knob, compare, finding, unusable, wanted_text, watched

NAME = "cpu-idle"
ROOT = "/sys/devices/system/cpu"
DRIVER = f"{ROOT}/cpuidle/current_driver"

_NO_LIMIT, _NO_WAIT = "0", "n/a"
_CPU = re.compile(r"cpu(\d{1,5})", re.ASCII)

# Well below the largest s32, which the kernel keeps for "no limit" and refuses (EINVAL).
_LATENCY = re.compile("n/a|0|[1-9][0-9]{0,8}", re.ASCII)
CpuList = Annotated[str, Pattern("[0-9][0-9,:/-]*", "a list of CPUs, such as 0-3,8")]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleSettings:
    """What some CPUs should have; without `cpus` all that no other entry names. `name` is for messages and merging."""

    name: Name
    cpus: CpuList | None = None
    resume_latency_us: Setting[str] | None = None


def faults(settings: tuple[IdleSettings, ...]) -> Iterator[Fault]:
    """Lists that can't be read, CPUs that two entries claim, and a bound that has no sense."""
    claimed: dict[int, str] = {}
    rests = 0
    for at, entry in enumerate(settings):
        if entry.resume_latency_us and (problem := _problem(entry.resume_latency_us)):
            yield Fault(path=(at, "resume_latency_us"), problem=problem)
        rests += entry.cpus is None
        if rests > 1 and entry.cpus is None:
            yield Fault(path=(at,), problem="a second entry without cpus")
        try:
            cpus = CpuSet.parse(entry.cpus or "")
        except ValueError as error:
            yield Fault(path=(at, "cpus"), problem=str(error))
            continue
        if twice := [cpu for cpu in cpus if cpu in claimed]:
            yield Fault(path=(at, "cpus"), problem=f"CPU {twice[0]} belongs to {claimed[twice[0]]} already")
        claimed |= dict.fromkeys(cpus, entry.name)


def _problem(setting: Setting[str]) -> str:
    if not _LATENCY.fullmatch(setting.value):
        return "wanted microseconds, 0 for no limit, or n/a for no sleep at all"
    return "a limit is only lowered: wanted a value or <=" if setting.bound is Bound.AT_LEAST else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleSeen:
    """`readings` by CPU, of every one that is present and wanted."""

    driver: Reading
    present: CpuSet
    readings: Mapping[int, Reading]


class CpuIdle:
    """The tunable; keys name CPUs by number, which is their place on the board."""

    name: str = NAME
    summary: str = "how long a sleeping CPU may take to wake up"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=DRIVER,
            reason="a cpuidle driver, which heeds the limits",
            remedy="boot without idle=poll; many virtual machines have none",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/pm/cpuidle.html",
        "https://github.com/torvalds/linux/blob/master/drivers/base/power/sysfs.c",
        "https://github.com/torvalds/linux/blob/master/drivers/cpuidle/governor.c",
    )
    Settings: Any = Annotated[tuple[IdleSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if _heeded(host.read(DRIVER)) else "no cpuidle driver is in use here"

    def observe(self, host: HostReader, settings: tuple[IdleSettings, ...], facts: HostFacts) -> IdleSeen:
        present = CpuSet.of(int(found[1]) for name in host.names(ROOT) if (found := _CPU.fullmatch(name)))
        readings = {cpu: host.read(_path(cpu)) for cpu in present if cpu in _wanted(settings, present)}
        return IdleSeen(driver=host.read(DRIVER), present=present, readings=readings)

    def plan(self, observed: IdleSeen, settings: tuple[IdleSettings, ...], facts: HostFacts) -> tuple[Change, ...]:
        return _compare_all(observed, settings).changes

    def judge(self, observed: IdleSeen, settings: tuple[IdleSettings, ...], facts: HostFacts) -> Verdict:
        findings = _compare_all(observed, settings).findings
        return Verdict(tunable=NAME, findings=(*findings, *_missing(observed, settings)))


CPU_IDLE = CpuIdle()


def _path(cpu: int) -> str:
    return f"{ROOT}/cpu{cpu}/power/pm_qos_resume_latency_us"


def _heeded(driver: Reading) -> bool:
    return driver.value not in (None, "", "none")


def _named(settings: tuple[IdleSettings, ...]) -> CpuSet:
    return CpuSet.of(cpu for entry in settings for cpu in CpuSet.parse(entry.cpus or ""))


def _wanted(settings: tuple[IdleSettings, ...], present: CpuSet) -> dict[int, Setting[str]]:
    """What each CPU should have; what an entry ignores or leaves open is not in it."""
    rest = present - _named(settings)
    return {
        cpu: entry.resume_latency_us
        for entry in settings
        if entry.resume_latency_us is not None and watched(entry.resume_latency_us)
        for cpu in (CpuSet.parse(entry.cpus) & present if entry.cpus is not None else rest)
    }


def _compare_all(seen: IdleSeen, settings: tuple[IdleSettings, ...]) -> Comparisons:
    wanted = _wanted(settings, seen.present)
    return Comparisons([_compare(cpu, wanted[cpu], seen) for cpu in sorted(wanted)])


def _compare(cpu: int, setting: Setting[str], seen: IdleSeen) -> Comparison:
    # The bound is judged here: as numbers, 0 would be the tightest request.
    exact = replace(setting, bound=Bound.EXACTLY)
    knob = Knob(key=f"{NAME}:cpu{cpu}", tunable=NAME, setting=exact, reading=seen.readings[cpu])
    if unusable(knob):
        return compare(knob)
    if not _heeded(seen.driver):
        remedy = "no cpuidle driver heeds it here; leave it out of the profile or set its mode to ignore"
        return Comparison(finding=finding(knob, State.NOT_APPLICABLE, remedy=remedy, id="NA-IDLE-001"))
    if setting.bound is Bound.AT_MOST and _wait(knob.current) <= _wait(knob.value):
        return Comparison(finding=_bounded(finding(knob, State.OK), setting))
    compared = compare(knob)
    return replace(compared, finding=_bounded(compared.finding, setting))


def _bounded(found: Finding, setting: Setting[str]) -> Finding:
    return replace(found, wanted=wanted_text(setting, setting.value))


def _wait(value: str) -> float:
    """Microseconds that a request allows."""
    if value == _NO_WAIT:
        return 0.0
    return float(value) if value.isdigit() and value != _NO_LIMIT else float("inf")


def _missing(seen: IdleSeen, settings: tuple[IdleSettings, ...]) -> Iterator[Finding]:
    """Entries that name CPUs which this machine doesn't have."""
    for entry in settings:
        setting = entry.resume_latency_us
        gone = CpuSet.parse(entry.cpus or "") - seen.present
        if gone and setting is not None and watched(setting):
            yield Finding(
                subject=f"{NAME}:{entry.name}",
                state=State.NOT_APPLICABLE,
                got=f"no CPU {gone}",
                wanted=f"CPUs {entry.cpus}",
                remedy=f"this machine has CPUs {seen.present}; adjust cpus of {entry.name}",
                why=setting.why,
                source=setting.source,
                id="NA-IDLE-002",
            )
