"""What one read of a kernel file gave: a text, "no such file", or why it could not be read.

Real trees have holes: a knob the kernel lacks, a file only root may read, a device that vanishes between listing and
reading. Each is a state to carry on with, so a read never raises for them.
"""

from dataclasses import dataclass
from enum import StrEnum


class ReadStatus(StrEnum):
    """The three outcomes of a read."""

    OK = "ok"
    ABSENT = "absent"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`text` is as read, decoded with surrogateescape, `""` unless OK; `problem` names the errno (`EACCES`)."""

    path: str
    status: ReadStatus
    text: str = ""
    problem: str = ""
    writable: bool = False

    @property
    def ok(self) -> bool:
        return self.status is ReadStatus.OK

    @property
    def value(self) -> str | None:
        """The text without surrounding white space; None unless OK."""
        return self.text.strip() if self.ok else None
