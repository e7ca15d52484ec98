"""Will a mount come back at the next boot? Looks for it in fstab and among systemd's mount units; changes neither.

Sources: fstab(5), systemd.mount(5); the name of a mount unit is its path, escaped as systemd-escape --path does.
"""

from nodeagent.model.host_reader import HostReader

FSTAB = "/etc/fstab"
UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)


def boot_source(host: HostReader, mount_point: str) -> str:
    """The file that mounts it at boot; "" where none was found."""
    for line in host.read(FSTAB).text.splitlines():
        fields = line.split()
        if len(fields) > 1 and not fields[0].startswith("#") and _decoded(fields[1]) == mount_point:
            options = fields[3].split(",") if len(fields) > 3 else []
            return "" if "noauto" in options else FSTAB
    unit = mount_unit(mount_point)
    paths = (f"{directory}/{unit}" for directory in UNIT_DIRECTORIES)
    return next((path for path in paths if host.read(path).ok), "")


def mount_unit(mount_point: str) -> str:
    """`/mnt/ledger` is mounted by `mnt-ledger.mount`."""
    path = mount_point.strip("/")
    if not path:
        return "-.mount"
    return "".join(_escaped(at, character) for at, character in enumerate(path)) + ".mount"


def _escaped(at: int, character: str) -> str:
    if character == "/":
        return "-"
    if character.isascii() and (character.isalnum() or character in ":_" or (character == "." and at > 0)):
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _decoded(field: str) -> str:
    r"""A blank is written `\040` in fstab."""
    return field.replace("\\040", " ").replace("\\011", "\t")
