"""limits: how many files a unit may open, how much memory it may lock, and other resource limits of its processes.

Why: a validator opens a file for each shard of its databases and stops with "Too many open files" at the usual half a
million; since Agave 3.0 it does not start at all where it may not lock two billion bytes ("unable to set memory lock
limit"). For a service these limits come from its unit. Those of limits.d(5) and ulimit count for logins only, and give
`memlock` in kB where a unit gives bytes.

What is written: one drop-in, UNIT.d/50-nodeagent-limits.conf, with those limits that the unit's other files don't give.
systemd reads its files again right away; the limits count from the unit's next start, which is not ours to make, so a
process that still has the old ones is told (NA-LIMIT-002) until somebody restarts it. The drop-in may be there before
the unit is: a validator is often installed later.

In force is the last assignment of all files in systemd's order. A drop-in whose name comes after ours has the last
word; where it says something else nothing is written, and the file is told (NA-LIMIT-001).

A process can't be given more files than fs.nr_open; its unit would fail to start. So such a limit is refused until
fs.nr_open is raised (NA-LIMIT-004).

Rejected: DefaultLimitNOFILE for all units, which hands every daemon a limit it never asked for; prlimit(1) on the
running process, which is gone with it and tells nobody. Undo removes the drop-in, and its directory if nothing else
is in it.

Sources: https://docs.anza.xyz/operations/setup-a-validator, agave CHANGELOG 3.0.0, systemd.exec(5), setrlimit(2).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from nodeagent.model.change import Change, DirectoryState, Risk, SetDirectory, WriteConfig
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader, PathState
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.model.unit_state import ETC_UNITS, UnitState
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Range
from nodeagent.tune.knob import APPLY_REMEDY, enforced, watched
from nodeagent.tune.reasoned import reasoned
from nodeagent.tune.services.unit_limits import (
    KINDS,
    Limit,
    LimitKind,
    UnitTexts,
    drop_in_text,
    manager_default,
    process_limit,
)
from nodeagent.tune.services.unit_words import has_systemd

NAME = "limits"
DROP_IN = "50-nodeagent-limits.conf"
NR_OPEN = "/proc/sys/fs/nr_open"

_UNIT = re.compile(r"[A-Za-z0-9:_.\\-]{1,200}(@[A-Za-z0-9:_.\\-]{1,100})?\.service", re.ASCII)
_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitLimits:
    """Each is written as soft and hard limit. Sizes are bytes, also for memory, as systemd has them."""

    nofile: Setting[Annotated[int, Range(64, 2_147_483_584)]] | None = None
    memlock_bytes: Setting[Annotated[int, Range(0, _MOST)]] | None = None
    nproc: Setting[Annotated[int, Range(64, 4_194_304)]] | None = None
    rtprio: Setting[Annotated[int, Range(0, 99)]] | None = None
    core_bytes: Setting[Annotated[int, Range(0, _MOST)]] | None = None


def faults(settings: Mapping[str, UnitLimits]) -> Iterator[Fault]:
    """Names that are no services, and bounds that would be a promise to lower what others set."""
    for name, limits in settings.items():
        if not _UNIT.fullmatch(name):
            yield Fault(path=(name,), problem="wanted the full name of a service, such as sol.service", at_key=True)
        for item in fields(limits):
            setting = getattr(limits, item.name)
            if setting is not None and setting.bound is Bound.AT_MOST:
                yield Fault(path=(name, item.name), problem="wanted a value, or >= and a value")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsOfUnit:
    """What was seen of one unit. `defaults` and `running` are by name of the limit; `pid` is of the process told."""

    unit: UnitState
    texts: UnitTexts
    unreadable: tuple[str, ...]
    directory: PathState
    drop_in: Reading
    defaults: Mapping[str, Limit | None]
    processes: Mapping[int, str]

    @property
    def path(self) -> str:
        return f"{ETC_UNITS}/{self.unit.name}.d/{DROP_IN}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsSeen:
    """`units` by their names in the profile."""

    has_systemd: bool
    nr_open: Reading
    units: Mapping[str, LimitsOfUnit]


class Limits:
    """The tunable; settings map a service to its limits."""

    name: str = NAME
    summary: str = "how many files a service may open and how much memory it may lock"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /etc belong to root", remedy="run it with sudo"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.anza.xyz/operations/setup-a-validator",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html",
    )
    Settings: Any = Annotated[dict[str, UnitLimits], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if has_systemd(host) else "systemd does not run this machine"

    def observe(self, host: HostReader, settings: Mapping[str, UnitLimits], facts: HostFacts) -> LimitsSeen:
        meant = [name for name, limits in settings.items() if any(_named(limits))]
        return LimitsSeen(
            has_systemd=has_systemd(host),
            nr_open=host.read(NR_OPEN),
            units={name: _observe(host, name) for name in meant},
        )

    def plan(self, observed: LimitsSeen, settings: Mapping[str, UnitLimits], facts: HostFacts) -> tuple[Change, ...]:
        if not observed.has_systemd:
            return ()
        units = (
            _Unit(seen=seen, limits=settings[name], name=name, observed=observed) for name, seen in _each(observed)
        )
        return tuple(change for unit in units for change in unit.changes())

    def judge(self, observed: LimitsSeen, settings: Mapping[str, UnitLimits], facts: HostFacts) -> Verdict:
        units = [
            _Unit(seen=seen, limits=settings[name], name=name, observed=observed) for name, seen in _each(observed)
        ]
        return Verdict(tunable=NAME, findings=tuple(found for unit in units for found in unit.findings()))


LIMITS = Limits()


def _each(observed: LimitsSeen) -> Iterator[tuple[str, LimitsOfUnit]]:
    yield from observed.units.items()


def _named(limits: UnitLimits) -> Iterator[tuple[LimitKind, Setting[int]]]:
    for kind in KINDS:
        setting = getattr(limits, kind.name)
        if setting is not None and watched(setting):
            yield kind, setting


def _observe(host: HostReader, name: str) -> LimitsOfUnit:
    unit = host.unit(name)
    path = f"{ETC_UNITS}/{unit.name}.d/{DROP_IN}"
    readings = [host.read(file) for file in (unit.fragment, *unit.drop_ins) if file]
    return LimitsOfUnit(
        unit=unit,
        # A unit file always comes first, also one that is not there.
        texts=UnitTexts(files=(*([] if unit.fragment else [("", "")]), *((r.path, r.text) for r in readings))),
        unreadable=tuple(reading.path for reading in readings if not reading.ok),
        directory=host.stat(path.rpartition("/")[0]),
        drop_in=host.read(path),
        defaults={kind.name: manager_default(host, kind.directive) for kind in KINDS},
        processes={pid: host.read(f"/proc/{pid}/limits").text for pid in unit.processes},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Unit:
    """One unit against what is wanted of it."""

    seen: LimitsOfUnit
    limits: UnitLimits
    name: str
    observed: LimitsSeen

    @property
    def key(self) -> str:
        return f"{NAME}:{self.name}"

    def findings(self) -> Iterator[Finding]:
        for kind, setting in _named(self.limits):
            yield self._finding(kind, setting)
        if self.observed.has_systemd:
            yield from self._running()
            if not self.seen.unit.exists:
                yield self._not_installed()

    def changes(self) -> Iterator[Change]:
        """The directory and the drop-in, where a limit is to be mended that can be."""
        mended = [(kind, setting) for kind, setting in _named(self.limits) if self._is_to_be_mended(kind, setting)]
        if not mended:
            return
        lines = (f"{kind.directive}={setting.value}" for kind, setting in self._lines())
        why, source = mended[0][1].why, mended[0][1].source
        if self.seen.directory.kind == "absent":
            yield SetDirectory(
                key=f"{self.key}:directory",
                tunable=NAME,
                why=why,
                source=source,
                path=self.seen.path.rpartition("/")[0],
                before=None,
                after=DirectoryState(mode=0o755, uid=0, gid=0),
            )
        yield WriteConfig(
            key=self.key,
            tunable=NAME,
            why=why,
            source=source,
            path=self.seen.path,
            before=self.seen.drop_in.text if self.seen.drop_in.ok else None,
            after=drop_in_text(self.seen.unit.name, lines),
        )

    def _lines(self) -> Iterator[tuple[LimitKind, Setting[int]]]:
        """What the drop-in must say: what the other files don't give, and nobody after us says otherwise."""
        others = self.seen.texts.without(self.seen.path)
        for kind, setting in _named(self.limits):
            given = others.limit(kind.directive) or self.seen.defaults[kind.name]
            if enforced(setting) and not _accepts(setting, given) and not self._problem(kind, setting):
                yield kind, setting

    def _is_to_be_mended(self, kind: LimitKind, setting: Setting[int]) -> bool:
        return enforced(setting) and not _accepts(setting, self._given(kind)) and not self._problem(kind, setting)

    def _given(self, kind: LimitKind) -> Limit | None:
        return self.seen.texts.limit(kind.directive) or self.seen.defaults[kind.name]

    def _finding(self, kind: LimitKind, setting: Setting[int]) -> Finding:
        if not self.observed.has_systemd:
            remedy = "systemd does not run this machine; leave it out of the profile or set its mode to ignore"
            return self._told(kind, setting, State.NOT_APPLICABLE, got="no systemd", remedy=remedy)
        if problem := self._problem(kind, setting):
            identifier, remedy = problem
            return self._told(kind, setting, State.UNKNOWN, remedy=remedy, id=identifier)
        if _accepts(setting, self._given(kind)):
            return self._told(kind, setting, State.OK)
        return self._told(kind, setting, State.DRIFT, remedy=APPLY_REMEDY)

    def _problem(self, kind: LimitKind, setting: Setting[int]) -> tuple[str, str] | None:
        """Why a limit can't be set: id and remedy."""
        if self.seen.unreadable:
            return "NA-LIMIT-005", f"read it as root, it may say more: cat {self.seen.unreadable[0]}"
        if self.seen.drop_in.status is ReadStatus.UNREADABLE or self.seen.directory.kind not in ("absent", "directory"):
            return "NA-LIMIT-005", f"nothing can be written there: ls -ld {self.seen.path}"
        later = self.seen.texts.after(self.seen.path)
        if (path := later.last_word(kind.directive)) and not _accepts(setting, self._given(kind)):
            return "NA-LIMIT-001", f"it is read after ours and has the last word; change it there: {path}"
        if kind.name == "nofile":
            return self._beyond_the_kernel(setting)
        return None

    def _beyond_the_kernel(self, setting: Setting[int]) -> tuple[str, str] | None:
        limit = self.observed.nr_open.value
        if limit is None or not limit.isdecimal() or setting.value <= int(limit):
            return None
        remedy = (
            f"fs.nr_open is {limit}, and a unit that asks for more does not start; name it in sysctl "
            f'(">={setting.value}") and apply that first: nodeagent tune apply --only sysctl'
        )
        return "NA-LIMIT-004", remedy

    def _running(self) -> Iterator[Finding]:
        """What was started before the files said so; one finding for all that differs."""
        for pid, text in self.seen.processes.items():
            short = [
                (kind, setting, limit)
                for kind, setting in _named(self.limits)
                if (limit := process_limit(text, kind.row)) is not None and not _accepts(setting, limit)
            ]
            if not short:
                continue
            yield Finding(
                subject=f"{self.key}:running",
                state=State.DRIFT,
                got=", ".join(f"{kind.name} {limit}" for kind, _, limit in short) + f" for process {pid}",
                wanted=", ".join(f"{kind.name} {_wanted(setting)}" for kind, setting, _ in short),
                remedy=f"it keeps what it was started with; when it may be disturbed: systemctl restart {self.name}",
                why=short[0][1].why,
                source=short[0][1].source,
                optional=all(setting.mode is Mode.WARN for _, setting, _ in short),
                id="NA-LIMIT-002",
            )
            return

    def _not_installed(self) -> Finding:
        return Finding(
            subject=f"{self.key}:installed",
            state=State.NOT_APPLICABLE,
            got="not installed",
            wanted=f"a unit {self.name}",
            remedy="the drop-in counts as soon as the unit is there; mind that the name is right",
            optional=True,
            id="NA-LIMIT-003",
        )

    def _told(
        self,
        kind: LimitKind,
        setting: Setting[int],
        state: State,
        *,
        got: str = "",
        remedy: str = "",
        id: str | None = None,
    ) -> Finding:
        given = self._given(kind)
        return reasoned(
            subject=self.key,
            state=state,
            got=got or f"{kind.name} {given if given is not None else 'left to systemd'}",
            wanted=f"{kind.name} {_wanted(setting)}",
            remedy=remedy,
            setting=setting,
            id=id,
        )


def _accepts(setting: Setting[int], limit: Limit | None) -> bool:
    """The soft limit is what a process starts with; one that is wanted exactly is wanted hard too."""
    if limit is None:
        return False
    if setting.bound is Bound.AT_LEAST:
        return limit.soft >= setting.value
    return limit.soft == limit.hard == setting.value


def _wanted(setting: Setting[int]) -> str:
    return str(setting.value) if setting.bound is Bound.EXACTLY else f"{setting.bound} {setting.value}"
