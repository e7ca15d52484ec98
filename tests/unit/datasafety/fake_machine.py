"""A machine with three drives that obeys filesystem changes, for properties over many of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from nodeagent.model.change import Change, DirectoryState, MakeFilesystem, MountState, SetDirectory, SetMount
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import BlockDevice, Cpus, HostFacts, Kernel, Memory, Platform
from nodeagent.model.host_reader import MountEntry, PathState
from nodeagent.model.mount_options import same_question
from nodeagent.model.occupancy import Occupancy, Reason, Refusal, Signature
from nodeagent.model.reading import Reading, ReadStatus
from tests.fixtures.bare_host import BareHost

ROOT_OWNED = DirectoryState(mode=0o755, uid=0, gid=0)
_DEFAULTS = frozenset({"rw", "relatime"})


@dataclass(slots=True, kw_only=True)
class FakeMachine(BareHost):
    """`contents` maps a drive to what is on it: None for blank. A mount hides the directory below with its own root."""

    contents: dict[str, Signature | None]
    junk: frozenset[str] = frozenset()
    directories: dict[str, DirectoryState] = field(default_factory=lambda: {"/mnt": ROOT_OWNED})
    roots: dict[str, DirectoryState] = field(default_factory=dict)
    mounted: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)

    def facts(self) -> HostFacts:
        return HostFacts(
            cpus=Cpus(online=CpuSet(), possible=CpuSet(), isolated=CpuSet(), packages=1, cores=1, threads_per_core=1),
            numa_nodes=(),
            block_devices=tuple(self._device(name) for name in self.contents),
            nics=(),
            pci_devices=(),
            memory=Memory(total_bytes=None),
            kernel=Kernel(release=""),
            platform=Platform(),
        )

    def read(self, path: str) -> Reading:
        text = {"/etc/passwd": "root:x:0:0\nsol:x:1001:1002\n", "/etc/group": "sol:x:1002:\n"}.get(path)
        status = ReadStatus.OK if text is not None else ReadStatus.ABSENT
        return Reading(path=path, status=status, text=text or "")

    def names(self, directory: str) -> Sequence[str]:
        return ()

    def stat(self, path: str) -> PathState:
        state = self.directory(path)
        if state is None:
            return PathState(path=path, kind="absent")
        return PathState(path=path, kind="directory", mode=state.mode, uid=state.uid, gid=state.gid)

    def mounts(self) -> Sequence[MountEntry]:
        entries = []
        for target, (drive, options) in self.mounted.items():
            content = self.contents[drive]
            assert content is not None
            entries.append(
                MountEntry(
                    target=target,
                    source=f"/dev/{drive}",
                    fstype=content.type,
                    major_minor=self._device(drive).major_minor,
                    root="/",
                    options=options,
                    uuid=content.uuid,
                )
            )
        return entries

    def occupancy(self, device: BlockDevice) -> Occupancy:
        content = self.contents[device.name]
        refusals = []
        if content is not None:
            refusals.append(Refusal(id=Reason.SIGNATURE.value, reason=content.type))
        if device.name in self.junk:
            refusals.append(Refusal(id=Reason.NOT_BLANK.value, reason="something"))
        if any(drive == device.name for drive, _ in self.mounted.values()):
            refusals.append(Refusal(id=Reason.MOUNTED.value, reason="mounted"))
        return Occupancy(
            identity=device.identity,
            major_minor=device.major_minor,
            signatures=(content,) if content else (),
            blank=content is None and device.name not in self.junk,
            refusals=tuple(refusals),
        )

    def directory(self, path: str) -> DirectoryState | None:
        if path in self.mounted:
            return self.roots[self.mounted[path][0]]
        return self.directories.get(path)

    def perform(self, change: Change) -> None:
        match change:
            case MakeFilesystem():
                assert self.contents[change.device.name] is None
                assert change.device.name not in self.junk
                self.contents[change.device.name] = Signature(type=change.fstype, label=change.label, uuid=change.uuid)
                self.roots[change.device.name] = ROOT_OWNED
            case SetDirectory():
                self._set_directory(change)
            case SetMount():
                self._set_mount(change.target, change.before, change.after)
            case _:
                raise AssertionError(f"a {change.kind} of the filesystem tunable")

    def _set_directory(self, change: SetDirectory) -> None:
        if change.path in self.mounted and change.after is not None:
            self.roots[self.mounted[change.path][0]] = change.after
        elif change.after is None:
            assert change.path not in self.mounted
            assert not [path for path in self.directories if path.startswith(change.path + "/")]
            del self.directories[change.path]
        else:
            parent = change.path.rpartition("/")[0]
            assert not parent or self.directory(parent) is not None
            self.directories[change.path] = change.after

    def _set_mount(self, target: str, before: MountState | None, after: MountState | None) -> None:
        if after is None:
            del self.mounted[target]
            return
        if before is None:
            assert target not in self.mounted
            assert target in self.directories
            uuid = after.source.removeprefix("UUID=")
            [drive] = [name for name, content in self.contents.items() if content and content.uuid == uuid]
            self.mounted[target] = (drive, _with(_DEFAULTS, after.options))
            return
        drive, options = self.mounted[target]
        self.mounted[target] = (drive, _with(options, after.options))

    def _device(self, name: str) -> BlockDevice:
        number = sorted(self.contents).index(name)
        return BlockDevice(name=name, major_minor=f"259:{number}", serial=name.upper(), size_bytes=10**9)


def _with(options: frozenset[str], new: frozenset[str]) -> frozenset[str]:
    """As the kernel would show them after a (re)mount with `new`: only what is not the default."""
    kept = {old for old in options if not any(same_question(old, one) for one in new)}
    hidden = {"dev", "suid", "exec", "diratime", "nodiscard", "commit=5", "strictatime"}
    return frozenset(kept | (new - hidden))


def copy(machine: FakeMachine) -> FakeMachine:
    return replace(
        machine,
        contents=dict(machine.contents),
        directories=dict(machine.directories),
        roots=dict(machine.roots),
        mounted=dict(machine.mounted),
    )
