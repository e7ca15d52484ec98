"""Who a drive is: model, serial number and world-wide name, from sysfs first and from udev's records second.

Sources: ABI/testing/sysfs-class-nvme (`wwid`), ABI/testing/sysfs-block-device and scsi_sysfs.c (`wwid`, `vpd_pg80`,
SPC-4 7.8.14 for its layout), virtio_blk.c (`serial`). sysfs answers in containers and initramfs too; udev adds what
only a command to the drive reveals (the serial of a SATA disk before kernel 3.15, of an MD array, of some USB bridges).
"""

import re

from nodeagent.host.inspection import Inspection
from nodeagent.host.mounts import udev_properties

_ARRAY = re.compile(r".*/md[_\d][^/]*", re.ASCII)
_BLANKS = re.compile(r"\s+", re.ASCII)


def read_model(look: Inspection, directory: str) -> str:
    """`SAMSUNG MZQL27T6HBLA`; a SCSI vendor stands before it unless it says only `ATA`."""
    model = look.quiet(f"{directory}/device/model") or look.quiet(f"{directory}/device/name") or ""
    vendor = look.quiet(f"{directory}/device/vendor") or ""
    if not model or vendor in ("", "ATA") or vendor.startswith("0x"):
        return single_blanks(model)
    return single_blanks(f"{vendor} {model}")


def read_serial(look: Inspection, directory: str, major_minor: str) -> str:
    """The manufacturer's serial number; "" where the device has none or nobody tells."""
    return (
        look.quiet(f"{directory}/device/serial")
        or look.quiet(f"{directory}/serial")
        or _unit_serial(look, f"{directory}/device/vpd_pg80")
        or udev_properties(look.host, major_minor).get("ID_SERIAL_SHORT", "")
    )


def read_wwn(look: Inspection, directory: str, major_minor: str) -> str:
    """`eui.…`, `nvme.…`, `uuid.…`, `naa.…`, `0x…` or `md-uuid-…`; "" where the device has none or nobody tells."""
    if _ARRAY.fullmatch(directory):
        return _array_wwn(look, directory, major_minor)
    return (
        look.quiet(f"{directory}/wwid")
        or single_blanks(look.quiet(f"{directory}/device/wwid"))
        or udev_properties(look.host, major_minor).get("ID_WWN", "")
    )


def _array_wwn(look: Inspection, directory: str, major_minor: str) -> str:
    """By its members' superblocks, which only root reads; else as mdadm told udev, in the same groups of digits."""
    from nodeagent.host.raid import shown_uuid
    from nodeagent.model.array_change import array_wwn

    uuid = shown_uuid(look.host, directory.rpartition("/")[2])
    uuid = uuid or udev_properties(look.host, major_minor).get("MD_UUID", "").replace(":", "")
    return array_wwn(uuid) if uuid else ""


def single_blanks(text: str | None) -> str:
    """Models and identifiers of type t10 pad their parts with blanks."""
    return _BLANKS.sub(" ", text or "")


def _unit_serial(look: Inspection, path: str) -> str:
    """Vital product data page 80h: type, page, length (two bytes), then the number in ASCII."""
    reading = look.host.read(path)
    page = reading.text.encode("utf-8", "surrogateescape")
    if len(page) < 5 or page[1] != 0x80:
        return ""
    return page[4 : 4 + int.from_bytes(page[2:4], "big")].decode("ascii", "replace").strip("\0 ")
