"""May this drive, or this directory, be written? Every unknown is a refusal.

For filesystem changes: `occupancy` (is the drive free), `claim` (hold it), `find_device` (which one is it now). For
benchmarks, which never touch a device: `look_at_place`, `make_test_area` and `sweep`.
"""

from nodeagent.host.datasafety.exclusive import Claim, claim
from nodeagent.host.datasafety.identity import find_device
from nodeagent.host.datasafety.place import Place, look_at_place
from nodeagent.host.datasafety.refusal import NotSafeError, Reason
from nodeagent.host.datasafety.survey import occupancy
from nodeagent.host.datasafety.test_area import TestArea, make_test_area
from nodeagent.host.datasafety.test_area_record import Swept, sweep

__all__ = [
    "Claim",
    "NotSafeError",
    "Place",
    "Reason",
    "Swept",
    "TestArea",
    "claim",
    "find_device",
    "look_at_place",
    "make_test_area",
    "occupancy",
    "sweep",
]
