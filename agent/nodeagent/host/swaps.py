"""The swap areas in use, from /proc/swaps, each with the UUID and label of its header.

The header is read where the area is a file or device that we may open; a captured tree holds neither, and an area
without them is still an area. Sources: proc_swaps(5), include/linux/swap.h.
"""

import os
import stat
from typing import TYPE_CHECKING
from uuid import UUID

from nodeagent.model.swap_area import SwapArea

if TYPE_CHECKING:
    from nodeagent.host.host import Host

SWAPS = "/proc/swaps"

_SIGNATURE = b"SWAPSPACE2"
_UUID_AT, _LABEL_AT, _LABEL_BYTES = 1036, 1052, 16
_DELETED = " (deleted)"


def read_swaps(host: "Host") -> tuple[SwapArea, ...]:
    """Every area in the order the kernel lists them; lines that make no sense are passed over."""
    lines = host.read(SWAPS).text.splitlines()[1:]
    return tuple(area for line in lines if (area := _area(host, line.split())))


def swap_header(host: "Host", path: str) -> tuple[str, str]:
    """UUID and label of the area at a path; ("", "") where there is none, or it can't be read."""
    header = _first_page(host, path)
    if header[-len(_SIGNATURE) :] != _SIGNATURE:
        return "", ""
    uuid, label = header[_UUID_AT : _UUID_AT + 16], header[_LABEL_AT : _LABEL_AT + _LABEL_BYTES]
    return str(UUID(bytes=uuid)) if any(uuid) else "", label.split(b"\0")[0].decode("utf-8", "replace")


def _area(host: "Host", fields: list[str]) -> SwapArea | None:
    if len(fields) < 5 or not (fields[-3].isdecimal() and fields[-2].isdecimal()):
        return None
    path = " ".join(fields[:-4]).replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n")
    path = path.removesuffix(_DELETED)
    try:
        priority = int(fields[-1])
    except ValueError:
        return None
    uuid, label = swap_header(host, path)
    return SwapArea(
        path=path,
        is_file=fields[-4] == "file",
        size_bytes=int(fields[-3]) * 1024,
        used_bytes=int(fields[-2]) * 1024,
        priority=priority,
        uuid=uuid,
        label=label,
    )


def _first_page(host: "Host", path: str) -> bytes:
    """Opened for reading only, and only what swap can be on: a FIFO would wait, another device might do things."""
    try:
        location = host.path(path)
        mode = location.stat().st_mode
        if not (stat.S_ISREG(mode) or (stat.S_ISBLK(mode) and host.is_live)):
            return b""
        descriptor = os.open(location, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError):
        return b""
    try:
        return os.pread(descriptor, host.page_bytes(), 0)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
