"""time-sync: one program keeps the clock, it is the wanted one, and the clock is kept.

Why: a validator signs with timestamps, its votes are weighed by when they come, TLS and certificates need a date, and
two machines are compared by their logs. Two daemons at once pull at one clock, and none leaves it to drift by seconds
a day.

`daemon` names the one that runs and starts at boot. It is enabled and started if it is installed, and the others are
stopped and disabled (masked, where that alone has an exact way back) before, since systemd would stop some of them by
itself (Conflicts=) and nobody would know the way back. `any` is satisfied with any one of them and changes nothing.
One that is not installed is told with the line that installs it; installing is not ours.

`synchronised` asks the kernel (adjtimex(2), as `timedatectl` does): it says no from boot until a daemon has the
clock, and again about nine hours after the last word of it. A daemon that has just been started needs a minute, so a
verify right after an apply may differ. On a captured tree only timesyncd leaves a file that tells.

`servers` is only told: which servers are right depends on the place, and every daemon has its own files.

Rejected: setting the clock, hardware timestamping and PTP, makestep policies. Starting chrony may step the clock, which
a running validator feels: that is why all of it is service-restart.

Sources: adjtimex(2), timedatectl(1), chrony.conf(5), systemd-timesyncd(8), https://docs.anza.xyz (clock).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.clock_state import ClockState
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.unit_state import UnitState
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.tune.knob import Comparison, Comparisons, enforced, watched
from nodeagent.tune.reasoned import reasoned
from nodeagent.tune.services.second_owners import is_at_work
from nodeagent.tune.services.time_daemons import DAEMONS, NAMES, SYNCHRONISED_BY_TIMESYNCD, configured_servers
from nodeagent.tune.services.unit_plan import Wanted, WantedUnit, compare_unit
from nodeagent.tune.services.unit_words import has_systemd, told

NAME = "time-sync"
ANY = "any"

Daemon = Annotated[str, Pattern("|".join((*NAMES, ANY)), f"one of {', '.join(NAMES)}, {ANY}")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSettings:
    """`servers` are names or addresses with blanks between; they are told where they are missing, never set."""

    daemon: Setting[Daemon] | None = None
    synchronised: Setting[Annotated[str, Pattern("yes", "yes; leave it out for anything else")]] | None = None
    servers: (
        Setting[Annotated[str, Pattern(r"[A-Za-z0-9._:-]+( [A-Za-z0-9._:-]+){0,15}", "names of servers")]] | None
    ) = None


def faults(settings: TimeSettings) -> Iterator[Fault]:
    """Bounds on words."""
    for item in fields(settings):
        setting = getattr(settings, item.name)
        if setting is not None and setting.bound is not Bound.EXACTLY:
            yield Fault(path=(item.name,), problem="there is no more or less of it: wanted the value alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSeen:
    """`units` is the one of each daemon that is there, by the daemon's name; `servers` likewise."""

    has_systemd: bool
    clock: ClockState
    noted_by_timesyncd: bool
    units: Mapping[str, UnitState]
    servers: Mapping[str, tuple[str, ...]]

    @property
    def at_work(self) -> tuple[str, ...]:
        """Daemons that run or start at boot."""
        return tuple(name for name, unit in self.units.items() if is_at_work(unit))


class TimeSync:
    """The tunable."""

    name: str = NAME
    summary: str = "which one program keeps the clock, and whether the clock is kept"
    risk: Risk = Risk.SERVICE_RESTART
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="only root may start and stop units", remedy="run it with sudo"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://man7.org/linux/man-pages/man2/adjtimex.2.html",
        "https://chrony-project.org/documentation.html",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd-timesyncd.service.html",
    )
    Settings: Any = Annotated[TimeSettings, Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if has_systemd(host) else "systemd does not run this machine"

    def observe(self, host: HostReader, settings: TimeSettings, facts: HostFacts) -> TimeSeen:
        runs = has_systemd(host)
        units = {item.name: _unit(host, item.units) for item in DAEMONS} if runs else {}
        there = {name: unit for name, unit in units.items() if unit is not None}
        return TimeSeen(
            has_systemd=runs,
            clock=host.clock(),
            noted_by_timesyncd=host.stat(SYNCHRONISED_BY_TIMESYNCD).kind == "file",
            units=there,
            servers={item.name: configured_servers(host, item) for item in DAEMONS if item.name in there},
        )

    def plan(self, observed: TimeSeen, settings: TimeSettings, facts: HostFacts) -> tuple[Change, ...]:
        return _daemons(observed, settings.daemon).changes

    def judge(self, observed: TimeSeen, settings: TimeSettings, facts: HostFacts) -> Verdict:
        return Verdict(
            tunable=NAME,
            findings=(
                *_daemons(observed, settings.daemon).findings,
                *_clock(observed, settings.synchronised),
                *_servers(observed, settings),
            ),
        )


TIME_SYNC = TimeSync()


def _unit(host: HostReader, names: tuple[str, ...]) -> UnitState | None:
    """The first that has a unit file; a bare mask of one that isn't installed is no daemon."""
    return next((unit for name in names if (unit := host.unit(name)).fragment), None)


def _daemons(seen: TimeSeen, setting: Setting[str] | None) -> Comparisons:
    """The others first: what the wanted one would push aside must be off, and recorded, before it starts."""
    if setting is None or not watched(setting):
        return Comparisons()
    if setting.value == ANY:
        return Comparisons([Comparison(finding=_any_one(seen, setting))])
    rivals = [name for name in seen.at_work if name != setting.value]
    made = [_without(seen, name, setting) for name in rivals]
    chosen = seen.units.get(setting.value)
    if chosen is None and seen.has_systemd:
        # Nothing is switched off for one that can't take over.
        return Comparisons([Comparison(finding=_not_installed(seen, setting))])
    own = _compare(seen, setting.value, chosen or UnitState(name=setting.value), Wanted.RUNNING, setting)
    if own.change is not None and any(item.finding.state is State.UNKNOWN for item in made):
        # Two at once are worse than the wrong one.
        own = Comparison(
            finding=replace(own.finding, remedy="first see to the other daemon, which can't be switched off")
        )
    return Comparisons([*made, own])


def _without(seen: TimeSeen, name: str, setting: Setting[str]) -> Comparison:
    """Disabled, or masked where disabling has no exact way back."""
    disabled = _compare(seen, name, seen.units[name], Wanted.DISABLED, setting)
    if disabled.change is not None or not enforced(setting):
        return disabled
    masked = _compare(seen, name, seen.units[name], Wanted.MASKED, setting)
    return masked if masked.change is not None or masked.finding.state is State.OK else disabled


def _compare(seen: TimeSeen, name: str, unit: UnitState, wanted: Wanted, setting: Setting[str]) -> Comparison:
    return compare_unit(
        WantedUnit(
            unit=unit,
            wanted=wanted,
            setting=setting,
            key=f"{NAME}:{name}",
            tunable=NAME,
            has_systemd=seen.has_systemd,
        )
    )


def _any_one(seen: TimeSeen, setting: Setting[str]) -> Finding:
    if not seen.has_systemd:
        remedy = "systemd does not run this machine; leave it out of the profile or set its mode to ignore"
        return _finding("daemon", State.NOT_APPLICABLE, setting, got="no systemd", remedy=remedy)
    working = [f"{name} ({told(seen.units[name])})" for name in seen.at_work]
    match working:
        case [only]:
            unit = seen.units[seen.at_work[0]]
            if unit.active is True and (unit.links or not unit.install):
                return _finding("daemon", State.OK, setting, got=only)
            remedy = f"systemctl enable --now {unit.name}"
            return _finding("daemon", State.UNKNOWN, setting, got=only, remedy=remedy, id="NA-TIME-003")
        case []:
            remedy = "name one in the profile, and install it: apt install chrony"
            return _finding("daemon", State.UNKNOWN, setting, got="none", remedy=remedy, id="NA-TIME-003")
        case _:
            remedy = "they pull at one clock; name the one to keep in the profile"
            return _finding("daemon", State.UNKNOWN, setting, got=", ".join(working), remedy=remedy, id="NA-TIME-002")


def _not_installed(seen: TimeSeen, setting: Setting[str]) -> Finding:
    package = next(item.package for item in DAEMONS if item.name == setting.value)
    working = ", ".join(seen.at_work) or "nothing"
    return _finding(
        setting.value,
        State.UNKNOWN,
        setting,
        got=f"not installed; {working} keeps the clock",
        remedy=f"apt install {package}",
        id="NA-TIME-001",
    )


def _clock(seen: TimeSeen, setting: Setting[str] | None) -> Iterator[Finding]:
    if setting is None or not watched(setting):
        return
    clock = seen.clock
    if clock.synchronised is None and seen.noted_by_timesyncd:
        yield _finding("synchronised", State.OK, setting, got="yes, timesyncd has set it since boot")
    elif clock.synchronised is None:
        remedy = f"{clock.problem}; look on the machine: timedatectl"
        yield _finding("synchronised", State.UNKNOWN, setting, got="not known", remedy=remedy)
    elif clock.synchronised:
        error = clock.maximum_error_seconds
        got = "yes" if error is None else f"yes, within {error * 1000:.3g} ms"
        yield _finding("synchronised", State.OK, setting, got=got)
    else:
        remedy = "a daemon needs a minute after its start; then: chronyc tracking, or timedatectl timesync-status"
        yield _finding("synchronised", State.DRIFT, setting, got="no", remedy=remedy, id="NA-TIME-004")


def _servers(seen: TimeSeen, settings: TimeSettings) -> Iterator[Finding]:
    """Of the daemon that is wanted, else of the one that works."""
    setting = settings.servers
    if setting is None or not watched(setting) or not seen.has_systemd:
        return
    wanted = settings.daemon.value if settings.daemon else ANY
    name = wanted if wanted != ANY else next(iter(seen.at_work), "")
    configured = seen.servers.get(name, ())
    missing = [server for server in setting.value.split() if server not in configured]
    got = " ".join(configured) or "none"
    if not missing:
        yield _finding("servers", State.OK, setting, got=got)
        return
    files = next((item.files[0] for item in DAEMONS if item.name == name), "the configuration of the daemon")
    yield _finding(
        "servers",
        State.DRIFT,
        setting,
        got=got,
        remedy=f"add {' '.join(missing)} to {files}",
        id="NA-TIME-005",
        told=True,
    )


def _finding(
    name: str,
    state: State,
    setting: Setting[str],
    *,
    got: str,
    remedy: str = "",
    id: str | None = None,
    told: bool = False,
) -> Finding:
    return reasoned(
        subject=f"{NAME}:{name}",
        state=state,
        got=got,
        wanted=setting.value,
        remedy=remedy,
        setting=setting,
        optional=told,
        id=id,
    )
