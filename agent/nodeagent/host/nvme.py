"""The controller behind an NVMe block device: files of sysfs first, then what only the drive itself can tell.

With NVMe multipath the device hangs on a subsystem that may have several controllers; then none of them is *the* one,
and nothing is asked. Sources: Documentation/ABI/testing/sysfs-class-nvme, model/nvme.py for the layouts.
"""

import re
from typing import TYPE_CHECKING, Any

from nodeagent.host.inspection import integer
from nodeagent.host.nvme_admin import NvmeAdmin
from nodeagent.host.pci import address_in
from nodeagent.model.nvme import FirmwareSlots, Health, NvmeDrive, PowerState, SectorFormat

if TYPE_CHECKING:
    from nodeagent.host.host import Host

POWER_MANAGEMENT = 2

_CONTROLLER = re.compile(r"nvme\d{1,6}", re.ASCII)
_BLOCK_DEVICE = re.compile(r"nvme\d{1,6}n(\d{1,6})", re.ASCII)
_HEALTH_LOG, _FIRMWARE_LOG = 2, 3
_ZERO_CELSIUS = 273
_SLOTS = 7


def read_nvme(host: "Host", device: str) -> NvmeDrive:
    """What is behind the block device of this name; never raises for what it finds."""
    names = controllers_of(host, device)
    if len(names) != 1:
        text = f"several controllers lead to it ({', '.join(names)})" if names else "it is no NVMe drive"
        return NvmeDrive(name="", problem=text)
    directory = f"/sys/class/nvme/{names[0]}"
    known: dict[str, Any] = {
        "name": names[0],
        "address": address_in(host.real(directory)),
        "serial": host.text(f"{directory}/serial") or "",
    }
    if not host.is_live:
        return noted(known, host.noted_nvme(device))
    try:
        with NvmeAdmin.open(host.path(f"/dev/{names[0]}")) as admin:
            return NvmeDrive(**known, **_ask(admin, _namespace(host, device)))
    except OSError as error:
        return NvmeDrive(**known, problem=f"/dev/{names[0]} does not answer: {error.strerror or error}")


def controllers_of(host: "Host", device: str) -> tuple[str, ...]:
    """Names of the controllers that a block device hangs on; empty for what is no NVMe drive."""
    if not _BLOCK_DEVICE.fullmatch(device):
        return ()
    directory = f"/sys/block/{device}/device"
    own = host.real(directory).rpartition("/")[2]
    if _CONTROLLER.fullmatch(own):
        return (own,)
    return tuple(name for name in host.names(directory) if _CONTROLLER.fullmatch(name))


def controller_at(host: "Host", address: str) -> str:
    """The name of the controller that a PCI function has now; "" for none."""
    names = host.names(f"/sys/bus/pci/devices/{address}/nvme")
    return names[0] if len(names) == 1 else ""


def noted(known: dict[str, Any], note: dict[str, Any]) -> NvmeDrive:
    """A drive of a tree, from what its index says of it."""
    if not note:
        return NvmeDrive(**known, problem="a captured tree has no drive to ask")
    plain = {name: note[name] for name in ("power", "format_in_use", "problem") if name in note}
    return NvmeDrive(
        **known,
        **plain,
        power_states=tuple(PowerState(**state) for state in note.get("power_states", ())),
        health=Health(**note["health"]) if "health" in note else None,
        firmware=FirmwareSlots(**{**note["firmware"], "revisions": tuple(note["firmware"]["revisions"])})
        if "firmware" in note
        else None,
        formats=tuple(SectorFormat(**each) for each in note.get("formats", ())),
    )


def parse_power_states(controller: bytes) -> tuple[PowerState, ...]:
    """From the Identify Controller data; there is at least one state."""
    return tuple(_power_state(controller, number) for number in range(min(controller[263], 31) + 1))


def parse_health(log: bytes, controller: bytes) -> Health:
    """From the SMART log; the temperature to warn at stands in the Identify Controller data."""
    warning_kelvin = int.from_bytes(controller[266:268], "little")
    return Health(
        warning=log[0],
        temperature_celsius=int.from_bytes(log[1:3], "little") - _ZERO_CELSIUS,
        spare_percent=log[3],
        spare_threshold_percent=log[4],
        used_percent=log[5],
        media_errors=int.from_bytes(log[160:176], "little"),
        warning_celsius=warning_kelvin - _ZERO_CELSIUS if warning_kelvin else None,
    )


def parse_firmware(log: bytes, controller: bytes) -> FirmwareSlots:
    """From the firmware slot log, as many slots as the controller has."""
    count = min(controller[260] >> 1 & 0x7, _SLOTS)
    revisions = (log[8 * slot : 8 * slot + 8] for slot in range(1, count + 1))
    return FirmwareSlots(
        active=log[0] & 0x7,
        next=log[0] >> 4 & 0x7,
        revisions=tuple(text.decode("ascii", "replace").strip("\0 ") for text in revisions),
    )


def parse_formats(namespace: bytes) -> tuple[tuple[SectorFormat, ...], int]:
    """The formats of a namespace, and the index of the one in use."""
    entries = (namespace[128 + 4 * at : 132 + 4 * at] for at in range(min(namespace[25], 15) + 1))
    formats = tuple(
        SectorFormat(data_bytes=1 << entry[2], metadata_bytes=int.from_bytes(entry[:2], "little")) for entry in entries
    )
    return formats, namespace[26] & 0xF


def _power_state(controller: bytes, number: int) -> PowerState:
    descriptor = controller[2048 + 32 * number : 2080 + 32 * number]
    # The unit is 0.01 W, or 0.0001 W where the scale bit is set.
    units = int.from_bytes(descriptor[:2], "little")
    watts = units / (10_000 if descriptor[3] & 1 else 100)
    return PowerState(number=number, operational=not descriptor[3] & 2, watts=watts if units else None)


def _ask(admin: NvmeAdmin, namespace: int | None) -> dict[str, Any]:
    controller = admin.identify_controller()
    told: dict[str, Any] = {
        "power_states": parse_power_states(controller),
        "power": admin.feature(POWER_MANAGEMENT),
        "health": parse_health(admin.log(_HEALTH_LOG), controller),
        "firmware": parse_firmware(admin.log(_FIRMWARE_LOG), controller),
    }
    if namespace is not None:
        told["formats"], told["format_in_use"] = parse_formats(admin.identify_namespace(namespace))
    return told


def _namespace(host: "Host", device: str) -> int | None:
    """The namespace's number at the drive; the one in the name is the kernel's."""
    return integer(host.text(f"/sys/block/{device}/nsid"))
