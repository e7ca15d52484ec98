"""What a look at the object of a change gave.

The engine compares three states when it rolls back (original, ours, current), so all three must be the same kind of
text; and it must not write to another drive that took the name of the one it changed, so a look also says *which*
object it saw.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """`state` is the canonical text of `change.before_state()`; `raw` is what the kernel or the file system said.

    `gone` says that the object that carries the state is not there (knob or device missing), which is not the same as
    a file or mount that is `absent`. `place` tells this object from a later one of the same name within one boot (the
    real path in sysfs, the disk's sequence number or the interface index); "" where a name is enough.
    """

    state: str
    raw: str = ""
    gone: bool = False
    place: str = ""
