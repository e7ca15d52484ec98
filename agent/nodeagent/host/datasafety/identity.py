"""Which drive is meant, and is it still that one?

Kernel names move between boots and after a re-plug, so a drive is told by serial, wwn or (loop devices) backing file,
and must be the only one with them: two paths to one drive, a cloned virtual disk or two loop devices on one file are
refused. Everything is read again here, since the facts a plan was made from may be old.
"""

import os
import stat
from typing import TYPE_CHECKING

from nodeagent.host.datasafety.family import device_number, node_path
from nodeagent.host.datasafety.refusal import NotSafeError, Reason, refuse
from nodeagent.model.array_change import is_array
from nodeagent.model.change import DeviceIdentity
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Refusal

if TYPE_CHECKING:
    from nodeagent.host.host import Host


def find_device(host: "Host", identity: DeviceIdentity) -> BlockDevice:
    """The one drive that has this identity now, under whatever name. NotSafeError where it is none or several."""
    found = [device for device in current_devices(host) if is_same_drive(device.identity, identity)]
    if len(found) == 1 and has_identity(identity):
        return found[0]
    raise NotSafeError(f"drive {identity}", [_why_not_found(identity, found)])


def current_devices(host: "Host") -> tuple[BlockDevice, ...]:
    """Every whole block device, read now, with what tells it from others (not its queue, link or mounts)."""
    from nodeagent.host.block import identify_block_devices
    from nodeagent.host.inspection import Inspection

    return identify_block_devices(Inspection(host=host))


def has_identity(identity: DeviceIdentity) -> bool:
    return bool(identity.serial or identity.wwn or identity.backing_file)


def is_same_drive(first: DeviceIdentity, second: DeviceIdentity) -> bool:
    """The same in everything that lasts; the name is left out, the size is not.

    Only that of an array is: it is known once the array is made, and the members' sizes are in its UUID.
    """
    same_size = first.size_bytes == second.size_bytes or is_array(first)
    return _lasting(first) == _lasting(second) and same_size


def identity_refusals(host: "Host", device: BlockDevice) -> list[Refusal]:
    """Is it a whole drive, told apart from all others, and still what `device` says?"""
    devices = current_devices(host)
    current = next((other for other in devices if other.name == device.name), None)
    if current is None:
        return [_missing(host, device)]
    refusals = []
    if not has_identity(current.identity):
        refusals.append(
            refuse(
                Reason.NO_IDENTITY,
                f"{device.name} has no serial number, no wwn and no backing file; its name may be another drive's "
                "after the next boot",
                remedy="virtual machines: give the disk a serial (virtio-blk, NVMe: serial=...)",
            )
        )
    if difference := _difference(device, current):
        refusals.append(_changed(device.name, difference))
    twins = [other.name for other in devices if other.name != device.name and _is_twin(other, current)]
    if twins:
        refusals.append(
            refuse(
                Reason.NOT_UNIQUE,
                f"{device.name} and {', '.join(twins)} have the same identity ({current.identity})",
                remedy="two paths to one drive: name its multipath device's user; a clone: give it another serial",
            )
        )
    return refusals


def node_refusals(host: "Host", device: BlockDevice) -> list[Refusal]:
    """Does the node in /dev lead to this drive? Reads only its metadata."""
    path = node_path(device.name)
    try:
        status = os.lstat(host.path(path))
    except OSError as error:
        return [_wrong_node(f"{path} can't be looked at ({error.strerror})")]
    if not stat.S_ISBLK(status.st_mode):
        return [_wrong_node(f"{path} is no block device (mode {stat.filemode(status.st_mode)})")]
    return number_refusals(host, device, status.st_rdev)


def number_refusals(host: "Host", device: BlockDevice, found: int) -> list[Refusal]:
    """Is the device number `found` (st_rdev) the one sysfs shows for this drive?"""
    number, wanted = device_number(found), host.text(f"/sys/block/{device.name}/dev")
    if number == wanted == device.major_minor:
        return []
    text = f"{node_path(device.name)} is device {number}, sysfs says {wanted}, the plan says {device.major_minor}"
    return [_wrong_node(text)]


def _lasting(identity: DeviceIdentity) -> tuple[str, str, str]:
    return identity.serial, identity.wwn, identity.backing_file


def _is_twin(first: BlockDevice, second: BlockDevice) -> bool:
    """Can't be told apart: nothing that both have differs, and at least one thing is the same."""
    pairs = [pair for pair in zip(_lasting(first.identity), _lasting(second.identity), strict=True) if all(pair)]
    return bool(pairs) and all(one == other for one, other in pairs)


def _difference(planned: BlockDevice, current: BlockDevice) -> str:
    for what in ("serial", "wwn", "backing_file", "size_bytes", "major_minor"):
        before, now = getattr(planned, what), getattr(current, what)
        if before != now:
            return f"{what} was {before!r}, is {now!r}"
    return ""


def _missing(host: "Host", device: BlockDevice) -> Refusal:
    if host.read(f"/sys/class/block/{device.name}/partition").ok:
        return refuse(
            Reason.NOT_A_WHOLE_DRIVE, f"{device.name} is a partition", remedy="name the whole drive, by serial or wwn"
        )
    return _changed(device.name, "it is not there any more")


def _changed(name: str, difference: str) -> Refusal:
    return refuse(
        Reason.CHANGED,
        f"{name} is not the drive that was looked at: {difference}",
        remedy="nodeagent tune plan, to look again",
    )


def _wrong_node(text: str) -> Refusal:
    return refuse(Reason.WRONG_NODE, text, remedy="udevadm trigger --subsystem-match=block, or reboot")


def _why_not_found(identity: DeviceIdentity, found: list[BlockDevice]) -> Refusal:
    if not has_identity(identity):
        return refuse(Reason.NO_IDENTITY, f"no serial, wwn or backing file is given for {identity.name or 'it'}")
    if not found:
        return refuse(
            Reason.NOT_FOUND,
            f"no block device has serial={identity.serial!r} wwn={identity.wwn!r} "
            f"backing_file={identity.backing_file!r} and {identity.size_bytes} bytes",
            remedy="nodeagent host show lists the drives; then nodeagent tune plan",
        )
    names = ", ".join(device.name for device in found)
    return refuse(Reason.NOT_UNIQUE, f"{names} all have this identity", remedy="nodeagent host show lists the drives")
