"""sysctl: kernel parameters below /proc/sys.

Why: a validator maps more files than a default kernel lets it (vm.max_map_count), receives more UDP than the default
socket buffers hold (net.core.rmem_max) and opens more files than a default process may (fs.nr_open). Most of these are
limits, so a profile says `>=`, and a machine that allows more is left as it is.

What is compared: words, whatever white space stands between them (`4096 131072 33554432` is printed with tabs).

Coupled: `vm.dirty_bytes` and `vm.dirty_ratio` are two ways to say one thing. Writing either makes the kernel set the
other to 0, and 0 can't be written to `dirty_bytes` (its minimum is two pages), so undoing one by writing back its old 0
fails: this is how TuneD gets stuck (redhat-performance/tuned#882). Here the pair is one change; both old values are
kept, and undo writes the one that was in force. The same holds for the background pair and for
vm.overcommit_kbytes/ratio. A pair that reads 0 and 0 has no way back, so it is reported and left alone. Measured by
reading on 6.18, and in mm/page-writeback.c (dirty_bytes_handler, dirty_ratio_handler) and mm/util.c.

At the next boot systemd-sysctl(8) sets what the files of sysctl.d say. A file that would then stand against the profile
is reported (NA-SYSCTL-001) with its line, because a value that silently returns is found during the next incident.
We write no file there ourselves: the agent applies its profile at boot, and two owners of one value is what we report.

Network namespaces: below net.* many knobs exist only in the first namespace, and some are shown read-only in others
(net.core.rmem_max has mode 0444 there since 6.x). Both are "not applicable", not drift.

Rejected: expanding patterns (`net.ipv4.conf.*`), because a plan must name what it changes; retrying a refused write,
because every refusal of the kernel here is final; knobs that run a program or act once (tune/kernel/sysctl_rules.py).

What can go wrong: a value that the kernel rounds or clamps is read back differently, and the apply stops and is undone.
Needs root in the first user namespace; kernel.numa_balancing also CAP_SYS_ADMIN, net.* CAP_NET_ADMIN.
"""

from __future__ import annotations  # types that are only named

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, Any

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.risk import Risk
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check
from nodeagent.tune.kernel import sysctl_name
from nodeagent.tune.kernel.sysctl_files import BootFiles, read_boot_files
from nodeagent.tune.kernel.sysctl_rules import COUPLED, faults, key_problem, value_problem
from nodeagent.tune.knob import Comparison, Comparisons, Knob, accepts, compare, enforced, finding, unusable, watched

if TYPE_CHECKING:
    from nodeagent.model.change import Change, WriteCoupled
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader

NAME = "sysctl"

PAIRS = {name: pair for pair in COUPLED.items() for name in pair}
"""Each coupled sysctl with the pair it belongs to."""

_MEMORY_SHARE = 20  # vm.min_free_kbytes above a twentieth of memory: what the kernel's own huge-page advice caps it at


@dataclass(frozen=True, slots=True, kw_only=True)
class SysctlSeen:
    """`readings` by canonical key, with partners of coupled ones; `neighbours` are the names beside an absent one."""

    readings: Mapping[str, Reading]
    boot: BootFiles
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Sysctl:
    """The tunable; settings map a key to its wanted value."""

    name: str = NAME
    summary: str = "kernel parameters below /proc/sys"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(
            kind=NeedKind.ROOT, name="root", reason="the files of /proc/sys belong to root", remedy="run it with sudo"
        ),
        Need(
            kind=NeedKind.CAPABILITY,
            name="CAP_SYS_ADMIN",
            reason="kernel.numa_balancing and others check it besides the file's mode",
            remedy="run it as root outside of a container",
        ),
        Need(
            kind=NeedKind.CAPABILITY,
            name="CAP_NET_ADMIN",
            reason="net.* belongs to the network namespace",
            remedy="run it as root outside of a container",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/sysctl/",
        "https://docs.kernel.org/networking/ip-sysctl.html",
        "https://www.freedesktop.org/software/systemd/man/latest/sysctl.d.html",
    )
    Settings: Any = Annotated[dict[str, Setting[str]], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "" if host.names(sysctl_name.ROOT) else "there is no /proc/sys here"

    def observe(self, host: HostReader, settings: Mapping[str, Setting[str]], facts: HostFacts) -> SysctlSeen:
        readings: dict[str, Reading] = {}
        neighbours: dict[str, tuple[str, ...]] = {}
        for key, _ in _allowed(settings):
            for name in PAIRS.get(key, (key,)):
                readings[name] = host.read(sysctl_name.path(name))
            if readings[key].status is ReadStatus.ABSENT:
                neighbours[key] = tuple(host.names(readings[key].path.rpartition("/")[0]))
        return SysctlSeen(readings=readings, boot=read_boot_files(host), neighbours=neighbours)

    def plan(self, observed: SysctlSeen, settings: Mapping[str, Setting[str]], facts: HostFacts) -> tuple[Change, ...]:
        return _compare_all(observed, settings, facts).changes

    def judge(self, observed: SysctlSeen, settings: Mapping[str, Setting[str]], facts: HostFacts) -> Verdict:
        compared = _compare_all(observed, settings, facts).findings
        return Verdict(
            tunable=NAME,
            findings=(
                *compared,
                *_refused(settings),
                *_undone_at_boot(observed, settings),
                *_unreadable_files(observed),
            ),
        )


SYSCTL = Sysctl()


def _allowed(settings: Mapping[str, Setting[str]]) -> Iterator[tuple[str, Setting[str]]]:
    """Canonical keys with what is wanted; what the rules refuse never gets further than a finding."""
    for key, setting in settings.items():
        name = sysctl_name.canonical(key)
        if watched(setting) and not key_problem(key) and not value_problem(name, setting):
            yield name, setting


def _compare_all(observed: SysctlSeen, settings: Mapping[str, Setting[str]], facts: HostFacts) -> Comparisons:
    done = Comparisons()
    for key, setting in _allowed(settings):
        pair = PAIRS.get(key, ())
        knob = Knob(
            key=f"{NAME}:{'+'.join(pair) or key}",
            tunable=NAME,
            setting=setting,
            reading=observed.readings[key],
            form=KnobForm.WORDS,
            label=key if pair else "",
            absent_remedy=_absent_remedy(key, observed.neighbours.get(key, ())),
        )
        if problem := _too_much_memory(knob, key, facts):
            done.made.append(Comparison(finding=problem))
        elif pair:
            done.made.append(_compare_coupled(knob, key, observed))
        else:
            done.made.append(compare(knob))
    return done


def _absent_remedy(key: str, neighbours: tuple[str, ...]) -> str:
    name = key.rpartition(".")[2]
    if neighbours:
        from difflib import get_close_matches

        if close := get_close_matches(name, neighbours, n=1, cutoff=0.8):
            return f"did you mean {key.removesuffix(name)}{close[0]}?"
    if key.startswith("net."):
        return "this kernel or network namespace doesn't have it; many net.* knobs exist only in the first namespace"
    return "this kernel doesn't have it; leave it out of the profile or set its mode to ignore"


def _too_much_memory(knob: Knob, key: str, facts: HostFacts) -> Finding | None:
    """vm.min_free_kbytes is taken from every other use of memory: too much of it and nothing can run."""
    if key != "vm.min_free_kbytes":
        return None
    total = facts.memory.total_bytes
    if total is None or int(knob.value) * 1024 <= total // _MEMORY_SHARE:
        return None
    limit = total // _MEMORY_SHARE // 1024
    return finding(
        knob,
        State.UNKNOWN,
        remedy=f"that is more than a twentieth of this machine's memory; up to {limit} is set",
        id="NA-SYSCTL-003",
    )


def _compare_coupled(knob: Knob, key: str, observed: SysctlSeen) -> Comparison:
    """One of a pair: it is as wanted only while it is the one in force, and a change covers both."""
    partner = next(name for name in PAIRS[key] if name != key)
    other = observed.readings[partner]
    if problem := unusable(knob) or unusable(replace(knob, reading=other)):
        return Comparison(finding=problem)
    before, other_before = knob.current, KnobForm.WORDS.parse(other.text)
    try:
        if before != "0" and accepts(knob.setting, before, knob.value):
            return Comparison(finding=finding(knob, State.OK))
    except ValueError:
        return Comparison(finding=finding(knob, State.UNKNOWN, remedy="it should read as a number"))
    if before == other_before == "0":
        remedy = f"neither is in force, and there is no way back to that; set {partner} by hand first"
        return Comparison(finding=finding(knob, State.DRIFT, remedy=remedy, id="NA-SYSCTL-004"))
    change = _coupled_change(knob, other.path, other_before) if enforced(knob.setting) else None
    return Comparison(finding=finding(knob, State.DRIFT), change=change)


def _coupled_change(knob: Knob, other_path: str, other_before: str) -> WriteCoupled:
    from nodeagent.model.change import CoupledKnob, WriteCoupled

    return WriteCoupled(
        key=knob.key,
        tunable=NAME,
        why=knob.setting.why,
        source=knob.setting.source,
        members=(
            CoupledKnob(
                path=knob.reading.path,
                before=knob.current,
                after=knob.value,
                form=KnobForm.WORDS,
                back=knob.current != "0",
            ),
            CoupledKnob(
                path=other_path,
                before=other_before,
                after="0",
                form=KnobForm.WORDS,
                forward=False,
                back=other_before != "0",
            ),
        ),
    )


def _refused(settings: Mapping[str, Setting[str]]) -> Iterator[Finding]:
    """What the loader would have refused; only settings that were made without it get here."""
    for key, setting in settings.items():
        problem = key_problem(key) or value_problem(sysctl_name.canonical(key), setting)
        if watched(setting) and problem:
            yield Finding(
                subject=f"{NAME}:{key}", state=State.UNKNOWN, got="not read", wanted=setting.value, remedy=problem
            )


def _undone_at_boot(observed: SysctlSeen, settings: Mapping[str, Setting[str]]) -> Iterator[Finding]:
    for key, setting in _allowed(settings):
        line = observed.boot.at_boot(key)
        if line is None or line.value is None or observed.readings[key].status is ReadStatus.ABSENT:
            continue
        at_boot, wanted = KnobForm.WORDS.parse(line.value), KnobForm.WORDS.parse(setting.value)
        if _satisfies(setting, at_boot, wanted):
            continue
        yield Finding(
            subject=f"{NAME}:{key}:at-boot",
            state=State.DRIFT,
            got=f"{at_boot} from {line.file}:{line.line}",
            wanted=wanted,
            remedy=f"remove the line, or the next boot sets it until the profile is applied again: {line.file}",
            why=setting.why,
            source=setting.source,
            optional=True,
            id="NA-SYSCTL-001",
        )


def _satisfies(setting: Setting[str], at_boot: str, wanted: str) -> bool:
    try:
        return accepts(setting, at_boot, wanted)
    except ValueError:
        return False


def _unreadable_files(observed: SysctlSeen) -> Iterator[Finding]:
    for path in observed.boot.unreadable:
        yield Finding(
            subject=f"{NAME}:{path}",
            state=State.UNKNOWN,
            got="unreadable",
            wanted="a file that can be read",
            remedy=f"look at it as root: ls -l {path}; what it sets at the next boot is not known",
            optional=True,
            id="NA-SYSCTL-002",
        )
