"""The uppermost directory of a filesystem that is mounted nowhere: seen and set through a mount that nobody else sees.

A mount may end with the boot; the owner and the mode that it showed do not, so a rollback after a reboot has to look
inside. unshare(1) gives the mount a namespace of its own: it shows up nowhere, hides nothing, and is gone with the
process, also after SIGKILL. It lies on /run of that namespace, which is there on every machine. Mounting replays the
filesystem's journal, also read-only; without that an old mode would be read after a power cut.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.mount import TIMEOUT_SECONDS, device_of
from nodeagent.host.process import run
from nodeagent.model.change import DirectoryState, FilesystemName
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError

if TYPE_CHECKING:
    from nodeagent.host.host import Host

_PLACE = "/run"
_INSIDE = f'mount -t "$1" -o "$2" -- "$3" {_PLACE} && shift 3 && "$@"'


def look(host: "Host", filesystem: FilesystemName) -> DirectoryState:
    """HostError where the filesystem is on no device or on several, or can't be mounted."""
    said = _inside(host, filesystem, "ro", "stat", "--format=%a %u %g", _PLACE)
    mode, uid, gid = said.split()
    return DirectoryState(mode=int(mode, 8), uid=int(uid), gid=int(gid))


def set_up(host: "Host", filesystem: FilesystemName, wanted: DirectoryState) -> None:
    """The owner first: chown(2) clears the set-ID bits. Unmounting at the end of the namespace writes it out."""
    script = 'chown "$1" "$3" && chmod "$2" "$3" && sync "$3"'
    owner, mode = f"{wanted.uid}:{wanted.gid}", f"{wanted.mode:04o}"
    _inside(host, filesystem, "rw", "sh", "-c", script, "sh", owner, mode, _PLACE)


def _inside(host: "Host", filesystem: FilesystemName, options: str, *argv: str) -> str:
    """Run a command where the filesystem is mounted, and for it alone; what it said."""
    node = device_of(host, filesystem.uuid, fstype=filesystem.fstype)
    script = ("sh", "-c", _INSIDE, "sh", filesystem.fstype, options, node, *argv)
    completed = run(Command(argv=("unshare", "--mount", "--", *script), timeout_seconds=TIMEOUT_SECONDS))
    if not completed.ok:
        said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
        raise HostError(f"cannot look into the {filesystem.fstype} on {node}: {said}", remedy="dmesg | tail")
    return completed.stdout.decode()
