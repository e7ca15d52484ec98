"""What a profile may say about the kernel's command line: CPUs, plain parameters, and huge pages in their order.

A value reaches a shell (grub-mkconfig sources the drop-in) and GRUB's own language, so only characters that are plain
in both are taken. Parameters that decide whether the machine boots at all, or which name CPUs and pages and have a
place of their own here, are refused where the profile is read."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from re import fullmatch
from typing import Annotated

from nodeagent.model.boot_menu import parameter_name
from nodeagent.model.setting import Setting
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.tune.processors.choice import CpuChoice

Value = Annotated[str, Pattern(r"[A-Za-z0-9_.,:/@+=-]*", "letters, digits and any of _.,:/@+=- ('' for a bare word)")]
Flags = Annotated[
    str,
    Pattern(r"(nohz|domain|managed_irq)(,(nohz|domain|managed_irq))*", "flags of isolcpus: nohz,domain,managed_irq"),
]
PageSize = Annotated[str, Pattern(r"[1-9][0-9]*[KMG]", "a size of huge pages, such as 2M or 1G")]
Pages = Annotated[
    str, Pattern(r"[0-9]+|[0-9]+:[0-9]+(,[0-9]+:[0-9]+)*", "a number of pages, or one for each node: 0:8,1:8")
]

PARAMETER = r"[A-Za-z][A-Za-z0-9_.-]{0,63}"

_CPUS = ("isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity")
_PAGES = ("hugepagesz", "hugepages", "default_hugepagesz")
_BOOTS = ("root", "rootflags", "rootfstype", "init", "rdinit", "initrd", "ro", "rw", "single", "emergency", "rescue")
_OWN_PLACE = {
    **dict.fromkeys(_CPUS, "name the CPUs below `cpus`"),
    **dict.fromkeys(_PAGES, "name pages below `hugepages` and `default_hugepagesz`"),
    **dict.fromkeys(
        (*_BOOTS, "BOOT_IMAGE", "systemd.unit", "console"), "it decides whether the machine boots, and is not set here"
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuParameters:
    """Parameters whose values are CPUs, by number or by role.

    `isolcpus` keeps the scheduler away (`isolcpus_flags` from what else), `nohz_full` the timer, `rcu_nocbs` the
    callbacks of RCU; `irqaffinity` is where interrupts may fire that nobody placed.
    """

    isolcpus: Setting[CpuChoice] | None = None
    isolcpus_flags: Flags = ""
    nohz_full: Setting[CpuChoice] | None = None
    rcu_nocbs: Setting[CpuChoice] | None = None
    irqaffinity: Setting[CpuChoice] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HugepageParameters:
    """One pair `hugepagesz=SIZE hugepages=PAGES`."""

    size: PageSize
    pages: Setting[Pages]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelCommandLineSettings:
    """`parameters` are all others, by name; the pairs of `hugepages` are written in the order given."""

    cpus: CpuParameters = field(default_factory=CpuParameters)
    parameters: dict[str, Setting[Value]] = field(default_factory=dict)
    default_hugepagesz: Setting[PageSize] | None = None
    hugepages: tuple[HugepageParameters, ...] = ()


def _faults(settings: KernelCommandLineSettings) -> Iterator[Fault]:
    seen: dict[str, str] = {}
    for name in settings.parameters:
        if not fullmatch(PARAMETER, name):
            yield Fault(path=("parameters", name), problem="is no name of a kernel parameter", at_key=True)
        if reason := _OWN_PLACE.get(parameter_name(name)):
            yield Fault(path=("parameters", name), problem=reason, at_key=True)
        if other := seen.get(parameter_name(name)):
            yield Fault(
                path=("parameters", name), problem=f"the kernel takes it for {other}, which is set too", at_key=True
            )
        seen[parameter_name(name)] = name
    sizes = [row.size for row in settings.hugepages]
    for at, size in enumerate(sizes):
        if size in sizes[:at]:
            yield Fault(path=("hugepages", at, "size"), problem="stands twice; the kernel takes the last one only")


KernelCommandLine = Annotated[KernelCommandLineSettings, Check(_faults)]
