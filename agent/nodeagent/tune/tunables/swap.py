"""swap: whether the machine swaps now, and whether it does after the next boot.

Why: a validator whose accounts index was swapped out stalls for as long as the disk takes to bring it back, which is
longer than a slot. Where memory is sized for the job, swap hides that it no longer is. What to want is disputed:
without swap the kernel kills instead of stalling. So it is two settings, and `warn` is a good mode to begin with.

`in_use: off` switches every area off now. What lies there goes back into memory: where that does not fit, nothing is
done (NA-SWAP-001), because the kernel would first press all of memory and then kill or give up (ENOMEM). Areas go off
from the lowest priority up and come back in the other order, since priorities that nobody chose are counted down by
the kernel (-2, -3, ...) and so become what they were; chosen ones are asked for again, and the discard policy, which
the kernel doesn't show, is that of fstab or the unit.

`at_boot: off` masks the swap units that would start. fstab is not edited: systemd makes units of its lines, and a mask
stands over them and is undone exactly. What can't be masked is told: lines of fstab that have no unit (NA-SWAP-003),
services that make a swap area of their own, such as zram (NA-SWAP-004), which conflicting-services may name.

`in_use: on` is only looked at: which area to switch on is for a person to say (NA-SWAP-002).

An area is known by path and by the UUID of its header; nothing is switched on whose header has changed.

Rejected: vm.swappiness (sysctl), making swap files, memory.swap.max of one unit.

Sources: swapon(8), swapon(2), proc_swaps(5), systemd.swap(5), mm/swapfile.c. Negative priorities seen on 6.18.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Change, Risk
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import ReadStatus
from nodeagent.model.service_change import SetUnit, UnitCondition
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.swap_area import SwapArea
from nodeagent.model.swap_change import SetSwap, SwapState
from nodeagent.model.unit_state import ETC_UNITS, UnitState
from nodeagent.model.units import format_bytes
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.tune.knob import APPLY_REMEDY, enforced, watched
from nodeagent.tune.reasoned import reasoned
from nodeagent.tune.services.second_owners import is_at_work
from nodeagent.tune.services.swap_boot import MAKERS, SwapLine, SwapUnit, discard_of, same, swap_lines, swap_units
from nodeagent.tune.services.unit_words import has_systemd

NAME = "swap"
SWAPS = "/proc/swaps"
MEMORY_SHARE = 0.9
"""How much of the available memory may be taken up by what comes back; the rest is for those who work meanwhile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSettings:
    """`in_use` is about now, `at_boot` about what happens at the next one."""

    in_use: Setting[Annotated[str, Pattern("on|off", "on or off")]] | None = None
    at_boot: Setting[Annotated[str, Pattern("off", "off; leave it out for anything else")]] | None = None


def faults(settings: SwapSettings) -> Iterator[Fault]:
    """Bounds on words."""
    for name, setting in (("in_use", settings.in_use), ("at_boot", settings.at_boot)):
        if setting is not None and setting.bound is not Bound.EXACTLY:
            yield Fault(path=(name,), problem="there is no more or less of it: wanted the word alone")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapSeen:
    """`problem` says why /proc/swaps can't be read, "absent" for a kernel without swap."""

    areas: tuple[SwapArea, ...]
    problem: str
    has_systemd: bool
    units: tuple[SwapUnit, ...]
    lines: tuple[SwapLine, ...]
    makers: tuple[UnitState, ...]


class Swap:
    """The tunable."""

    name: str = NAME
    summary: str = "whether memory is swapped to disk, now and after the next boot"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="swapoff(2) needs CAP_SYS_ADMIN", remedy="run it with sudo"),
        Need(kind=NeedKind.TOOL, name="swapoff", reason="it switches areas off", remedy="apt install mount"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://man7.org/linux/man-pages/man8/swapon.8.html",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd.swap.html",
    )
    Settings: Any = Annotated[SwapSettings, Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.read(SWAPS).ok else f"this kernel has no {SWAPS}, or it can't be read"

    def observe(self, host: HostReader, settings: SwapSettings, facts: HostFacts) -> SwapSeen:
        reading = host.read(SWAPS)
        runs = has_systemd(host)
        return SwapSeen(
            areas=tuple(host.swaps()),
            problem="absent" if reading.status is ReadStatus.ABSENT else reading.problem,
            has_systemd=runs,
            units=swap_units(host) if runs else (),
            lines=swap_lines(host),
            makers=tuple(host.unit(name) for name in MAKERS) if runs else (),
        )

    def plan(self, observed: SwapSeen, settings: SwapSettings, facts: HostFacts) -> tuple[Change, ...]:
        return (*_masks(observed, settings.at_boot), *_switches(observed, settings.in_use, facts))

    def judge(self, observed: SwapSeen, settings: SwapSettings, facts: HostFacts) -> Verdict:
        now = _judge_use(observed, settings.in_use, facts)
        return Verdict(tunable=NAME, findings=(*_judge_boot(observed, settings.at_boot), *now))


SWAP = Swap()


def _switches(seen: SwapSeen, setting: Setting[str] | None, facts: HostFacts) -> Iterator[SetSwap]:
    """Off from the lowest priority up, so that undoing counts the kernel's own priorities down as before."""
    if setting is None or not enforced(setting) or setting.value != "off" or _does_not_fit(seen.areas, facts):
        return
    for area in sorted(seen.areas, key=lambda area: area.priority):
        yield SetSwap(
            key=f"{NAME}:{area.path}",
            tunable=NAME,
            why=setting.why,
            source=setting.source,
            path=area.path,
            uuid=area.uuid,
            before=SwapState(priority=area.priority, discard=discard_of(area, seen.units, seen.lines)),
            after=None,
        )


def _judge_use(seen: SwapSeen, setting: Setting[str] | None, facts: HostFacts) -> Iterator[Finding]:
    if setting is None or not watched(setting):
        return
    if seen.problem:
        yield _unreadable(seen, setting)
        return
    if setting.value == "on":
        yield _one_is_on(seen, setting)
        return
    if not seen.areas:
        yield _finding("in-use", State.OK, setting, got="off")
    reason = _does_not_fit(seen.areas, facts)
    for area in seen.areas:
        got = f"on, {format_bytes(area.used_bytes)} of {format_bytes(area.size_bytes)} used"
        if reason:
            yield _finding(area.path, State.UNKNOWN, setting, got=got, remedy=reason, id="NA-SWAP-001")
        else:
            yield _finding(area.path, State.DRIFT, setting, got=got, remedy=APPLY_REMEDY)


def _unreadable(seen: SwapSeen, setting: Setting[str]) -> Finding:
    if seen.problem == "absent" and setting.value == "off":
        return _finding("in-use", State.OK, setting, got="off, this kernel can't swap")
    if seen.problem == "absent":
        remedy = "boot a kernel with CONFIG_SWAP, or leave it out of the profile"
        return _finding("in-use", State.NOT_APPLICABLE, setting, got="this kernel can't swap", remedy=remedy)
    got = f"unreadable ({seen.problem})"
    return _finding("in-use", State.UNKNOWN, setting, got=got, remedy=f"read it as root: cat {SWAPS}")


def _one_is_on(seen: SwapSeen, setting: Setting[str]) -> Finding:
    if seen.areas:
        return _finding("in-use", State.OK, setting, got=", ".join(area.path for area in seen.areas))
    remedy = "which area is for a person to say: swapon --all takes those of fstab"
    return _finding("in-use", State.UNKNOWN, setting, got="off", remedy=remedy, id="NA-SWAP-002")


def _does_not_fit(areas: Sequence[SwapArea], facts: HostFacts) -> str:
    """Why what is swapped out can't come back; "" where it can."""
    used, available = sum(area.used_bytes for area in areas), facts.memory.available_bytes
    if not used:
        return ""
    if available is None:
        return "nobody can say how much memory is available, and what lies there must fit into it"
    if used <= available * MEMORY_SHARE:
        return ""
    return (
        f"{format_bytes(used)} lie there and {format_bytes(available)} of memory are available: free some first "
        "(ps aux --sort=-rss | head)"
    )


def _masks(seen: SwapSeen, setting: Setting[str] | None) -> Iterator[SetUnit]:
    for item in seen.units if setting is not None and enforced(setting) else ():
        if not _starts(item) or _in_the_way(item):
            continue
        before = UnitCondition(active=None, masked=False, links=item.unit.links)
        yield SetUnit(
            key=f"{NAME}:{item.unit.name}",
            tunable=NAME,
            why=setting.why if setting else "",
            source=setting.source if setting else "",
            unit=item.unit.name,
            before=before,
            after=UnitCondition(active=None, masked=True, links=item.unit.links),
        )


def _starts(item: SwapUnit) -> bool:
    return item.at_boot and not item.unit.is_masked


def _in_the_way(item: SwapUnit) -> bool:
    """A unit file in /etc itself stands where its mask would."""
    return item.unit.fragment.startswith(f"{ETC_UNITS}/")


def _judge_boot(seen: SwapSeen, setting: Setting[str] | None) -> Iterator[Finding]:
    if setting is None or not watched(setting):
        return
    findings = (*_units_at_boot(seen, setting), *_lines_at_boot(seen, setting), *_makers(seen, setting))
    yield from findings or (_finding("at-boot", State.OK, setting, got="off"),)


def _units_at_boot(seen: SwapSeen, setting: Setting[str]) -> Iterator[Finding]:
    for item in seen.units:
        got = f"{item.unit.name} switches {item.what or 'an area'} on"
        if _starts(item) and _in_the_way(item):
            remedy = f"its file stands where a mask would: systemctl disable {item.unit.name}"
            yield _finding(item.unit.name, State.UNKNOWN, setting, got=got, remedy=remedy, id="NA-SWAP-005")
        elif _starts(item):
            yield _finding(item.unit.name, State.DRIFT, setting, got=got, remedy=APPLY_REMEDY)
        elif item.at_boot:
            yield _finding(item.unit.name, State.OK, setting, got=f"{item.unit.name} is masked")


def _lines_at_boot(seen: SwapSeen, setting: Setting[str]) -> Iterator[Finding]:
    """With systemd a line has a unit, unless it was written since PID 1 last read it."""
    for line in seen.lines:
        if line.at_boot and not any(same(line.what, item.what) for item in seen.units):
            yield _finding(
                f"fstab-line-{line.number}",
                State.DRIFT,
                setting,
                got=f"line {line.number} of /etc/fstab switches {line.what} on",
                remedy="systemctl daemon-reload, and plan again" if seen.has_systemd else "take the line out yourself",
                id="NA-SWAP-003",
            )


def _makers(seen: SwapSeen, setting: Setting[str]) -> Iterator[Finding]:
    for unit in seen.makers:
        if is_at_work(unit) and not unit.mask:
            yield _finding(
                unit.name,
                State.DRIFT,
                setting,
                got=f"{unit.name} makes a swap area of its own",
                remedy=f"name {unit.name} in conflicting-services (masked)",
                id="NA-SWAP-004",
            )


def _finding(
    name: str, state: State, setting: Setting[str], *, got: str, remedy: str = "", id: str | None = None
) -> Finding:
    return reasoned(
        subject=f"{NAME}:{name}",
        state=state,
        got=got,
        wanted=setting.value,
        remedy=remedy,
        setting=setting,
        id=id,
    )
