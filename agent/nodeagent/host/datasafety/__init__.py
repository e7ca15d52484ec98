"""May this drive be written? Every unknown is a refusal. Used by benchmarks and by filesystem changes alike."""

from nodeagent.host.datasafety.exclusive import Claim, claim
from nodeagent.host.datasafety.identity import find_device
from nodeagent.host.datasafety.refusal import NotSafeError, Reason
from nodeagent.host.datasafety.survey import occupancy

__all__ = ["Claim", "NotSafeError", "Reason", "claim", "find_device", "occupancy"]
