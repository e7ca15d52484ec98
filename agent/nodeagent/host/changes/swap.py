"""Switch a swap area off or on with swapoff(8) and swapon(8), and look in /proc/swaps what came of it.

Switching off moves everything that lies there back into memory, which takes time and may find no room: the kernel then
answers ENOMEM and the area stays in use. Switching on demands that the area at the path is still the one that was
there, by the UUID of its header.

Source: swapoff(8), exit status 2 is "insufficient memory to stop swapping".
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.host.process import run
from nodeagent.host.swaps import read_swaps, swap_header
from nodeagent.model.command import Command
from nodeagent.model.errors import HostError, RefusedError
from nodeagent.model.swap_change import OFF, SetSwap, SwapState

if TYPE_CHECKING:
    from nodeagent.host.host import Host

TIMEOUT_SECONDS = 1800.0
"""A disk gives back some tens of megabytes a second when pages lie in no order."""

_NO_MEMORY = 2


def observe(host: "Host", change: SetSwap) -> Observation:
    """`gone` where neither the area is in use nor the file or device is there."""
    area = next((area for area in read_swaps(host) if area.path == change.path), None)
    if area is not None:
        raw = f"size={area.size_bytes} used={area.used_bytes}"
        return Observation(state=str(SwapState(priority=area.priority)), raw=raw, place=area.uuid)
    if host.stat(change.path).kind == "absent":
        return Observation(state=OFF, gone=True)
    return Observation(state=OFF, place=swap_header(host, change.path)[0])


def perform(host: "Host", change: SetSwap) -> None:
    """HostError where the kernel refuses; RefusedError where another area has the place of the one to switch on."""
    if not host.is_live:
        raise HostError(f"cannot run {change.command()} for a tree of files", remedy="run it on the machine itself")
    if change.after is not None and swap_header(host, change.path)[0] != change.uuid:
        raise RefusedError(
            f"{change.path} is not the swap area {change.uuid or 'without a UUID'} any more",
            remedy=f"look at it: blkid -p {change.path}",
        )
    completed = run(Command(argv=change.argv(), timeout_seconds=TIMEOUT_SECONDS))
    if completed.ok:
        return
    said = completed.stderr.decode("utf-8", "replace").strip()[-300:] or f"exit code {completed.exit_code}"
    if change.after is None and completed.exit_code == _NO_MEMORY:
        raise HostError(
            f"cannot switch off {change.path}: what lies there does not fit into memory (ENOMEM): {said}",
            remedy="free memory first (`ps aux --sort=-rss | head`), then run the command again",
        )
    how = " within the time" if completed.timed_out else ""
    raise HostError(f"{change.command()} failed{how}: {said}", remedy="dmesg | tail; swapon --show")
