"""A profile's settings of the kernel command line as the words that the kernel is to get, each with what forbids it.

Two texts that mean the same to the kernel are the same: CPU lists are compared as sets, `-` and `_` in names alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nodeagent.model.boot_menu import parameter_name
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.setting import Setting
from nodeagent.tune.kernel.boot_settings import HugepageParameters, KernelCommandLineSettings
from nodeagent.tune.knob import watched
from nodeagent.tune.processors.choice import resolve

CPU_PARAMETERS = ("isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity")
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_OF_MEMORY = 0.9
_TAKES_CPUS_AWAY = ("isolcpus", "nohz_full")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One setting as words of a command line, in order. `problem` says why it can't be set, with `remedy` and `id`."""

    label: str
    tokens: tuple[str, ...]
    setting: Setting[Any]
    problem: str = ""
    remedy: str = ""
    id: str | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(parameter_name(token) for token in self.tokens) or frozenset({parameter_name(self.label)})


def wanted_parameters(settings: KernelCommandLineSettings, facts: HostFacts) -> tuple[Wanted, ...]:
    """Everything that a profile watches: CPUs, the others by name, then huge pages in the profile's order."""
    found = [
        *(_cpus(settings, name, facts) for name in CPU_PARAMETERS),
        *(_plain(name, settings.parameters[name]) for name in sorted(settings.parameters)),
        _plain("default_hugepagesz", settings.default_hugepagesz),
        *_hugepages(settings.hugepages, facts),
    ]
    return tuple(wanted for wanted in found if wanted is not None)


def mentioned(settings: KernelCommandLineSettings) -> frozenset[str]:
    """The names of all parameters that a profile speaks of, also of those that it only watches or leaves alone."""
    names = {name for name in CPU_PARAMETERS if getattr(settings.cpus, name) is not None}
    names |= {parameter_name(name) for name in settings.parameters}
    names |= {"default_hugepagesz"} if settings.default_hugepagesz else set()
    return frozenset(names | ({"hugepagesz", "hugepages"} if settings.hugepages else set()))


def means_the_same(one: Sequence[str], other: Sequence[str]) -> bool:
    """Would the kernel take both for the same?"""
    return [_meaning(token) for token in one] == [_meaning(token) for token in other]


def _meaning(token: str) -> tuple[str, object]:
    name, value = parameter_name(token), token.partition("=")[2]
    if name not in CPU_PARAMETERS:
        return name, value
    flags: list[str] = []
    numbers: list[str] = []
    for part in value.split(","):
        (numbers if part[:1].isdigit() else flags).append(part)
    try:
        return name, (tuple(sorted(flags)), CpuSet.parse(",".join(numbers)))
    except ValueError:
        return name, value  # something that only the kernel can judge: `all`, `N`


def _cpus(settings: KernelCommandLineSettings, name: str, facts: HostFacts) -> Wanted | None:
    setting: Setting[Any] | None = getattr(settings.cpus, name)
    if setting is None or not watched(setting):
        return None
    try:
        cpus = resolve(setting.value, facts.placement)
    except ValueError as error:
        return Wanted(label=name, tokens=(), setting=setting, problem=str(error), remedy="write the list as 0-3,8")
    if cpus is None:
        return Wanted(
            label=name,
            tokens=(),
            setting=setting,
            problem=f"nothing says which CPUs are {setting.value}",
            remedy="give the profile a section `placement:`, or name the CPUs by number",
            id="NA-BOOT-006",
        )
    if not cpus.cpus:
        problem, remedy = f"no CPU here is {setting.value}", "leave it out, or give the role CPUs in `placement:`"
        return Wanted(label=name, tokens=(), setting=setting, problem=problem, remedy=remedy, id="NA-BOOT-006")
    flags = settings.cpus.isolcpus_flags if name == "isolcpus" else ""
    token = f"{name}={flags},{cpus}" if flags else f"{name}={cpus}"
    problem, remedy = _cpu_problem(name, cpus, facts)
    id = "NA-BOOT-004" if problem else None
    return Wanted(label=name, tokens=(token,), setting=setting, problem=problem, remedy=remedy, id=id)


def _cpu_problem(name: str, cpus: CpuSet, facts: HostFacts) -> tuple[str, str]:
    """Why these CPUs can't be meant, and what to do; empty where they can."""
    possible = facts.cpus.possible.cpus
    if not possible:
        return "", ""
    if missing := cpus.cpus - possible:
        remedy = "name CPUs that there are: cat /sys/devices/system/cpu/possible"
        return f"this machine has no CPU {CpuSet.of(missing)}", remedy
    if name in _TAKES_CPUS_AWAY and not possible - cpus.cpus:
        return "it would leave no CPU to the rest of the system", "leave it CPU 0 and at least one more"
    return "", ""


def _plain(name: str, setting: Setting[Any] | None) -> Wanted | None:
    if setting is None or not watched(setting):
        return None
    return Wanted(label=name, tokens=(f"{name}={setting.value}" if setting.value else name,), setting=setting)


def _hugepages(rows: Sequence[HugepageParameters], facts: HostFacts) -> Iterator[Wanted]:
    """All pairs are one setting: `hugepages=` counts pages of the size that stands before it."""
    kept = [row for row in rows if watched(row.pages)]
    modes = {row.pages.mode for row in kept}
    for mode in sorted(modes):
        same = [row for row in kept if row.pages.mode is mode]
        tokens = [token for row in same for token in (f"hugepagesz={row.size}", f"hugepages={row.pages.value}")]
        asked, total = sum(map(_bytes, same)), facts.memory.total_bytes
        too_much = bool(total) and asked > _MOST_OF_MEMORY * (total or 0)
        yield Wanted(
            label="hugepages",
            tokens=tuple(tokens),
            setting=same[0].pages,
            problem=f"{asked >> 20} MiB of huge pages are more than 90 % of this machine's memory" if too_much else "",
            remedy="ask for fewer: a machine without other memory does not start" if too_much else "",
            id="NA-BOOT-004" if too_much else None,
        )


def _bytes(row: HugepageParameters) -> int:
    pages = sum(int(part.rpartition(":")[2]) for part in row.pages.value.split(","))
    return pages * int(row.size[:-1]) * _SIZES[row.size[-1]]
