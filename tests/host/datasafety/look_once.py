"""Look at a drive, or make a filesystem on it, in a process of its own whose system calls a test lets fail.

`look NODE` prints `free` or the ids of the reasons; `make NODE UUID` prints `made`, `refused IDS` or `failed`.
"""

import sys

from nodeagent.host import Host
from nodeagent.host.changes import perform
from nodeagent.host.datasafety import NotSafeError, occupancy
from nodeagent.model.change import MakeFilesystem
from nodeagent.model.errors import HostError
from tests.host.datasafety.loops import device_at


def look(node: str) -> str:
    host = Host()
    found = occupancy(host, device_at(host, node))
    return "free" if found.free else " ".join(refusal.id for refusal in found.refusals)


def make(node: str, uuid: str) -> str:
    host = Host()
    identity = device_at(host, node).identity
    change = MakeFilesystem(key="test", tunable="filesystem", device=identity, fstype="ext4", label="ledger", uuid=uuid)
    try:
        perform(host, change)
    except NotSafeError as error:
        return f"refused {' '.join(error.ids)}"
    except HostError:
        return "failed"
    return "made"


if __name__ == "__main__":
    print(look(*sys.argv[2:]) if sys.argv[1] == "look" else make(*sys.argv[2:]))
