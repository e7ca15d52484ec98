"""A whole drive with its partitions: the set of device numbers that must not be in use.

Holding or writing the whole drive touches every partition, so each question ("mounted? swapped on? open?") is asked of
all of them. Source: Documentation/ABI/stable/sysfs-block; `partition` exists in a partition's directory only.
"""

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeagent.host.host import Host


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """`numbers` maps each kernel name (the drive first, then its partitions) to `major:minor`."""

    drive: str
    numbers: dict[str, str]

    @property
    def partitions(self) -> tuple[str, ...]:
        return tuple(name for name in self.numbers if name != self.drive)

    def holds(self, major_minor: str) -> bool:
        return major_minor in self.numbers.values()

    def name_of(self, major_minor: str) -> str:
        return next((name for name, number in self.numbers.items() if number == major_minor), "")


def read_family(host: "Host", name: str) -> Family:
    """The drive `name` and its partitions as sysfs shows them now; a name that isn't there has no numbers."""
    directory = f"/sys/block/{name}"
    numbers = {name: number} if (number := host.text(f"{directory}/dev")) else {}
    for child in host.names(directory):
        if host.read(f"{directory}/{child}/partition").ok and (number := host.text(f"{directory}/{child}/dev")):
            numbers[child] = number
    return Family(drive=name, numbers=numbers)


def node_path(name: str) -> str:
    """The device node that devtmpfs makes for a kernel name, in which `!` stands for `/` (cciss!c0d0)."""
    return "/dev/" + name.replace("!", "/")


def number_behind(host: "Host", path: str) -> str:
    """`major:minor` of the block device a path leads to, links followed; "" where it isn't one.

    On a captured tree there are no device nodes: there the last component is looked up in sysfs.
    """
    if not path.startswith("/"):
        return ""
    if not host.is_live:
        name = (host.real(path) or path).rpartition("/")[2]
        return host.text(f"/sys/class/block/{name}/dev") or host.text(f"/sys/block/{name}/dev") or ""
    try:
        status = host.path(path).stat()
    except (OSError, ValueError):
        return ""
    return device_number(status.st_rdev) if stat.S_ISBLK(status.st_mode) else ""


def device_number(number: int) -> str:
    """A dev_t as sysfs writes it."""
    return f"{os.major(number)}:{os.minor(number)}"
