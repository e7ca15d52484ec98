"""conflicting-services: units that would reset what a profile sets, or disturb a validator, and what is wanted of them.

Why: irqbalance moves interrupts back every ten seconds, TuneD and the power daemons set governors and sysctls at
moments of their own, and a weekly fstrim or an upgrade at noon is felt as a skipped slot. A value that somebody else
owns too is right only until they act.

Three degrees: `stopped` now (it starts again at boot, or when something asks for it), `disabled` (stopped, and no
longer started at boot), `masked` (nothing starts it, not even a dependency or D-Bus). A mask leaves the links that
enable a unit alone, so undoing it gives back enabled or disabled exactly; that is why `masked` is the safest choice
too.

All changes are service-restart: they need `--allow service-restart`, and wait while the validator runs. What runs is
read from control groups, what is enabled from links (host/units.py), so nothing is asked of PID 1 by plan and verify.

Units that the profile does not name are told where they set the same things (tune/services/second_owners.py), and
maintenance that disturbs (apt, fstrim, e2scrub, mdcheck, snapd, kdump) is told here, once a profile uses this tunable.
Mode `ignore` silences a unit.

Rejected: units without which nobody gets in or nothing works (ssh, dbus, udev, logind, the network) can't be named;
targets, mounts and slices neither. Time daemons belong to time-sync, swap units to swap, the validator to nobody here.
Restarting units: that has no way back.

Sources: systemctl(1), systemd.unit(5), and those of tune/services/conflicting_units.py.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.unit_state import UnitState
from nodeagent.model.verdict import Finding, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.tune.knob import Comparison, Comparisons, watched
from nodeagent.tune.services.conflicting_units import CONTENDERS
from nodeagent.tune.services.second_owners import NAMING, contender_finding, is_at_work
from nodeagent.tune.services.unit_plan import Wanted, WantedUnit, compare_unit
from nodeagent.tune.services.unit_words import has_systemd

NAME = NAMING

_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,200}\.(service|timer|socket|path)", re.ASCII)
_VITAL = re.compile(
    r"(ssh|sshd|dbus|dbus-broker|polkit|getty|serial-getty|networking|NetworkManager|ifup|wpa_supplicant|cloud-init"
    r"|nodeagent.*|systemd-(?!timesyncd$).*)(@.*)?"
)
_TIME = re.compile(r"chrony|chronyd|systemd-timesyncd|ntp|ntpd|ntpsec|openntpd")

Degree = Annotated[str, Pattern("stopped|disabled|masked", "stopped, disabled or masked")]


def faults(settings: Mapping[str, Setting[str]]) -> Iterator[Fault]:
    """Names that are no units of the kinds meant here, and units that nobody should switch off by a profile."""
    for name, setting in settings.items():
        if problem := _name_problem(name):
            yield Fault(path=(name,), problem=problem, at_key=True)
        elif setting.bound is not Bound.EXACTLY:
            yield Fault(path=(name, "value"), problem="there is no more or less of it: wanted the word alone")


def _name_problem(name: str) -> str:
    if not _UNIT.fullmatch(name) or "@." in name:
        return "wanted the full name of a service, timer, socket or path, such as irqbalance.service"
    stem = name.rpartition(".")[0]
    if _TIME.fullmatch(stem):
        return "the tunable time-sync says which time daemon runs"
    return "the machine can't do without it, or can't be reached" if _VITAL.fullmatch(stem) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicesSeen:
    """`units` by the name in the profile, `others` those of the table that it does not name."""

    has_systemd: bool
    units: Mapping[str, UnitState]
    others: Mapping[str, UnitState]


class ConflictingServices:
    """The tunable; settings map the name of a unit to what it should be."""

    name: str = NAME
    summary: str = "units that would reset what is set here, or disturb a validator"
    risk: Risk = Risk.SERVICE_RESTART
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="only root may stop and mask units", remedy="run it with sudo"),
        Need(
            kind=NeedKind.TOOL,
            name="systemctl",
            reason="PID 1 is told by it",
            remedy="a machine without systemd has none of these units; leave it out of the profile",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://www.freedesktop.org/software/systemd/man/latest/systemctl.html",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd.unit.html",
    )
    Settings: Any = Annotated[dict[str, Setting[Degree]], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if has_systemd(host) else "systemd does not run this machine"

    def observe(self, host: HostReader, settings: Mapping[str, Setting[str]], facts: HostFacts) -> ServicesSeen:
        runs = has_systemd(host)
        units = {name: host.unit(name) for name, setting in settings.items() if watched(setting)}
        silent = {row.unit for row in CONTENDERS if row.over or row.unit in settings}
        others = {row.unit: host.unit(row.unit) for row in CONTENDERS if runs and row.unit not in silent}
        return ServicesSeen(has_systemd=runs, units=units, others=others)

    def plan(
        self, observed: ServicesSeen, settings: Mapping[str, Setting[str]], facts: HostFacts
    ) -> tuple[Change, ...]:
        return _compare_all(observed, settings).changes

    def judge(self, observed: ServicesSeen, settings: Mapping[str, Setting[str]], facts: HostFacts) -> Verdict:
        return Verdict(tunable=NAME, findings=(*_compare_all(observed, settings).findings, *_maintenance(observed)))


CONFLICTING_SERVICES = ConflictingServices()


def _compare_all(observed: ServicesSeen, settings: Mapping[str, Setting[str]]) -> Comparisons:
    return Comparisons([_compare(observed, name, settings[name]) for name in observed.units])


def _compare(observed: ServicesSeen, name: str, setting: Setting[str]) -> Comparison:
    return compare_unit(
        WantedUnit(
            unit=observed.units[name],
            wanted=Wanted(setting.value),
            setting=setting,
            key=f"{NAME}:{name}",
            tunable=NAME,
            has_systemd=observed.has_systemd,
        )
    )


def _maintenance(observed: ServicesSeen) -> Iterator[Finding]:
    """Rows without tunables: they own no value, they disturb."""
    for row in CONTENDERS:
        unit = observed.others.get(row.unit)
        if unit is not None and is_at_work(unit):
            yield contender_finding(unit, row, subject=f"{NAME}:{row.unit}")
