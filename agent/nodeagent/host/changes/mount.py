"""Mounting by UUID, changing the options of a mount, unmounting; all three seen through mountinfo.

The device is found by reading superblocks, since /dev/disk/by-uuid is udev's and udev need not run; exactly one may
have the UUID, or a cloned drive would be mounted at random. Only the options that a change names are compared
(model/mount_options.py). An unmount that finds the filesystem in use says who uses it and stops: a lazy unmount would
leave them writing into a filesystem that nobody sees any more.

mount(8) acts in the namespace of whoever starts it. A service with a sandbox has one of its own, in which it would
mount for itself alone; then PID 1 is asked to run mount(8) (systemd-run), and what it mounts comes into ours too, since
a sandbox receives what happens outside (systemd.exec(5), mount_namespaces(7)). Whether it arrived is read in ours.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.datasafety.family import node_path, number_behind
from nodeagent.host.datasafety.open_files import users_of_mount
from nodeagent.host.process import run
from nodeagent.host.superblock import superblock_uuid
from nodeagent.model.change import ABSENT, MountState, SetMount
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError, RefusedError
from nodeagent.model.host_reader import MountEntry
from nodeagent.model.mount_options import in_force, same_question

if TYPE_CHECKING:
    from nodeagent.host.host import Host

TIMEOUT_SECONDS = 120.0
"""Replaying the journal of a large filesystem after a crash takes its time."""
_SHOWN_USERS = 8
_WAITING = ("--quiet", "--wait", "--collect", "--pipe", "--service-type=exec", "--")
_UUID = "UUID="
_FLAGS = frozenset(
    {"ro", "nosuid", "nodev", "noexec", "nosymfollow", "noatime", "nodiratime", "relatime", "sync", "lazytime"}
)


def observe(host: "Host", change: SetMount) -> Observation:
    """What is mounted on top at the target, in the words of the change's own options; `absent` for nothing."""
    entry = top_mount(host, change.target)
    if entry is None:
        return Observation(state=ABSENT)
    named = change.after or change.before
    options = in_force(named.options, entry.options, fstype=entry.fstype) if named else frozenset()
    source = f"{_UUID}{entry.uuid}" if entry.uuid else entry.source
    state = MountState(source=source, fstype=entry.fstype, options=options)
    raw = f"{entry.source} {entry.fstype} {','.join(sorted(entry.options))}"
    return Observation(state=str(state), raw=raw)


def perform(host: "Host", change: SetMount) -> None:
    """Mount, remount or unmount. HostError where the kernel refuses, RefusedError where something stands in the way."""
    match change.before, change.after:
        case None, MountState() as after:
            _mount(host, change.target, after)
        case MountState(), MountState() as after:
            _remount(host, change.target, after)
        case MountState(), None:
            _unmount(host, change.target)
        case _:
            raise HostError(f"nothing to mount or unmount at {change.target}", remedy="nodeagent tune plan")


def top_mount(host: "Host", target: str) -> MountEntry | None:
    """The mount that a path lookup of `target` ends in: the last one of those stacked there."""
    return next((entry for entry in reversed(host.mounts()) if entry.target == target), None)


def _mount(host: "Host", target: str, wanted: MountState) -> None:
    if top_mount(host, target) is not None:
        raise RefusedError(f"something is mounted at {target} already", remedy=f"findmnt {target}")
    if host.real(target) != target or host.stat(target).kind != "directory":
        raise RefusedError(f"{target} is not a directory, or a link leads to it", remedy=f"ls -ld {target}")
    uuid = wanted.source.removeprefix(_UUID)
    node = device_of(host, uuid, fstype=wanted.fstype)
    if node is None:
        raise HostError(f"no device has a {wanted.fstype} with UUID {uuid}, wanted exactly one", remedy="lsblk -f")
    options = ",".join(sorted(wanted.options)) or "defaults"
    completed = _run(host, "mount", "-t", wanted.fstype, "-o", options, "--", node, target)
    if not completed.ok:
        raise failed(f"mount {node} at {target}", completed, f"dmesg | tail; findmnt --source {node}")
    entry = top_mount(host, target)
    if entry is None or f"{_UUID}{entry.uuid}" != wanted.source:
        found = f"{entry.source} with UUID {entry.uuid}" if entry else "nothing"
        raise HostError(f"mounted {wanted.source} at {target}, found {found} there", remedy=f"findmnt {target}")


def _remount(host: "Host", target: str, wanted: MountState) -> None:
    entry = top_mount(host, target)
    if entry is None:
        raise HostError(f"nothing is mounted at {target} any more", remedy="nodeagent tune plan")
    # Named together with its device, so that mount(8) adds nothing from fstab; flags that aren't named would be
    # cleared, so those of the mount that are in force are named too.
    options = ",".join(["remount", *sorted(_kept_flags(entry, wanted)), *sorted(wanted.options)])
    completed = _run(host, "mount", "-o", options, "--", entry.source, target)
    if not completed.ok:
        raise failed(f"change the options of {target} to {options}", completed, "dmesg | tail")


def _kept_flags(entry: MountEntry, wanted: MountState) -> frozenset[str]:
    """Flags of the mount itself that are set now and that the wanted options say nothing about."""
    shown = _FLAGS & entry.options
    return frozenset(flag for flag in shown if not any(same_question(flag, option) for option in wanted.options))


def _unmount(host: "Host", target: str) -> None:
    completed = _run(host, "umount", "--", target)
    if completed.ok:
        return
    users = [str(user) for user in users_of_mount(host, target)]
    below = [entry.target for entry in host.mounts() if entry.target.startswith(target.rstrip("/") + "/")]
    held = [*(f"mounted below it: {path}" for path in below), *users]
    if not held:
        raise failed(f"unmount {target}", completed, f"findmnt {target}; dmesg | tail")
    more = f" and {len(held) - _SHOWN_USERS} more" if len(held) > _SHOWN_USERS else ""
    raise HostError(
        f"cannot unmount {target}, it is in use (EBUSY): {', '.join(held[:_SHOWN_USERS])}{more}",
        remedy=f"stop them (fuser -vm {target} lists them), then run the command again; it is never unmounted lazily",
    )


def device_of(host: "Host", uuid: str, *, fstype: str) -> str | None:
    """The node of the only device whose superblock has the UUID; None where none has, HostError where several have."""
    names = [name for name in host.names("/sys/class/block") if superblock_uuid(host, name, fstype=fstype) == uuid]
    if not names:
        return None
    if len(names) > 1:
        raise HostError(
            f"{', '.join(names)} all have a {fstype} with UUID {uuid}, wanted exactly one", remedy="lsblk -f"
        )
    node, wanted_number = node_path(names[0]), host.text(f"/sys/class/block/{names[0]}/dev")
    if number_behind(host, node) != wanted_number:
        raise HostError(f"{node} is not device {wanted_number} of sysfs", remedy=f"ls -l {node}")
    return node


def _run(host: "Host", *argv: str) -> Completed:
    return run(Command(argv=(*outside(host), *argv), timeout_seconds=TIMEOUT_SECONDS))


def outside(host: "Host") -> tuple[str, ...]:
    """The words before a command that make PID 1 run it; none where we share its mounts, or it is not systemd."""
    if host.stat("/run/systemd/system").kind != "directory":
        return ()
    ours, of_first = host.link("/proc/self/ns/mnt"), host.link("/proc/1/ns/mnt")
    return ("systemd-run", *_WAITING) if ours and of_first and ours != of_first else ()


def failed(what: str, completed: Completed, remedy: str) -> HostError:
    """What mount(8) or a command of its kind said when it did not do it."""
    said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
    how = " within the time" if completed.timed_out else ""
    return HostError(f"cannot {what}{how}: {said}", remedy=remedy)
