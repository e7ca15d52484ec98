"""What will be mounted at a place at the next boot: the lines of fstab and systemd's mount units. Reads only.

systemd makes a unit of each line of fstab; a unit file in /etc stands over it. A unit is started at boot only where
something wants it: a link below `*.wants` or `*.requires`, or a drop-in of a target.
Sources: fstab(5), systemd.mount(5), systemd.unit(5); the name of a mount unit is its path as systemd-escape --path has
it.
"""

from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader
from nodeagent.model.reading import Reading, ReadStatus
from nodeagent.tune.filesystems import fstab
from nodeagent.tune.filesystems.fstab import FstabLine

SYSTEM_UNITS = "/etc/systemd/system"
DROP_INS = f"{SYSTEM_UNITS}/local-fs.target.d"
UNIT_DIRECTORIES = (
    SYSTEM_UNITS,
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFiles:
    """`unit` is the file that counts of those with the name, None where there is none; `drop_in` is the one of ours.

    `wanted_by` names what starts the unit at boot. `drop_in_directory` says whether the directory of it is there.
    """

    fstab: Reading
    fstab_mode: int
    lines: tuple[FstabLine, ...]
    unit: Reading | None
    drop_in: Reading
    drop_in_directory: bool
    wanted_by: tuple[str, ...]

    @property
    def what(self) -> str:
        """What the unit mounts, as it writes it; "" where it does not say."""
        text = self.unit.text if self.unit else ""
        found = [
            line.partition("=")[2].strip() for line in text.splitlines() if line.partition("=")[0].strip() == "What"
        ]
        return found[-1] if found else ""

    @property
    def source(self) -> str:
        """The file that mounts it at boot; "" where none does."""
        if any(line.at_boot for line in self.lines):
            return fstab.PATH
        return self.unit.path if self.unit and self.unit.ok and self.wanted_by else ""


def look_at_boot(host: HostReader, mount_point: str) -> BootFiles:
    """Read them all for one mount point."""
    unit = mount_unit(mount_point)
    table = host.read(fstab.PATH)
    units = (host.read(f"{directory}/{unit}") for directory in UNIT_DIRECTORIES)
    drop_in = host.read(drop_in_path(mount_point))
    links = _links(host, unit)
    return BootFiles(
        fstab=table,
        fstab_mode=host.stat(fstab.PATH).mode,
        lines=fstab.lines_of(table.text, mount_point),
        unit=next((reading for reading in units if reading.status is not ReadStatus.ABSENT), None),
        drop_in=drop_in,
        drop_in_directory=host.stat(DROP_INS).kind == "directory",
        wanted_by=(*links, *([drop_in.path] if drop_in.ok else [])),
    )


def mount_unit(mount_point: str) -> str:
    """`/mnt/ledger` is mounted by `mnt-ledger.mount`."""
    return f"{escaped_path(mount_point)}.mount"


def drop_in_path(mount_point: str) -> str:
    """Our file that makes local-fs.target want the mount."""
    return f"{DROP_INS}/50-nodeagent-{escaped_path(mount_point)}.conf"


def escaped_path(path: str) -> str:
    """A path inside the name of a unit, as systemd-escape --path writes it."""
    inner = path.strip("/")
    return "".join(_escaped(at, character) for at, character in enumerate(inner)) or "-"


def _links(host: HostReader, unit: str) -> tuple[str, ...]:
    found = []
    for directory in UNIT_DIRECTORIES:
        for name in host.names(directory):
            if name.endswith((".wants", ".requires")) and unit in host.names(f"{directory}/{name}"):
                found.append(f"{directory}/{name}/{unit}")
    return tuple(found)


def _escaped(at: int, character: str) -> str:
    if character == "/":
        return "-"
    if character.isascii() and (character.isalnum() or character in ":_" or (character == "." and at > 0)):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
