"""cpu-isolation: CPUs that only the services of one slice use, as a partition of the kernel's CPU sets.

Why: a proof-of-history thread loses ticks whenever the scheduler puts somebody else on its CPU. `isolated` takes the
CPUs from everybody outside of the slice and from load balancing, without a reboot (isolcpus= needs one, and then nobody
moves there by himself); `root` takes them from everybody outside and balances inside.

How: tune/processors/isolation_state.py says why the CPUs go through a drop-in of systemd and the partition into the
kernel's file. The validator's unit must say `Slice=`; until the slice is there the partition waits, and is told
(NA-ISOL-001): starting it is left to systemd, since undoing a start would stop the validator. What the kernel refuses
it says by itself ("isolated invalid (...)"), which fails the step and is told with its reason.

Unbound kernel work is kept off the CPUs first, by the mask of the workqueues, since newer kernels take it away with the
partition, and then nothing is left to be done. Kernel threads that belong to one CPU stay there.

Rejected: a control group of our own beside systemd's, of which there may be one writer; Delegate=, which a slice has
not. From Linux 6.1 on (`isolated`), 5.15 (`root`). Source: Documentation/admin-guide/cgroup-v2.rst, cpuset."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from nodeagent.model.change import (
    Change,
    Deferred,
    DirectoryState,
    KnobForm,
    PlanItem,
    Risk,
    SetDirectory,
    WriteConfig,
    WriteFile,
)
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.placement import CpuRole
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Pattern
from nodeagent.tune.knob import APPLY_REMEDY, Comparison, Knob, compare, enforced, watched
from nodeagent.tune.processors.choice import CpuChoice, resolve
from nodeagent.tune.processors.isolation_state import (
    START,
    START_DIRECTORY,
    IsolationState,
    directory,
    drop_in_path,
    drop_in_text,
    obstacle,
    parsed,
    partition_path,
    read_isolation,
    start_text,
)
from nodeagent.tune.reasoned import reasoned

NAME = "cpu-isolation"
SLICE_KEY, START_KEY = f"{NAME}:slice", f"{NAME}:start"
PARTITION_KEY, WORKQUEUES_KEY = f"{NAME}:partition", f"{NAME}:workqueues"

# A name with a dash is a slice inside of another one, which would have to be a partition too.
Slice = Annotated[str, Pattern(r"[A-Za-z0-9_]+\.slice", "a slice at the top of the tree, such as validator.slice")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuIsolationSettings:
    """`cpus` are those of the slice, `partition` how they are kept for it; `workqueues` may run unbound kernel work."""

    slice: Slice = "validator.slice"
    cpus: Setting[CpuChoice] | None = None
    partition: Setting[Literal["isolated", "root"]] | None = None
    workqueues: Setting[CpuChoice] | None = None


class CpuIsolation:
    """The tunable; what was seen is the slice, its drop-ins and its control group."""

    name: str = NAME
    summary: str = "CPUs for one slice alone, by a partition of the kernel"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="units and control groups belong to root", remedy="use sudo"),
        Need(
            kind=NeedKind.KERNEL,
            name="cgroup2 with cpuset",
            reason="partitions exist there only",
            remedy="boot with systemd.unified_cgroup_hierarchy=1",
        ),
    )
    follows: tuple[str, ...] = ("smt",)
    roles: tuple[CpuRole, ...] = tuple(CpuRole)
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/admin-guide/cgroup-v2.html#cpuset-interface-files",
        "https://www.freedesktop.org/software/systemd/man/latest/systemd.resource-control.html",
        "https://github.com/systemd/systemd/issues/38547",
    )
    Settings: Any = CpuIsolationSettings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return obstacle(host)

    def observe(self, host: HostReader, settings: CpuIsolationSettings, facts: HostFacts) -> IsolationState:
        return read_isolation(host, settings.slice)

    def plan(self, observed: IsolationState, settings: CpuIsolationSettings, facts: HostFacts) -> tuple[PlanItem, ...]:
        return tuple(_Comparer(observed, settings, facts).items())

    def judge(self, observed: IsolationState, settings: CpuIsolationSettings, facts: HostFacts) -> Verdict:
        return Verdict(tunable=NAME, findings=tuple(_Comparer(observed, settings, facts).findings()))


CPU_ISOLATION = CpuIsolation()


class _Comparer:
    """What was seen against what is wanted; the same answers for the plan and for the verdict."""

    def __init__(self, seen: IsolationState, settings: CpuIsolationSettings, facts: HostFacts) -> None:
        self.seen = seen
        self.settings = settings
        self.slice = settings.slice
        self.facts = facts
        self.cpus, self.problem, self.remedy = self._resolved(settings.cpus)

    def items(self) -> Iterator[PlanItem]:
        if self.seen.obstacle:
            return
        if (workqueues := self._workqueues()) and workqueues.change:
            yield workqueues.change
        if self.cpus is None or self.problem or self.settings.cpus is None or not enforced(self.settings.cpus):
            return
        yield from self._configuration(self.cpus, self.settings.cpus)
        partition = self.settings.partition
        if partition is not None and enforced(partition) and not self._overlap():
            yield from self._partition(self.cpus, partition)

    def findings(self) -> Iterator[Finding]:
        for key, setting in ((SLICE_KEY, self.settings.cpus), (PARTITION_KEY, self.settings.partition)):
            if setting is not None and watched(setting):
                yield self._obstructed(key, setting) or self._judged(key, setting)
        if self.settings.workqueues is not None and watched(self.settings.workqueues):
            stopped = self._obstructed(WORKQUEUES_KEY, self.settings.workqueues) if self.seen.obstacle else None
            if workqueues := self._workqueues():
                yield stopped or workqueues.finding

    def _resolved(self, setting: Setting[Any] | None) -> tuple[CpuSet | None, str, str]:
        """The CPUs that are meant, or what is wrong with them and what to do."""
        if setting is None or not watched(setting):
            return None, "", ""
        try:
            cpus = resolve(setting.value, self.facts.placement)
        except ValueError as error:
            return None, str(error), "write the list as 0-3,8"
        if cpus is None or not cpus.cpus:
            who = (
                f"no CPU here is {setting.value}"
                if cpus is not None
                else f"nothing says which CPUs are {setting.value}"
            )
            return None, who, "complete the section `placement:` of the profile, or name the CPUs by number"
        online = self.facts.cpus.online.cpus
        if online and cpus.cpus - online:
            return None, f"CPU {CpuSet.of(cpus.cpus - online)} is not online", "cat /sys/devices/system/cpu/online"
        if online and not online - cpus.cpus:
            return None, "no CPU would be left to the rest of the system", "leave it CPU 0 and at least one more"
        return cpus, "", ""

    def _configuration(self, cpus: CpuSet, setting: Setting[Any]) -> Iterator[Change]:
        told: dict[str, Any] = {"tunable": NAME, "why": setting.why, "source": setting.source}
        for key, path, there in (
            (f"{START_KEY}-directory", START_DIRECTORY, self.seen.has_start_directory),
            (f"{SLICE_KEY}-directory", directory(self.slice), self.seen.has_directory),
        ):
            if not there:
                state = DirectoryState(mode=0o755, uid=0, gid=0)
                yield SetDirectory(key=key, path=path, before=None, after=state, **told)
        for key, path, reading, text in (
            (START_KEY, START, self.seen.start, start_text(self.slice)),
            (SLICE_KEY, drop_in_path(self.slice), self.seen.drop_in, drop_in_text(cpus)),
        ):
            before = reading.text if reading.ok else None
            if before != text:
                yield WriteConfig(key=key, path=path, before=before, after=text, **told)

    def _partition(self, cpus: CpuSet, setting: Setting[Any]) -> Iterator[PlanItem]:
        """Now, or after the slice got its CPUs; never without the slice, or where the kernel said why it can't be."""
        if not self.seen.is_active or "invalid" in self.seen.partition.text:
            return
        told: dict[str, Any] = {"key": PARTITION_KEY, "tunable": NAME, "why": setting.why, "source": setting.source}
        if parsed(self.seen.cpus) == cpus and self.seen.partition.ok:
            before = self.seen.partition.text.strip()
            if before != setting.value:
                yield WriteFile(path=partition_path(self.slice), before=before, after=setting.value, **told)
        elif self.seen.drop_in.text != drop_in_text(cpus):
            yield Deferred(waits_for=SLICE_KEY, summary=f"the partition of {self.slice}", **told)

    def _judged(self, key: str, setting: Setting[Any]) -> Finding:
        return self._judge_slice(setting) if key == SLICE_KEY else self._judge_partition(setting)

    def _judge_slice(self, setting: Setting[Any]) -> Finding:
        wanted = f"AllowedCPUs={self.cpus}"
        if self.cpus is None or self.seen.drop_in.text != drop_in_text(self.cpus):
            got = "no drop-in" if not self.seen.drop_in.ok else self.seen.drop_in.text.strip().splitlines()[-1]
            return _finding(SLICE_KEY, setting, State.DRIFT, got=got, wanted=wanted, remedy=APPLY_REMEDY)
        if self.seen.start.text != start_text(self.slice):
            got = f"{START} doesn't start it"
            return _finding(START_KEY, setting, State.DRIFT, got=got, wanted=f"Wants={self.slice}", remedy=APPLY_REMEDY)
        if self.seen.is_active and parsed(self.seen.cpus) != self.cpus:
            got = f"the kernel has {self.seen.cpus.text.strip() or 'none'}"
            remedy = f"systemctl daemon-reload; then see who sets it too: systemctl cat {self.slice}"
            return _finding(
                f"{SLICE_KEY}-cpus", setting, State.DRIFT, got=got, wanted=wanted, remedy=remedy, id="NA-ISOL-002"
            )
        return _finding(SLICE_KEY, setting, State.OK, got=wanted, wanted=wanted)

    def _judge_partition(self, setting: Setting[Any]) -> Finding:
        if not self.seen.is_active:
            got, remedy = f"{self.slice} is not there yet", f"systemctl start {self.slice}, then plan again"
            return self._about(setting, State.UNKNOWN, got=got, remedy=remedy, id="NA-ISOL-001")
        if sibling := self._overlap():
            got, remedy = f"{sibling} has some of these CPUs too", f"take them from it: systemctl cat {sibling}"
            return self._about(setting, State.UNKNOWN, got=got, remedy=remedy, id="NA-ISOL-003")
        current = self.seen.partition.text.strip() or "no cpuset"
        if current == setting.value:
            return self._about(setting, State.OK, got=current)
        if "invalid" in current:
            remedy = f"mend what the kernel says, then: echo member > {partition_path(self.slice)}, and plan again"
            return self._about(setting, State.UNKNOWN, got=current, remedy=remedy, id="NA-ISOL-002")
        return self._about(setting, State.DRIFT, got=current, remedy=APPLY_REMEDY)

    def _about(
        self, setting: Setting[Any], state: State, *, got: str, remedy: str = "", id: str | None = None
    ) -> Finding:
        return _finding(PARTITION_KEY, setting, state, got=got, wanted=setting.value, remedy=remedy, id=id)

    def _obstructed(self, key: str, setting: Setting[Any]) -> Finding | None:
        if self.seen.obstacle:
            remedy = "leave it out here, or boot with systemd and systemd.unified_cgroup_hierarchy=1"
            state, got, id = State.NOT_APPLICABLE, self.seen.obstacle, "NA-ISOL-004"
            return _finding(key, setting, state, got=got, wanted=str(setting.value), remedy=remedy, id=id)
        if self.problem:
            state, id = State.UNKNOWN, "NA-ISOL-005"
            wanted = str(setting.value)
            return _finding(key, setting, state, got=self.problem, wanted=wanted, remedy=self.remedy, id=id)
        return None

    def _overlap(self) -> str:
        """A group beside the slice that names some of its CPUs: the kernel makes no partition then."""
        wanted = self.cpus.cpus if self.cpus else frozenset()
        return next((name for name, cpus in self.seen.siblings if cpus.cpus & wanted), "")

    def _workqueues(self) -> Comparison | None:
        setting = self.settings.workqueues
        if setting is None or not watched(setting):
            return None
        cpus, problem, remedy = self._resolved_for_work(setting)
        if cpus is None:
            finding = _finding(
                WORKQUEUES_KEY,
                setting,
                State.UNKNOWN,
                got=problem,
                wanted=setting.value,
                remedy=remedy,
                id="NA-ISOL-005",
            )
            return Comparison(finding=finding)
        wanted = KnobForm.MASK.parse(cpus.mask())
        knob = Knob(
            key=WORKQUEUES_KEY,
            tunable=NAME,
            setting=setting,
            reading=self.seen.workqueues,
            form=KnobForm.MASK,
            wanted=wanted,
            absent_remedy="this kernel lets nobody choose; leave it out of the profile",
        )
        return compare(knob)

    def _resolved_for_work(self, setting: Setting[Any]) -> tuple[CpuSet | None, str, str]:
        try:
            cpus = resolve(setting.value, self.facts.placement)
        except ValueError as error:
            return None, str(error), "write the list as 0-3,8"
        if cpus is None or not cpus.cpus:
            return None, f"no CPU here is known as {setting.value}", "complete `placement:`, or name CPUs by number"
        return cpus, "", ""


def _finding(
    key: str, setting: Setting[Any], state: State, *, got: str, wanted: str, remedy: str = "", id: str | None = None
) -> Finding:
    return reasoned(
        subject=key,
        state=state,
        got=got,
        wanted=wanted,
        remedy=remedy,
        setting=setting,
        id=id,
    )
