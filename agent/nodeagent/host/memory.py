"""Memory: how much there is, and which slots hold it.

Sources: proc_meminfo(5); the firmware's slots come from host/dmi.py. Only root may read them, and virtual machines may
have none; both are told apart from "no modules" by `dimms_readable`.
"""

import re

from nodeagent.host.dmi import DMI_TABLE, memory_slots
from nodeagent.host.inspection import Inspection
from nodeagent.model.facts import Memory

_LINE = re.compile(r"(\w+):\s+(\d{1,18}) kB", re.ASCII)


def read_memory(look: Inspection) -> Memory:
    text = look.text("/proc/meminfo", required=True) or ""
    sizes = {match[1]: int(match[2]) * 1024 for match in _LINE.finditer(text)}
    table = look.binary(DMI_TABLE)
    return Memory(
        total_bytes=sizes.get("MemTotal"),
        available_bytes=sizes.get("MemAvailable"),
        dimms=memory_slots(table) if table else (),
        dimms_readable=table is not None,
    )
