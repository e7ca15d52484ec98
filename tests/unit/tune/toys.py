"""A toy machine and toy tunables: everything the engine must cope with, small enough to see at a glance."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nodeagent.host import Host
from nodeagent.model.change import (
    CoupledKnob,
    Deferred,
    DirectoryState,
    KnobForm,
    PlanItem,
    Risk,
    SetDirectory,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import Cpus, HostFacts, Kernel, Memory, Platform
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import ApplyResult, Order
from nodeagent.tune.plan import Plan, make_plan
from nodeagent.tune.progress import Listener, ignore
from nodeagent.tune.session import open_session
from nodeagent.tune.tunable import AnyTunable
from tests.unit.tune.clock import FakeClock

BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id"
MACHINE_ID = "0123456789abcdef0123456789abcdef"


def make_host(root: Path, files: Mapping[str, str], *, boot_id: str = "boot-1") -> Host:
    for path, text in {BOOT_ID_FILE: boot_id + "\n", "/etc/machine-id": MACHINE_ID + "\n", **files}.items():
        write(root, path, text)
    return Host(root=root)


def write(root: Path, path: str, text: str) -> None:
    """As somebody else, past the agent."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def facts_of(host: Host) -> HostFacts:
    nothing = CpuSet()
    return HostFacts(
        cpus=Cpus(online=nothing, possible=nothing, isolated=nothing, packages=None, cores=None, threads_per_core=None),
        numa_nodes=(),
        block_devices=(),
        nics=(),
        pci_devices=(),
        memory=Memory(total_bytes=None),
        kernel=Kernel(release="toy"),
        platform=Platform(
            hostname="toy", machine_id=host.text("/etc/machine-id") or "", boot_id=host.text(BOOT_ID_FILE) or ""
        ),
    )


@dataclass
class KnobTunable:
    """Sets kernel knobs; settings map a path to the wanted value. `cheats` makes its plan wrong on purpose."""

    name: str = "knobs"
    summary: str = "toy knobs"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = ()
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    Settings: Any = dict
    form: KnobForm = KnobForm.PLAIN
    cheats: Callable[[tuple[PlanItem, ...]], tuple[PlanItem, ...]] = field(default=lambda items: items)

    def observe(self, host: HostReader, settings: Mapping[str, str], facts: HostFacts) -> dict[str, str | None]:
        readings = {path: host.read(path) for path in settings}
        return {path: self.form.parse(reading.text) if reading.ok else None for path, reading in readings.items()}

    def plan(
        self, observed: Mapping[str, str | None], settings: Mapping[str, str], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        items = tuple(
            WriteFile(
                key=f"knob:{path}",
                tunable=self.name,
                risk=self.risk,
                path=path,
                before=observed[path] or "",
                after=wanted,
                form=self.form,
                why="because",
                source="toys",
            )
            for path, wanted in settings.items()
            if observed[path] is not None and observed[path] != wanted
        )
        return self.cheats(items)

    def judge(self, observed: Mapping[str, str | None], settings: Mapping[str, str], facts: HostFacts) -> Verdict:
        return Verdict(
            tunable=self.name,
            findings=tuple(
                Finding(
                    subject=f"knob:{path}",
                    state=_state(observed[path], wanted),
                    got=observed[path] or "nothing",
                    wanted=wanted,
                    remedy="nodeagent tune apply",
                )
                for path, wanted in settings.items()
            ),
        )

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return ""


def _state(got: str | None, wanted: str) -> State:
    if got is None:
        return State.NOT_APPLICABLE
    return State.OK if got == wanted else State.DRIFT


@dataclass
class MakerTunable:
    """Makes a directory and writes a file into it; a knob below it is known only once the file is there.

    Settings: `directory`, `content`, `knob` (the file that "appears") and `value`. `appears` plays the kernel.
    """

    name: str = "maker"
    summary: str = "toy maker"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = ()
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    Settings: Any = dict
    mode: int = 0o750
    uid: int = 0
    gid: int = 0

    def observe(self, host: HostReader, settings: Mapping[str, str], facts: HostFacts) -> dict[str, Any]:
        config = host.read(settings["directory"] + "/made.conf")
        knob = host.read(settings["knob"])
        return {
            "directory": host.stat(settings["directory"]).kind == "directory",
            "config": config.text if config.ok else None,
            "knob": knob.value,
        }

    def plan(self, observed: Mapping[str, Any], settings: Mapping[str, str], facts: HostFacts) -> tuple[PlanItem, ...]:
        items: list[PlanItem] = []
        directory, made = settings["directory"], settings["directory"] + "/made.conf"
        if not observed["directory"]:
            state = DirectoryState(mode=self.mode, uid=self.uid, gid=self.gid)
            items.append(
                SetDirectory(key=f"dir:{directory}", tunable=self.name, path=directory, before=None, after=state)
            )
        if observed["config"] != settings["content"]:
            items.append(
                WriteConfig(
                    key=f"file:{made}",
                    tunable=self.name,
                    path=made,
                    before=observed["config"],
                    after=settings["content"],
                    mode=0o640,
                )
            )
        key = f"knob:{settings['knob']}"
        if observed["config"] != settings["content"]:
            items.append(
                Deferred(key=key, tunable=self.name, waits_for=f"file:{made}", summary="the knob that appears")
            )
        elif observed["knob"] is not None and observed["knob"] != settings["value"]:
            before, after = observed["knob"], settings["value"]
            items.append(WriteFile(key=key, tunable=self.name, path=settings["knob"], before=before, after=after))
        return tuple(items)

    def judge(self, observed: Mapping[str, Any], settings: Mapping[str, str], facts: HostFacts) -> Verdict:
        return Verdict(tunable=self.name)

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return ""


@dataclass
class CoupledTunable:
    """`bytes` and `ratio`: the one that is in force makes the other read 0, if not in the toy tree."""

    name: str = "coupled"
    summary: str = "toy couple"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = ()
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    Settings: Any = dict

    def observe(self, host: HostReader, settings: Mapping[str, str], facts: HostFacts) -> dict[str, str]:
        return {path: host.read(path).text.strip() for path in settings}

    def plan(self, observed: Mapping[str, str], settings: Mapping[str, str], facts: HostFacts) -> tuple[PlanItem, ...]:
        if observed == settings:
            return ()
        members = tuple(
            CoupledKnob(path=path, before=observed[path], after=wanted) for path, wanted in settings.items()
        )
        return (WriteCoupled(key="couple", tunable=self.name, members=members),)

    def judge(self, observed: Mapping[str, str], settings: Mapping[str, str], facts: HostFacts) -> Verdict:
        return Verdict(tunable=self.name)

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return "only in toys"


def profile_of(**tune: Mapping[str, str]) -> Profile:
    return Profile(name="toy", summary="toys", digest=f"sha256:{sorted(tune.items())}", files=(), tune=dict(tune))


@dataclass
class World:
    """A host, its state directory, a clock and the tunables in use; each method is one run of the agent."""

    root: Path
    state: Path
    host: Host
    tunables: tuple[AnyTunable, ...] = (KnobTunable(),)
    clock: FakeClock = field(default_factory=FakeClock)

    def value(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def set(self, path: str, text: str) -> None:
        write(self.root, path, text)

    def plan(self, profile: Profile, *, only: tuple[str, ...] = ()) -> Plan:
        return make_plan(self.host, profile, facts_of(self.host), self.tunables, only=only or None)

    def order(self, profile: Profile, plan: Plan | None = None, **more: Any) -> Order:
        return Order(
            plan=plan or self.plan(profile),
            profile=profile,
            tunables=self.tunables,
            read_facts=lambda: facts_of(self.host),
            **more,
        )

    def apply(
        self, profile: Profile, plan: Plan | None = None, *, listener: Listener = ignore, **more: Any
    ) -> ApplyResult:
        with open_session(self.host, self.state, command="tune apply", clock=self.clock, listener=listener) as session:
            tidy_up(session)
            return apply(session, self.order(profile, plan, **more))

    def reboot(self) -> None:
        """Another boot; what the kernel forgets is the test's business."""
        old = self.value(BOOT_ID_FILE).strip()
        self.set(BOOT_ID_FILE, f"boot-{int(old.rpartition('-')[2]) + 1}\n")
        self.clock.boottime = 10.0


@dataclass
class FileTunable:
    """Writes whole files; settings map a path to the wanted content."""

    name: str = "files"
    summary: str = "toy files"
    risk: Risk = Risk.LIVE
    needs: tuple[Need, ...] = ()
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    Settings: Any = dict

    def observe(self, host: HostReader, settings: Mapping[str, str], facts: HostFacts) -> dict[str, str | None]:
        readings = {path: host.read(path) for path in settings}
        return {path: reading.text if reading.ok else None for path, reading in readings.items()}

    def plan(
        self, observed: Mapping[str, str | None], settings: Mapping[str, str], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        return tuple(
            WriteConfig(key=f"file:{path}", tunable=self.name, path=path, before=observed[path], after=wanted)
            for path, wanted in settings.items()
            if observed[path] != wanted
        )

    def judge(self, observed: Mapping[str, str | None], settings: Mapping[str, str], facts: HostFacts) -> Verdict:
        return Verdict(tunable=self.name)

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return ""
