"""transparent-hugepages: when the kernel gives 2 MiB pages to memory that asked for 4 KiB ones.

Why: with `always`, khugepaged and direct compaction run for every process that maps memory, and a process stalls in a
page fault while the kernel moves pages about. A validator that wants huge pages asks for them (`madvise`), so `madvise`
gives the gain where it is wanted and the stalls nowhere else. `defrag` decides who waits for compaction: `madvise` lets
only those wait who asked, `defer+madvise` wakes the kernel threads for the rest. Measure before believing either.

The knobs print every choice with the chosen one in brackets (`always [madvise] never`), so that is the form compared
and a choice which this kernel doesn't offer is seen before anything is written. `shmem_enabled` is about tmpfs and
shared memory; it needs `within_size`, `advise` and so on, not the words of `enabled`.

A side effect the kernel doesn't mention in the file: each switch of `enabled` starts or stops khugepaged, which
recomputes `vm.min_free_kbytes` (mm/khugepaged.c, set_recommended_min_free_kbytes): with huge pages on it is raised to
what compaction needs, with `never` it is computed anew. Whoever cares names it in `sysctl`, which runs after this.

khugepaged: `defrag` says whether it may compact, `pages_to_scan` and `scan_sleep_millisecs` how hard it works,
`max_ptes_none` how much memory it may waste (511 of 512 empty pages by default).

Rejected: the per-size files of 6.8 and later (`hugepages-*kB/enabled`). For the PMD size they read `inherit`, which is
these settings; the other sizes are off by default. `use_zero_page` and `shrink_underused` change memory use, not
latency. Booting with transparent_hugepage=never: the kernel command line is another tunable's.

Undo writes back the old choice. Pages that were already merged or split stay so until they are freed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.reading import Reading
from nodeagent.model.risk import Risk
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State, Verdict
from nodeagent.profiles.constraint import Pattern, Range
from nodeagent.tune.knob import Comparison, Comparisons, Knob, compare, finding, watched

if TYPE_CHECKING:
    from nodeagent.model.change import Change
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.host_reader import HostReader

NAME = "transparent-hugepages"
ROOT = "/sys/kernel/mm/transparent_hugepage"

Choice = Annotated[str, Pattern("[a-z_+]{1,32}", "one of the words the kernel offers, such as madvise")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KhugepagedSettings:
    """The thread that turns small pages into huge ones; fields are its files."""

    defrag: Setting[Annotated[int, Range(0, 1)]] | None = None
    pages_to_scan: Setting[Annotated[int, Range(1, 1_048_576)]] | None = None
    scan_sleep_millisecs: Setting[Annotated[int, Range(0, 86_400_000)]] | None = None
    alloc_sleep_millisecs: Setting[Annotated[int, Range(0, 86_400_000)]] | None = None
    max_ptes_none: Setting[Annotated[int, Range(0, 511)]] | None = None
    max_ptes_swap: Setting[Annotated[int, Range(0, 511)]] | None = None
    max_ptes_shared: Setting[Annotated[int, Range(0, 511)]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransparentHugepagesSettings:
    """Fields are the files below /sys/kernel/mm/transparent_hugepage."""

    enabled: Setting[Choice] | None = None
    defrag: Setting[Choice] | None = None
    shmem_enabled: Setting[Choice] | None = None
    khugepaged: KhugepagedSettings | None = None


class TransparentHugepages:
    """The tunable; what was seen is a reading for each named file."""

    name: str = NAME
    summary: str = "when the kernel gives huge pages to memory that did not ask for them"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="the files of /sys belong to root", remedy="run it with sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name=ROOT,
            reason="a kernel built with CONFIG_TRANSPARENT_HUGEPAGE",
            remedy="boot a kernel that has it; every distribution's has",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/mm/transhuge.html",
        "https://github.com/torvalds/linux/blob/master/mm/khugepaged.c",
    )
    Settings: Any = TransparentHugepagesSettings

    def supported(self, host: "HostReader", facts: "HostFacts") -> str:
        return "" if host.names(ROOT) else f"this kernel has no {ROOT}"

    def observe(
        self, host: "HostReader", settings: TransparentHugepagesSettings, facts: "HostFacts"
    ) -> Mapping[str, Reading]:
        return {name: host.read(f"{ROOT}/{name}") for name, _ in _named(settings)}

    def plan(
        self, observed: Mapping[str, Reading], settings: TransparentHugepagesSettings, facts: "HostFacts"
    ) -> "tuple[Change, ...]":
        return _compare_all(observed, settings).changes

    def judge(
        self, observed: Mapping[str, Reading], settings: TransparentHugepagesSettings, facts: "HostFacts"
    ) -> Verdict:
        return Verdict(tunable=NAME, findings=_compare_all(observed, settings).findings)


TRANSPARENT_HUGEPAGES = TransparentHugepages()


def _named(settings: TransparentHugepagesSettings) -> Iterator[tuple[str, Setting[Any]]]:
    """Files below ROOT with what is wanted, in the order they are written."""
    for group, prefix in ((settings, ""), (settings.khugepaged, "khugepaged/")):
        for item in fields(group) if group else ():
            setting = getattr(group, item.name)
            if isinstance(setting, Setting) and watched(setting):
                yield f"{prefix}{item.name}", setting


def _compare_all(observed: Mapping[str, Reading], settings: TransparentHugepagesSettings) -> Comparisons:
    return Comparisons([_compare(name, setting, observed[name]) for name, setting in _named(settings)])


def _compare(name: str, setting: Setting[Any], reading: Reading) -> Comparison:
    selected = not name.startswith("khugepaged/")
    knob = Knob(
        key=f"{NAME}:{name}",
        tunable=NAME,
        setting=setting,
        reading=reading,
        form=KnobForm.SELECTED if selected else KnobForm.PLAIN,
    )
    offered = re.findall(r"[a-z_+]+", reading.text) if selected and reading.ok else []
    if offered and knob.value not in offered:
        remedy = f"this kernel offers {', '.join(offered)}"
        return Comparison(finding=finding(knob, State.UNKNOWN, remedy=remedy, id="NA-THP-001"))
    return compare(knob)
