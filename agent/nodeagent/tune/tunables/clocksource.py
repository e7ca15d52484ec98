"""clocksource: the counter that the kernel reads to tell the time.

Why: with `tsc`, clock_gettime(2) reads a register in user space and takes some 20 ns; with `hpet` or `acpi_pm` each
reading is a system call and an access to a slow device, microseconds long, and a validator asks for the time at every
packet and every slot. A kernel falls back to them when its watchdog found the TSC drifting between cores, and stays
there until somebody looks.

The kernel takes any name without an error: one that isn't registered is remembered and nothing happens. So a name
that isn't among `available_clocksource` is a finding with that list (NA-CLOCK-001), and is never written. Where `tsc`
is missing from it on x86, it was declared unstable or the machine lacks it; then the finding says what to look for.

A switch stops all CPUs for a moment (stop_machine) and is felt as a pause of microseconds. Time does not jump.

Rejected: forcing an unstable TSC (`tsc=reliable`), because time that differs between cores is worse than slow time.

Undo writes the old name back. What can't be seen is whether it had ever been chosen by hand; after a rollback it is,
and the kernel would then not move to a better source that appears later, which happens at boot only.
Source: kernel/time/clocksource.c (current_clocksource_store, clocksource_select).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State, Verdict
from nodeagent.profiles.constraint import Pattern
from nodeagent.tune.knob import Comparison, Knob, compare, finding, watched

NAME = "clocksource"
ROOT = "/sys/devices/system/clocksource/clocksource0"
CURRENT = f"{ROOT}/current_clocksource"
AVAILABLE = f"{ROOT}/available_clocksource"

# A name fills at most 31 bytes with the line end (CS_NAME_LEN), else the write is EINVAL.
Source = Annotated[str, Pattern("[a-z0-9][a-z0-9_-]{0,29}", "the name of a clock source, such as tsc")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClocksourceSettings:
    """`current` is the source to be used."""

    current: Setting[Source] | None = None


class Clocksource:
    """The tunable; what was seen is the chosen source and those that the kernel offers."""

    name: str = NAME
    summary: str = "the counter that the kernel reads to tell the time"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=ROOT,
            reason="the sources are shown there",
            remedy="mount sysfs: mount -t sysfs sysfs /sys",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/timers/timekeeping.html",
        "https://github.com/torvalds/linux/blob/master/kernel/time/clocksource.c",
    )
    Settings: Any = ClocksourceSettings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.names(ROOT) else f"this kernel has no {ROOT}"

    def observe(self, host: HostReader, settings: ClocksourceSettings, facts: HostFacts) -> Mapping[str, Reading]:
        return {path: host.read(path) for path in (CURRENT, AVAILABLE)}

    def plan(
        self, observed: Mapping[str, Reading], settings: ClocksourceSettings, facts: HostFacts
    ) -> tuple[Change, ...]:
        compared = _compare(observed, settings)
        return (compared.change,) if compared and compared.change else ()

    def judge(self, observed: Mapping[str, Reading], settings: ClocksourceSettings, facts: HostFacts) -> Verdict:
        compared = _compare(observed, settings)
        return Verdict(tunable=NAME, findings=(compared.finding,) if compared else ())


CLOCKSOURCE = Clocksource()


def _compare(observed: Mapping[str, Reading], settings: ClocksourceSettings) -> Comparison | None:
    if settings.current is None or not watched(settings.current):
        return None
    knob = Knob(key=f"{NAME}:current", tunable=NAME, setting=settings.current, reading=observed[CURRENT])
    offered = observed[AVAILABLE].text.split()
    compared = compare(knob)
    if compared.finding.state is not State.DRIFT or knob.value in offered:
        return compared
    return Comparison(finding=finding(knob, State.UNKNOWN, remedy=_remedy(knob.value, offered), id="NA-CLOCK-001"))


def _remedy(wanted: str, offered: list[str]) -> str:
    """What to do about a source that isn't there."""
    found = f"this kernel offers {', '.join(offered) or 'nothing that could be read'}"
    if wanted != "tsc":
        return found
    return f"{found}; see why it gave up the TSC: dmesg | grep -iE 'tsc|clocksource', then the firmware's release notes"
