"""Changes as data: what a tunable wants done to the machine, before anybody does it.

A change knows its key (an identity that survives renumbering: a sysctl's name, a drive's serial and knob, a mount
point), the state it was planned from and the state it leads to. Almost every change is `Set...(before, after)`, so its
inverse is the same change with the two swapped; only making a filesystem has none. The engine in `tune/` journals,
applies, verifies and inverts them without knowing any tunable; `host/changes/` is the one place that performs them.

`before_state()` and `after_state()` are canonical texts for the three-way comparison of a rollback (original, ours,
current); `command()` is what a person would type to do the same.
"""

import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, ClassVar, Self

from nodeagent.model.knob_form import KnobForm
from nodeagent.model.risk import Risk

__all__ = ["KnobForm", "Risk"]  # of modules of their own, for those who need no change; known here as parts of one

ABSENT = "absent"
"""The canonical state of a file, directory or mount that is not there."""


class Lifetime(StrEnum):
    """How long a change lasts by itself: until the next boot, for good, or beyond undo."""

    BOOT = "boot"
    PERSISTENT = "persistent"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(ABC):
    """One step of a plan. `before` is what was observed when it was planned, never a default."""

    kind: ClassVar[str]

    key: str
    tunable: str
    risk: Risk = Risk.LIVE
    why: str = ""
    source: str = ""

    @property
    @abstractmethod
    def lifetime(self) -> Lifetime:
        """How long it lasts by itself; most kinds have one for all their changes."""

    @abstractmethod
    def before_state(self) -> str: ...

    @abstractmethod
    def after_state(self) -> str: ...

    @abstractmethod
    def command(self) -> str:
        """The same as one shell command line that a person could paste."""

    @abstractmethod
    def inverse(self) -> "Change | None":
        """The change that leads back to `before`; None where there is no way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetState(Change):
    """Bring an object from one state to another; the way back is the same change with the two swapped.

    Each kind declares `before` and `after` again, with the type of its states.
    """

    before: Any
    after: Any

    def before_state(self) -> str:
        return str(self.before)

    def after_state(self) -> str:
        return str(self.after)

    def inverse(self) -> Self:
        return replace(self, before=self.after, after=self.before)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFile(SetState):
    """Write one kernel knob below /proc/sys or /sys. Values are without the line end."""

    kind = "write-file"
    lifetime = Lifetime.BOOT

    path: str
    before: str
    after: str
    form: KnobForm = KnobForm.PLAIN

    def command(self) -> str:
        return f"echo {shlex.quote(self.after)} > {shlex.quote(self.path)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CoupledKnob:
    """One member of a coupled group: writing one member changes what another reads.

    `forward` and `back` say whether the member is written on the way to `after` and on the way back; one that is not
    written follows from the others (`vm.dirty_ratio` reads 0 once `vm.dirty_bytes` is set).
    """

    path: str
    before: str
    after: str
    form: KnobForm = KnobForm.PLAIN
    forward: bool = True
    back: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCoupled(Change):
    """Write a group of kernel knobs that only make sense together, in the order given."""

    kind = "write-coupled"
    lifetime = Lifetime.BOOT

    members: tuple[CoupledKnob, ...]

    def before_state(self) -> str:
        return coupled_state({member.path: member.before for member in self.members})

    def after_state(self) -> str:
        return coupled_state({member.path: member.after for member in self.members})

    def command(self) -> str:
        return " && ".join(
            f"echo {shlex.quote(member.after)} > {shlex.quote(member.path)}"
            for member in self.members
            if member.forward
        )

    def inverse(self) -> Self:
        swapped = tuple(
            replace(m, before=m.after, after=m.before, forward=m.back, back=m.forward) for m in reversed(self.members)
        )
        return replace(self, members=swapped)


def coupled_state(values: dict[str, str]) -> str:
    """The canonical state of a coupled group, whatever the order of its members."""
    return " ".join(f"{path}={values[path]!r}" for path in sorted(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteConfig(SetState):
    """Create, replace or remove one configuration file, whole. None is "no such file"."""

    kind = "write-config"
    lifetime = Lifetime.PERSISTENT

    path: str
    before: str | None
    after: str | None
    mode: int = 0o644

    def before_state(self) -> str:
        return file_state(self.before)

    def after_state(self) -> str:
        return file_state(self.after)

    def command(self) -> str:
        path = shlex.quote(self.path)
        reload = " && systemctl daemon-reload" if is_unit_file(self.path) else ""
        if self.after is None:
            return f"rm {path}{reload}"
        return f"printf %s {shlex.quote(self.after)} | install -m {self.mode:04o} /dev/stdin {path}{reload}"


def is_unit_file(path: str) -> bool:
    """A unit file or a drop-in of systemd, which takes effect when PID 1 reads its files again."""
    return path.startswith("/etc/systemd/system/")


def file_state(content: str | None) -> str:
    """The canonical state of a configuration file."""
    if content is None:
        return ABSENT
    return "sha256:" + sha256(content.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryState:
    """Owner and mode of a directory: numeric ids, permission bits as in stat(2)."""

    mode: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"mode={self.mode:04o} owner={self.uid}:{self.gid}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesystemName:
    """A filesystem by what is written in it: it is the same one wherever, and whether, it is mounted."""

    uuid: str
    fstype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetDirectory(SetState):
    """Make a directory, change its owner and mode, or remove it while it is empty. None is "no such directory".

    `root_of` says that it is the uppermost directory of a filesystem mounted at `path`: its owner and mode are kept in
    there, and outlive a mount that ends with the boot.
    """

    kind = "set-directory"
    lifetime = Lifetime.PERSISTENT

    path: str
    before: DirectoryState | None
    after: DirectoryState | None
    root_of: FilesystemName | None = None

    def before_state(self) -> str:
        return str(self.before) if self.before else ABSENT

    def after_state(self) -> str:
        return str(self.after) if self.after else ABSENT

    def command(self) -> str:
        path = shlex.quote(self.path)
        if self.after is None:
            return f"rmdir {path}"
        owner = f"{self.after.uid}:{self.after.gid}"
        if self.before is None:
            return f"install -d -m {self.after.mode:04o} -o {self.after.uid} -g {self.after.gid} {path}"
        return f"chown {owner} {path} && chmod {self.after.mode:04o} {path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MountState:
    """A mount as mountinfo shows it. `source` is `UUID=...`; options are a set, order means nothing."""

    source: str
    fstype: str
    options: frozenset[str]

    def __str__(self) -> str:
        return f"{self.source} {self.fstype} {','.join(sorted(self.options))}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMount(SetState):
    """Mount a filesystem, change its options, or unmount it. None is "nothing mounted there".

    The states compare the options *named* by the profile (and their opposites) only: the kernel adds its own
    (`relatime`, `seclabel`), and an exact comparison of the list would never be idempotent.

    `comes_back` says that something of ours mounts it again at every boot: it does not end with one, and a rollback
    after a boot has to take it out.
    """

    kind = "set-mount"

    target: str
    before: MountState | None
    after: MountState | None
    comes_back: bool = False

    @property
    def lifetime(self) -> Lifetime:
        return Lifetime.PERSISTENT if self.comes_back else Lifetime.BOOT

    def before_state(self) -> str:
        return str(self.before) if self.before else ABSENT

    def after_state(self) -> str:
        return str(self.after) if self.after else ABSENT

    def command(self) -> str:
        target = shlex.quote(self.target)
        if self.after is None:
            return f"umount {target}"
        options = ",".join(sorted(self.after.options)) or "defaults"
        if self.before is not None:
            return f"mount -o remount,{options} {target}"
        return f"mount -t {self.after.fstype} -o {options} {self.after.source} {target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceIdentity:
    """What tells one drive from another for good; names like nvme0n1 move between boots and are only shown.

    A loop device has no serial; its backing file is its identity. At least one of serial, wwn, backing_file is set.
    """

    serial: str = ""
    wwn: str = ""
    model: str = ""
    size_bytes: int = 0
    backing_file: str = ""
    name: str = ""

    def __str__(self) -> str:
        stable = self.serial or self.wwn or self.backing_file
        return f"{stable} ({self.name}, {self.size_bytes} bytes)"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeFilesystem(Change):
    """Make a filesystem on a whole, empty, named drive. There is no way back: what was there must have been nothing.

    `uuid` is chosen when the plan is made (derived from the identity), so that later mounts are known before apply.
    """

    kind = "make-filesystem"
    lifetime = Lifetime.IRREVERSIBLE

    device: DeviceIdentity
    fstype: str
    label: str
    uuid: str
    options: tuple[str, ...] = ()

    def before_state(self) -> str:
        return "blank"

    def after_state(self) -> str:
        return f"{self.fstype} uuid={self.uuid} label={self.label}"

    def command(self) -> str:
        uuid_flag = {"ext4": "-U", "btrfs": "-U", "xfs": "-m"}[self.fstype]
        uuid = f"uuid={self.uuid}" if self.fstype == "xfs" else self.uuid
        argv = [f"mkfs.{self.fstype}", "-L", self.label, uuid_flag, uuid, *self.options]
        return shlex.join([*argv, f"/dev/{self.device.name}"])

    def inverse(self) -> None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """A step whose content only an earlier change can reveal; shown as *known after apply*.

    While applying, the engine observes and plans the tunable again once `waits_for` (a change's key) is done; what
    then stands under `key` takes its place. Anything else that differs from the plan stops the apply.

    With `whole` it stands for all steps of its tunable, whose objects an earlier tunable of the plan remakes.
    """

    key: str
    tunable: str
    waits_for: str
    summary: str
    risk: Risk = Risk.LIVE
    why: str = ""
    source: str = ""
    whole: bool = False


PlanItem = Change | Deferred
