"""kernel-command-line: what GRUB hands to the kernel at the next boot.

Why: some settings exist only there (isolcpus with managed_irq, nohz_full, rcu_nocbs, the IOMMU, pages of 1 GiB before
memory is in pieces), and a machine that was set up without them is found out when it matters. The running kernel is
never touched: until a boot, `/proc/cmdline` shows the old values, and each parameter is told as NEEDS_REBOOT.

How: one drop-in of GRUB (tune/kernel/boot_loader.py says which variable and why its name) and the menu made from it are
one change (model/boot_change.py). A new menu takes the old one's place only if its entries say what was wanted.

Risk `reboot`: it reboots nothing, but it decides how the next boot goes and only another boot takes it back, so it has
to be allowed. What would leave a machine that can't start is refused: parameters that name the root file system or what
runs first, all CPUs isolated, more than 90 % of memory in huge pages.

One word for each parameter: where another file sets it too, nothing is written (NA-BOOT-001), since the kernel takes
the last of some, the first of others, and adds up the rest (isolcpus, hugepages).

Rejected: editing /etc/default/grub, which belongs to somebody else, and `mitigations=off` in any profile that is
shipped. Sources: Documentation/admin-guide/kernel-parameters.txt; util/grub-mkconfig.in and 10_linux of GRUB with
Debian's patch."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.boot_menu import carried, named, parameter_name
from nodeagent.model.change import Change, DirectoryState, Risk, SetDirectory
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.placement import CpuRole
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.kernel.boot_loader import DIRECTORY, DROP_IN, MENU, RUNNING, BootState, drop_in_text, read_boot
from nodeagent.tune.kernel.boot_parameters import Wanted, means_the_same, mentioned, wanted_parameters
from nodeagent.tune.kernel.boot_settings import KernelCommandLine, KernelCommandLineSettings
from nodeagent.tune.knob import APPLY_REMEDY, enforced
from nodeagent.tune.reasoned import reasoned

NAME = "kernel-command-line"
KEY = f"{NAME}:grub"

_UPDATE = "make the menu anew: update-grub"
_REBOOT = "it takes effect at the next boot: systemctl reboot, when the validator can be spared"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """One setting: what is to be said of it, and whether our drop-in is to hold it."""

    wanted: Wanted
    finding: Finding
    ours: bool


class KernelCommandLineTunable:
    """The tunable; what was seen is the running command line, the menu, and who says what for the next one."""

    name: str = NAME
    summary: str = "what the boot loader hands to the kernel"
    risk: Risk = Risk.REBOOT
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="/etc/default/grub.d and /boot belong to root", remedy="use sudo"),
        Need(
            kind=NeedKind.TOOL,
            name="grub-mkconfig",
            reason="it makes the boot menu",
            remedy="apt-get install grub-common",
        ),
    )
    follows: tuple[str, ...] = ("smt",)
    roles: tuple[CpuRole, ...] = tuple(CpuRole)
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/kernel-parameters.html",
        "https://www.gnu.org/software/grub/manual/grub/html_node/Simple-configuration.html",
    )
    Settings: Any = KernelCommandLine

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return read_boot(host).obstacle

    def observe(self, host: HostReader, settings: KernelCommandLineSettings, facts: HostFacts) -> BootState:
        return read_boot(host)

    def plan(self, observed: BootState, settings: KernelCommandLineSettings, facts: HostFacts) -> tuple[Change, ...]:
        judged = _judge(observed, settings, facts)
        change = _change(observed, judged, mentioned(settings))
        if change is None:
            return ()
        return (*([_directory()] if not observed.has_directory else []), change)

    def judge(self, observed: BootState, settings: KernelCommandLineSettings, facts: HostFacts) -> Verdict:
        judged = _judge(observed, settings, facts)
        findings = [one.finding for one in judged]
        return Verdict(tunable=NAME, findings=(*findings, *_given_up(observed, mentioned(settings)), *_told(judged)))


KERNEL_COMMAND_LINE = KernelCommandLineTunable()


def _judge(seen: BootState, settings: KernelCommandLineSettings, facts: HostFacts) -> tuple[_Judged, ...]:
    judged = (_judge_one(seen, wanted) for wanted in wanted_parameters(settings, facts))
    # What no step of ours mends must not be taken for drift of that step.
    return tuple(one if one.ours else _apart(one) for one in judged)


def _apart(one: _Judged) -> _Judged:
    return replace(one, finding=replace(one.finding, subject=f"{NAME}:{one.wanted.label}"))


def _judge_one(seen: BootState, wanted: Wanted) -> _Judged:
    """In this order: can't be set here, can't be set at all, somebody else sets it, not in the menu, not running."""
    stopped = _stopped(seen, wanted)
    if stopped is not None:
        return _Judged(wanted=wanted, finding=stopped, ours=False)
    by_others = [said for said in seen.said if said.name in wanted.names]
    if by_others and not means_the_same([said.token for said in by_others], wanted.tokens):
        finding = _finding(
            wanted,
            State.DRIFT,
            got=", ".join(map(str, by_others)),
            remedy=f"take it out of {by_others[0].file}, line {by_others[0].line}, or out of the profile",
            id="NA-BOOT-001",
        )
        return _Judged(wanted=wanted, finding=finding, ours=False)
    ours = not by_others and enforced(wanted.setting)
    return _Judged(wanted=wanted, finding=_compared(seen, wanted, by_others=bool(by_others)), ours=ours)


def _stopped(seen: BootState, wanted: Wanted) -> Finding | None:
    if seen.obstacle:
        return _finding(wanted, State.NOT_APPLICABLE, got=seen.obstacle, remedy=seen.remedy, id="NA-BOOT-002")
    if wanted.problem:
        return _finding(wanted, State.UNKNOWN, got=wanted.problem, remedy=wanted.remedy, id=wanted.id)
    if not seen.menu.ok:
        got, remedy = f"{MENU} is unreadable ({seen.menu.problem})", f"read it as root: cat {MENU}"
        return _finding(wanted, State.UNKNOWN, got=got, remedy=remedy)
    if carried(seen.menu.text, wanted.names) is None:
        got, remedy = f"the entries of {MENU} don't agree", f"{_UPDATE}, then look: grep linux {MENU}"
        return _finding(wanted, State.UNKNOWN, got=got, remedy=remedy, id="NA-BOOT-003")
    if seen.overriders:
        got = f"{seen.overriders[0]} sets GRUB_CMDLINE_LINUX_DEFAULT anew, after {DROP_IN}"
        remedy = 'let it append: GRUB_CMDLINE_LINUX_DEFAULT="$GRUB_CMDLINE_LINUX_DEFAULT ..."'
        return _finding(wanted, State.UNKNOWN, got=got, remedy=remedy, id="NA-BOOT-001")
    return None


def _compared(seen: BootState, wanted: Wanted, *, by_others: bool) -> Finding:
    in_menu = carried(seen.menu.text, wanted.names) or ()
    if not means_the_same(in_menu, wanted.tokens):
        stale = by_others or means_the_same(named(seen.own, wanted.names), wanted.tokens)
        remedy, id = (_UPDATE, "NA-BOOT-003") if stale else (APPLY_REMEDY, None)
        return _finding(wanted, State.DRIFT, got=_words(in_menu, wanted), remedy=remedy, id=id)
    if not seen.running.ok:
        got = f"in the menu; {RUNNING} is unreadable ({seen.running.problem or 'absent'})"
        return _finding(wanted, State.UNKNOWN, got=got, remedy=f"cat {RUNNING}")
    running = named(seen.running.text.split(), wanted.names)
    if means_the_same(running, wanted.tokens):
        return _finding(wanted, State.OK, got=_words(running, wanted))
    return _finding(wanted, State.NEEDS_REBOOT, got=f"{_words(running, wanted)} (running)", remedy=_REBOOT)


def _change(seen: BootState, judged: Sequence[_Judged], names: Collection[str]) -> SetBootParameters | None:
    """What the profile enforces goes in; what it only speaks of, or can't be judged now, stays as it is."""
    if seen.obstacle or not seen.menu.ok or seen.overriders:
        return None
    ours = [one.wanted for one in judged if one.ours]
    set_now = {name for wanted in ours for name in wanted.names}
    kept = [token for token in seen.own if parameter_name(token) in names and parameter_name(token) not in set_now]
    tokens = (*(token for wanted in ours for token in wanted.tokens), *kept)
    after = drop_in_text(tokens)
    if after == seen.drop_in:
        return None
    concerned = frozenset(parameter_name(token) for token in (*seen.own, *tokens))
    before_menu = carried(seen.menu.text, concerned)
    if before_menu is None or not set(seen.own) <= set(before_menu):
        return None  # a menu that was not made from its files: told, and to be made anew first
    by_others = tuple(token for token in before_menu if token not in seen.own)
    settings = [wanted.setting for wanted in ours]
    return SetBootParameters(
        key=KEY,
        tunable=NAME,
        risk=Risk.REBOOT,
        why="; ".join(dict.fromkeys(setting.why for setting in settings if setting.why)),
        source="; ".join(dict.fromkeys(setting.source for setting in settings if setting.source)),
        path=DROP_IN,
        menu=MENU,
        before=seen.drop_in,
        after=after,
        before_menu=before_menu,
        after_menu=(*by_others, *tokens),
    )


def _directory() -> SetDirectory:
    state = DirectoryState(mode=0o755, uid=0, gid=0)
    return SetDirectory(
        key=f"{NAME}:directory", tunable=NAME, risk=Risk.REBOOT, path=DIRECTORY, before=None, after=state
    )


def _given_up(seen: BootState, names: Collection[str]) -> Iterator[Finding]:
    """What our drop-in holds and the profile doesn't speak of any more."""
    for token in seen.own:
        if parameter_name(token) not in names:
            yield Finding(subject=KEY, state=State.DRIFT, got=token, wanted="not set by us", remedy=APPLY_REMEDY)


def _told(judged: Sequence[_Judged]) -> Iterator[Finding]:
    for one in judged:
        if one.wanted.tokens == ("mitigations=off",):
            yield Finding(
                subject=KEY,
                state=State.NOT_APPLICABLE,
                got="mitigations=off",
                wanted="the kernel's own choice",
                remedy="any process could read the validator's keys through the processor: be sure that all are yours",
                optional=True,
                id="NA-BOOT-005",
            )


def _words(tokens: Sequence[str], wanted: Wanted) -> str:
    return " ".join(tokens) if tokens else f"{wanted.label} not set"


def _finding(wanted: Wanted, state: State, *, got: str, remedy: str = "", id: str | None = None) -> Finding:
    return reasoned(
        subject=KEY,
        state=state,
        got=got,
        wanted=" ".join(wanted.tokens) or f"{wanted.label}={wanted.setting.value}",
        remedy=remedy,
        setting=wanted.setting,
        id=id,
    )
