"""smt: whether the second thread of each core is used.

Why: two threads share one core's caches and units. A core whose sibling sleeps runs its one thread faster and more
evenly, which is what a single critical thread wants (PoH); a machine that is short of cores loses throughput. So this
is a choice to be measured, and a profile that pins a few threads may rather leave the siblings of those cores idle.

`off` takes the second threads offline, live, one after another. What follows from it can't be undone by switching back:
- a thread that was pinned to such a CPU alone is moved elsewhere and stays there; so are its interrupts;
- the cpufreq policies and the cpusets of the CPUs leave with them; frequency settings start anew at `on`.
So it comes before every tunable that speaks of CPUs, and it is best done before the validator starts. A plan that both
switches SMT and sets cpufreq policies, whose number changes with it, is refused by the engine: apply this one first.

Never written: `forceoff`, which can't be taken back before the next boot (every later write is EPERM). `on` also brings
up threads that somebody took offline by hand, so where there are any, switching off has no exact way back and is left
to that person (NA-SMT-002). A number of threads per core is for POWER machines and isn't offered.

`forceoff` and `notsupported` satisfy `off`. `on` then needs another kernel command line or another setting of the
firmware (NA-SMT-001).
Source: kernel/cpu.c (__store_smt_control, cpuhp_smt_enable, cpuhp_smt_disable).
"""

from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Pattern
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, Knob, compare, finding, watched

NAME = "smt"
CONTROL = "/sys/devices/system/cpu/smt/control"
PRESENT = "/sys/devices/system/cpu/present"
ONLINE = "/sys/devices/system/cpu/online"

_WITHOUT_SECOND_THREADS = ("forceoff", "notsupported")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtSettings:
    """`control` is the file of that name."""

    control: Setting[Annotated[str, Pattern("on|off", "on or off")]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtSeen:
    """`offline` are the CPUs that are there and not in use; None where that can't be read."""

    control: Reading
    offline: CpuSet | None


class Smt:
    """The tunable."""

    name: str = NAME
    summary: str = "whether the second thread of each core is used"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=CONTROL,
            reason="a kernel built with CONFIG_HOTPLUG_SMT",
            remedy="boot a kernel from 4.19 on; every distribution's has it on x86",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/abi-testing-files.html",
        "https://github.com/torvalds/linux/blob/master/kernel/cpu.c",
    )
    Settings: Any = SmtSettings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        reading = host.read(CONTROL)
        if reading.value in (None, "notimplemented"):
            return "this kernel can not switch SMT"
        return "" if reading.value in ("on", "off") else f"SMT is {reading.value} here"

    def observe(self, host: HostReader, settings: SmtSettings, facts: HostFacts) -> SmtSeen:
        present, online = _cpus(host.read(PRESENT)), _cpus(host.read(ONLINE))
        return SmtSeen(
            control=host.read(CONTROL),
            offline=None if present is None or online is None else present - online,
        )

    def plan(self, observed: SmtSeen, settings: SmtSettings, facts: HostFacts) -> tuple[Change, ...]:
        compared = _compare(observed, settings, facts)
        return (compared.change,) if compared and compared.change else ()

    def judge(self, observed: SmtSeen, settings: SmtSettings, facts: HostFacts) -> Verdict:
        compared = _compare(observed, settings, facts)
        return Verdict(tunable=NAME, findings=(compared.finding,) if compared else ())


SMT = Smt()


def _cpus(reading: Reading) -> CpuSet | None:
    try:
        return CpuSet.parse(reading.text) if reading.ok else None
    except ValueError:
        return None


def _compare(seen: SmtSeen, settings: SmtSettings, facts: HostFacts) -> Comparison | None:
    if settings.control is None or not watched(settings.control):
        return None
    knob = Knob(key=f"{NAME}:control", tunable=NAME, setting=settings.control, reading=seen.control)
    state = seen.control.value
    if state in _WITHOUT_SECOND_THREADS or (state == "notimplemented" and facts.cpus.threads_per_core == 1):
        return Comparison(finding=finding(knob, State.OK) if knob.value == "off" else _unreachable(knob, state))
    if state == "notimplemented":
        remedy = "this kernel can't switch it; set it in the firmware, or with nosmt on the kernel command line"
        return Comparison(finding=finding(knob, State.NOT_APPLICABLE, remedy=remedy))
    if state is not None and state not in ("on", "off"):
        remedy = f"look at it: cat {CONTROL}; nodeagent switches between on and off only"
        return Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy))
    compared = compare(knob)
    return _switch(knob, seen, compared) if compared.finding.state is State.DRIFT else compared


def _unreachable(knob: Knob, state: str | None) -> Finding:
    """The finding where the second threads are wanted and can't be had by a write."""
    if state == "forceoff":
        remedy = "take nosmt=force (or what wrote forceoff) away and boot again"
        return finding(knob, State.NEEDS_REBOOT, remedy=remedy, id="NA-SMT-001")
    remedy = "this processor has one thread a core, or the firmware switched the other off: look at its setup"
    return finding(knob, State.NOT_APPLICABLE, remedy=remedy, id="NA-SMT-001")


def _switch(knob: Knob, seen: SmtSeen, compared: Comparison) -> Comparison:
    """What a switch does besides, told; and refused where it could not be taken back exactly."""
    if knob.value == "on":
        remedy = f"{APPLY_REMEDY}; it brings up CPUs {seen.offline}" if seen.offline else APPLY_REMEDY
        return Comparison(finding=finding(knob, State.DRIFT, remedy=remedy), change=compared.change)
    if seen.offline is None or seen.offline:
        which = "which can't be read" if seen.offline is None else str(seen.offline)
        remedy = (
            f"CPUs are offline already ({which}), and switching back would bring them up: "
            f"bring them up first (echo 1 > /sys/devices/system/cpu/cpuN/online) or switch it yourself"
        )
        return Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy, id="NA-SMT-002"))
    remedy = (
        f"{APPLY_REMEDY}; threads and interrupts that are pinned to second threads move and stay where they moved, "
        f"so do it before the validator starts"
    )
    return Comparison(finding=finding(knob, State.DRIFT, remedy=remedy), change=compared.change)
