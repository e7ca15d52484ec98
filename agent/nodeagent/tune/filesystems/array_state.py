"""The array that an entry with `raid0` asks for, as its drives and the kernel show it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from nodeagent.model.array_change import (
    MakeArray,
    MembersState,
    array_identity,
    array_uuid,
    array_wwn,
    member_order,
    members_state,
)
from nodeagent.model.change import ABSENT, DeviceIdentity, Risk, WriteConfig
from nodeagent.model.facts import BlockDevice
from nodeagent.model.host_reader import HostReader
from nodeagent.model.occupancy import Occupancy, Refusal
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.model.setting import Setting
from nodeagent.tune.filesystems.settings import FilesystemEntry, Make, RaidSettings

CONFIG_DIRECTORY = "/etc/mdadm/mdadm.conf.d"
_RUNNING = ("clean", "active", "active-idle", "write-pending")
_TUNABLE = "filesystem"


class ArrayState(StrEnum):
    """What there is of the array, in the order of hope."""

    RUNNING = "running"
    STOPPED = "stopped"
    BLANK = "blank"
    FAILED = "failed"
    UNFINISHED = "unfinished"
    UNEQUAL = "unequal"
    TAKEN = "taken"
    MISCOUNTED = "miscounted"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenArray:
    """The drives that match, in the order of the array; `array` is the kernel's device, None where none runs.

    `looks` are the drives one by one, only where no array of theirs is there. `word` is the kernel's for its state.
    `config` is the snippet of mdadm.conf that gives the array its name.
    """

    entry: FilesystemEntry
    wanted: RaidSettings
    members: tuple[BlockDevice, ...]
    array: BlockDevice | None
    word: str
    looks: tuple[Occupancy, ...]
    config: Reading
    has_config_directory: bool

    @property
    def state(self) -> ArrayState:
        if len(self.members) != self.wanted.devices.count:
            return ArrayState.MISCOUNTED
        if self.array is not None:
            return ArrayState.RUNNING if self.word in _RUNNING else ArrayState.FAILED
        found = members_state(self.looks, uuid=self.uuid)
        if found is MembersState.BLANK and len({member.size_bytes for member in self.members}) > 1:
            return ArrayState.UNEQUAL
        return ArrayState(found.value)

    @property
    def uuid(self) -> str:
        return _uuid(self.wanted, self.members)

    @property
    def identity(self) -> DeviceIdentity:
        """The same before and after it is made, so that what is planned on it stays the same."""
        size_bytes = sum(member.size_bytes or 0 for member in self.members)
        return array_identity(self.uuid, name=f"md/{self.entry.array_name}", size_bytes=size_bytes)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return tuple(dict.fromkeys(refusal for look in self.looks for refusal in look.refusals))

    @property
    def config_path(self) -> str:
        return _config_path(self.entry)

    @property
    def config_text(self) -> str:
        """For mdadm --incremental, which udev calls for each drive that appears."""
        return (
            f"# Written by nodeagent (tunable {_TUNABLE}); to undo: nodeagent tune rollback, or remove this file.\n"
            f"ARRAY /dev/md/{self.entry.array_name} metadata=1.2 UUID={array_wwn(self.uuid).removeprefix('md-uuid-')}\n"
        )

    @property
    def is_kept(self) -> bool:
        """Does the profile want it back, by that name, at the next boot?"""
        return self.entry.comes_back


def look_at_array(
    host: HostReader, entry: FilesystemEntry, wanted: RaidSettings, devices: Iterable[BlockDevice]
) -> SeenArray:
    """Find the drives and the array that is made of them, if there is one."""
    known = tuple(devices)
    matching = [device for device in known if not device.slaves and wanted.devices.matches(device)]
    members = tuple(sorted(matching, key=lambda device: member_order(device.identity)))
    array = _find(known, wanted, members)
    counted = len(members) == wanted.devices.count
    return SeenArray(
        entry=entry,
        wanted=wanted,
        members=members,
        array=array,
        word=host.read(f"/sys/block/{array.name}/md/array_state").text.strip() if array else ABSENT,
        looks=tuple(host.occupancy(device) for device in members) if counted and array is None else (),
        config=host.read(_config_path(entry)),
        has_config_directory=host.stat(CONFIG_DIRECTORY).kind == "directory",
    )


def array_change(seen: SeenArray, make: Setting[Make] | None) -> MakeArray:
    """The step that makes the array, or starts it where it is only stopped (which writes nothing to be lost)."""
    stopped = seen.state is ArrayState.STOPPED
    return MakeArray(
        key=seen.entry.key("array"),
        tunable=_TUNABLE,
        risk=Risk.LIVE if stopped else Risk.DESTRUCTIVE,
        members=tuple(member.identity for member in seen.members),
        uuid=seen.uuid,
        name=seen.entry.array_name,
        chunk_bytes=seen.wanted.chunk_bytes,
        before=MembersState.STOPPED if stopped else MembersState.BLANK,
        why="the array is there and does not run" if stopped else "all its drives are proved empty and unused",
        source=make.source if make else "",
    )


def config_change(seen: SeenArray) -> WriteConfig | None:
    """The line of mdadm.conf, where the array is to come back; None where it stands or could not be read."""
    if not seen.is_kept or seen.config.status is ReadStatus.UNREADABLE or seen.config.text == seen.config_text:
        return None
    return WriteConfig(
        key=seen.entry.key("array-name"),
        tunable=_TUNABLE,
        path=seen.config_path,
        before=seen.config.text if seen.config.ok else None,
        after=seen.config_text,
        why="the array has the same name after each boot",
        source="mdadm.conf(5)",
    )


def _find(devices: Iterable[BlockDevice], wanted: RaidSettings, members: tuple[BlockDevice, ...]) -> BlockDevice | None:
    wwn = array_wwn(_uuid(wanted, members))
    found = [device for device in devices if device.wwn == wwn and members]
    return found[0] if len(found) == 1 else None


def _config_path(entry: FilesystemEntry) -> str:
    return f"{CONFIG_DIRECTORY}/50-nodeagent-{entry.array_name}.conf"


def _uuid(wanted: RaidSettings, members: Iterable[BlockDevice]) -> str:
    return array_uuid((member.identity for member in members), chunk_bytes=wanted.chunk_bytes)
