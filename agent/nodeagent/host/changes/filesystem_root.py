"""The uppermost directory of a filesystem that is mounted nowhere: seen and set through a mount that nobody else sees.

A mount may end with the boot; the owner and the mode that it showed do not, so a rollback after a reboot has to look
inside. unshare(1) gives the mount a namespace of its own: it shows up nowhere, hides nothing, and is gone with the
process, also after SIGKILL. It lies on /run of that namespace, which is there on every machine. Mounting replays the
filesystem's journal, also read-only; without that an old mode would be read after a power cut.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.mount import TIMEOUT_SECONDS, device_of, failed
from nodeagent.host.process import run
from nodeagent.model.change import DirectoryState, FilesystemName
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PLACE = "/run"
_INSIDE = f'mount -t "$1" -o "$2" -- "$3" {_PLACE} && shift 3 && "$@"'


def look(host: "Host", filesystem: FilesystemName) -> DirectoryState | None:
    """None where no device has the filesystem; HostError where several have it, or it can't be mounted."""
    node = device_of(host, filesystem.uuid, fstype=filesystem.fstype)
    if node is None:
        return None
    said = _inside(node, filesystem.fstype, "ro", "stat", "--format=%a %u %g", _PLACE)
    mode, uid, gid = said.split()
    return DirectoryState(mode=int(mode, 8), uid=int(uid), gid=int(gid))


def set_up(host: "Host", filesystem: FilesystemName, wanted: DirectoryState) -> None:
    """HostError where it isn't set. The owner first: chown(2) clears the set-ID bits."""
    node = device_of(host, filesystem.uuid, fstype=filesystem.fstype)
    if node is None:
        raise HostError(f"no device has a {filesystem.fstype} with UUID {filesystem.uuid}", remedy="lsblk -f")
    script = 'chown "$1" "$3" && chmod "$2" "$3" && sync "$3"'
    owner, mode = f"{wanted.uid}:{wanted.gid}", f"{wanted.mode:04o}"
    _inside(node, filesystem.fstype, "rw", "sh", "-c", script, "sh", owner, mode, _PLACE)


def _inside(node: str, fstype: str, options: str, *argv: str) -> str:
    """Run a command where the filesystem is mounted, and for it alone; what it said."""
    script = ("sh", "-c", _INSIDE, "sh", fstype, options, node, *argv)
    completed = run(Command(argv=("unshare", "--mount", "--", *script), timeout_seconds=TIMEOUT_SECONDS))
    if not completed.ok:
        raise failed(f"look into the {fstype} on {node}", completed, "dmesg | tail")
    return completed.stdout.decode()
