"""Memory: how much there is, and which slots hold it.

Sources: proc_meminfo(5); the firmware's slots come from host/dmi.py. Only root may read them, and virtual machines may
have none; both are told apart from "no modules" by `dimms_readable`.
"""

import re

from nodeagent.host.dmi import DMI_TABLE, memory_slots
from nodeagent.host.inspection import Inspection
from nodeagent.model.facts import Dimm, Memory

_LINE = re.compile(r"(\w+):\s+(\d{1,18}) kB", re.ASCII)


def read_memory(look: Inspection) -> Memory:
    text = look.text("/proc/meminfo", required=True) or ""
    sizes = {match[1]: int(match[2]) * 1024 for match in _LINE.finditer(text)}
    if text and "MemTotal" not in sizes:
        look.note("/proc/meminfo", "no line MemTotal")
    dimms = _read_slots(look)
    return Memory(
        total_bytes=sizes.get("MemTotal"),
        available_bytes=sizes.get("MemAvailable"),
        dimms=dimms,
        dimms_readable=bool(dimms),
    )


def _read_slots(look: Inspection) -> tuple[Dimm, ...]:
    """A machine has at least one slot, so a table without any is one that we can't read."""
    table = look.binary(DMI_TABLE)
    slots = memory_slots(table) if table is not None else ()
    if table is not None and not slots:
        look.note(DMI_TABLE, "no memory slots in it")
    return slots
