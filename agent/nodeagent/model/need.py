"""What a tunable or a benchmark needs from the host, with the reason and the way to get it.

The reason is part of the declaration, so that a refusal explains itself ("CAP_SYS_ADMIN: mount(2)").
"""

from dataclasses import dataclass
from enum import StrEnum


class NeedKind(StrEnum):
    """What kind of thing is missing decides how it can be got."""

    TOOL = "tool"
    CAPABILITY = "capability"
    KERNEL = "kernel"
    ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`name` is a program, a capability (`CAP_NET_ADMIN`) or a kernel path; `remedy` is a command or a sentence."""

    kind: NeedKind
    name: str
    reason: str
    remedy: str = ""
