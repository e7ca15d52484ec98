"""Block devices: identity, size, link, queue, what stands on them and where that is mounted.

Sources: Documentation/ABI/stable/sysfs-block, ABI/testing/sysfs-class-nvme, block/partitions/core.c; sizes are in
sectors of 512 bytes whatever the drive's own. Names move between boots, so identity is serial, WWN (EUI, NGUID) or the
backing file. Only whole devices are listed; the hidden path devices of NVMe multipath (nvme0c0n1) are their parent's.
"""

import re
from collections.abc import Iterator
from dataclasses import replace

from nodeagent.host.device_mounts import DeviceMounts
from nodeagent.host.drive_identity import read_model, read_serial, read_wwn
from nodeagent.host.inspection import Inspection
from nodeagent.host.pci import address_in, pci_driver, pci_numa_node, read_pcie_link
from nodeagent.model.block_device import BlockDevice, Partition
from nodeagent.model.knob_form import KnobForm

BLOCK_ROOT = "/sys/block"
SECTOR_BYTES = 512

_MAJOR_MINOR = re.compile(r"\d{1,7}:\d{1,7}", re.ASCII)
_CONTROLLER = re.compile(r"nvme\d{1,6}", re.ASCII)
_VIRTUAL = re.compile(r"(dm|md|loop|zram|nbd|ram|rbd|drbd|bcache|zd)[-_]?[0-9a-z]+", re.ASCII)
_BUSES = (
    (re.compile(r"/ata\d+/"), "sata"),
    (re.compile(r"/usb\d+/"), "usb"),
    (re.compile(r"/end_device-"), "sas"),
    (re.compile(r"/virtio\d+/"), "virtio"),
    (re.compile(r"/mmc_host/"), "mmc"),
    (re.compile(r"/(vbd|xen)-"), "xen"),
)


def read_block_devices(look: Inspection, *, knobs: bool = True) -> tuple[BlockDevice, ...]:
    """All of them; without `knobs` their `queue` is empty, which are forty files a drive."""
    mounts = DeviceMounts.read(look.host)
    names = sorted(look.host.names(BLOCK_ROOT), key=_natural)
    devices = (_read_device(look, name, mounts, knobs=knobs) for name in names)
    return tuple(device for device in devices if device)


def identify_block_devices(look: Inspection) -> tuple[BlockDevice, ...]:
    """The same devices with what tells one from another, and no more: name, number, identity, size, rotational.

    A look before each step of a plan asks for all drives again; knobs, links and mounts are most of what that costs.
    """
    devices = (_identify(look, name) for name in sorted(look.host.names(BLOCK_ROOT), key=_natural))
    return tuple(device for device in devices if device)


def _number(look: Inspection, directory: str) -> str | None:
    """`major:minor`; None for what is no device, or a path of one that is listed under another name."""
    number = look.quiet(f"{directory}/dev")
    if number is None or not _MAJOR_MINOR.fullmatch(number) or look.quiet(f"{directory}/hidden") == "1":
        return None
    return number


def _identify(look: Inspection, name: str) -> BlockDevice | None:
    directory = f"{BLOCK_ROOT}/{name}"
    number = _number(look, directory)
    if number is None:
        return None
    return BlockDevice(
        name=name,
        major_minor=number,
        model=read_model(look, directory),
        serial=read_serial(look, directory, number),
        wwn=read_wwn(look, directory, number),
        size_bytes=_sectors(look, f"{directory}/size"),
        rotational={"0": False, "1": True}.get(look.quiet(f"{directory}/queue/rotational") or ""),
        backing_file=look.quiet(f"{directory}/loop/backing_file") or "",
    )


def _read_device(look: Inspection, name: str, mounts: DeviceMounts, *, knobs: bool) -> BlockDevice | None:
    directory = f"{BLOCK_ROOT}/{name}"
    known = _identify(look, name)
    if known is None:
        return None
    functions = _pci_functions(look, directory)
    partitions = tuple(_read_partitions(look, name))
    scheduler = look.quiet(f"{directory}/queue/scheduler") or ""
    volumes = [directory, *(f"{directory}/{partition.name}" for partition in partitions)]
    return replace(
        known,
        read_only=look.flag(f"{directory}/ro"),
        removable=look.flag(f"{directory}/removable"),
        transport=_transport(look, name, directory),
        driver=_driver(look, name, directory, functions),
        numa_node=_numa_node(look, functions),
        pcie=read_pcie_link(look, functions[0]) if functions else None,
        scheduler=KnobForm.SELECTED.parse(scheduler),
        firmware=look.quiet(f"{directory}/device/firmware_rev") or look.quiet(f"{directory}/device/rev") or "",
        holders=tuple(sorted({holder for volume in volumes for holder in look.host.names(f"{volume}/holders")})),
        slaves=look.host.names(f"{directory}/slaves"),
        partitions=partitions,
        mounts=mounts.on(name, [partition.name for partition in partitions]),
        queue=_read_queue(look, f"{directory}/queue") if knobs else {},
    )


def _read_partitions(look: Inspection, disk: str) -> Iterator[Partition]:
    directory = f"{BLOCK_ROOT}/{disk}"
    for name in sorted(look.host.names(directory), key=_natural):
        if name.startswith(disk) and look.quiet(f"{directory}/{name}/partition") is not None:
            yield Partition(
                name=name,
                size_bytes=_sectors(look, f"{directory}/{name}/size"),
                start_bytes=_sectors(look, f"{directory}/{name}/start"),
            )


def _read_queue(look: Inspection, directory: str) -> dict[str, str]:
    """Knobs that can be read; some refuse where the device lacks the feature (wbt_lat_usec without a scheduler)."""
    values = {name: look.quiet(f"{directory}/{name}") for name in look.host.names(directory)}
    return {name: value for name, value in values.items() if value is not None}


def _sectors(look: Inspection, path: str) -> int | None:
    count = look.count(path, required=True)
    return None if count is None else count * SECTOR_BYTES


def _pci_functions(look: Inspection, directory: str) -> list[str]:
    """The functions the drive hangs on: one, or one a path where NVMe multipath joins several controllers."""
    own = address_in(look.host.real(directory))
    if own:
        return [own]
    controllers = _controllers(look, directory)
    found = (address_in(look.host.real(f"{directory}/device/{name}")) for name in controllers)
    return [address for address in found if address]


def _controllers(look: Inspection, directory: str) -> list[str]:
    """What an NVMe subsystem joins; empty for every other device."""
    return [name for name in look.host.names(f"{directory}/device") if _CONTROLLER.fullmatch(name)]


def _transport(look: Inspection, name: str, directory: str) -> str:
    """How the drive is attached, in the words of lsblk(8); "" where its place in sysfs doesn't tell."""
    if name.startswith("nvme"):
        places = [f"{directory}/device", *(f"{directory}/device/{each}" for each in _controllers(look, directory))]
        found = next((value for place in places if (value := look.quiet(f"{place}/transport"))), "")
        return "nvme" if found in ("pcie", "") else f"nvme-{found}"
    if virtual := _VIRTUAL.fullmatch(name):
        return virtual[1]
    place = look.host.real(directory)
    return next((bus for pattern, bus in _BUSES if pattern.search(place)), "")


def _driver(look: Inspection, name: str, directory: str, functions: list[str]) -> str:
    own = look.target_name(f"{directory}/device/driver")
    if own or not functions:
        virtual = _VIRTUAL.fullmatch(name)
        return own or (virtual[1] if virtual else "")
    return pci_driver(look, functions[0])


def _numa_node(look: Inspection, functions: list[str]) -> int | None:
    """The node of the drive; unknown where its paths lead to several."""
    nodes = {pci_numa_node(look, address) for address in functions}
    return nodes.pop() if len(nodes) == 1 else None


def _natural(name: str) -> list[tuple[int, str]]:
    """nvme2n1 before nvme10n1."""
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in re.split(r"(\d+)", name)]
