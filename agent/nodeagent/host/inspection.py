"""One pass over a machine: typed reads that note what they could not make sense of.

Every reader of this package goes through an Inspection, so that a missing, unreadable or malformed file is never an
exception and never silence: the value is None (or empty) and a line stands among the problems of the facts.
"""

import re
from dataclasses import dataclass, field
from typing import TypeVar

from nodeagent.host.host import Host
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.reading import Reading, ReadStatus

T = TypeVar("T")

_INTEGER = re.compile(r"-?\d{1,20}", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})([KMG]?)", re.ASCII)
_NO_LIST = ("", "(null)")  # nohz_full before kernel 5.18 or so prints a null pointer when it's empty
_SHOWN_CHARACTERS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """`problems` grows while reading: `path: what was found`, one line each, in the order met."""

    host: Host
    problems: list[str] = field(default_factory=list)

    def note(self, path: str, problem: str) -> None:
        self.problems.append(f"{path}: {problem}")

    def text(self, path: str, *, required: bool = False) -> str | None:
        """The stripped text; None where there is none. An absent file is a problem only where it is `required`."""
        return self._noted(self.host.read(path), required=required).value

    def head(self, path: str) -> str:
        """The first lines of a long file; "" where there are none."""
        return self._noted(self.host.head(path), required=True).value or ""

    def quiet(self, path: str) -> str | None:
        """As `text`, for files that refuse to be read in ordinary states (`speed` of a port without a cable)."""
        return self.host.read(path).value

    def binary(self, path: str) -> bytes | None:
        """A small binary file, such as a firmware table."""
        reading = self._noted(self.host.read(path), required=False)
        return reading.text.encode("utf-8", "surrogateescape") if reading.ok else None

    def integer(self, path: str, *, required: bool = False) -> int | None:
        text = self.text(path, required=required)
        return self._parsed(path, text, integer(text), wanted="an integer")

    def count(self, path: str, *, required: bool = False) -> int | None:
        """An integer that can't be negative."""
        number = self.integer(path, required=required)
        if number is not None and number < 0:
            self.note(path, f"got {number}, wanted no negative number")
            return None
        return number

    def flag(self, path: str) -> bool | None:
        """0 or 1."""
        text = self.text(path)
        return self._parsed(path, text, {"0": False, "1": True}.get(text or ""), wanted="0 or 1")

    def size(self, path: str) -> int | None:
        """Bytes from the kernel's cache sizes: `32768K`."""
        text = self.text(path)
        match = _SIZE.fullmatch(text or "")
        factor = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}
        value = int(match[1]) * factor[match[2]] if match else None
        return self._parsed(path, text, value, wanted="a size")

    def cpus(self, path: str, *, required: bool = False) -> CpuSet | None:
        text = self.text(path, required=required)
        if text is None:
            return None
        if text in _NO_LIST:
            return CpuSet()
        try:
            return CpuSet.parse(text)
        except ValueError as error:
            self.note(path, str(error))
            return None

    def numa_node(self, path: str) -> int | None:
        """The node of a device; the kernel's -1 says that nobody knows."""
        node = self.integer(path)
        return None if node is None or node < 0 else node

    def target_name(self, path: str) -> str:
        """The last component of a link's target, which names a driver or a subsystem; "" where there is no link."""
        return self.host.link(path).rpartition("/")[2]

    def _noted(self, reading: Reading, *, required: bool) -> Reading:
        if reading.status is ReadStatus.UNREADABLE:
            self.note(reading.path, reading.problem)
        elif reading.status is ReadStatus.ABSENT and required:
            self.note(reading.path, "absent")
        return reading

    def _parsed(self, path: str, text: str | None, value: T | None, *, wanted: str) -> T | None:
        if text is not None and value is None:
            self.note(path, f"got {_shown(text)}, wanted {wanted}")
        return value


def integer(text: str | None) -> int | None:
    """An integer as the kernel prints it; None for anything else (`int()` takes far more)."""
    return int(text) if text is not None and _INTEGER.fullmatch(text) else None


def _shown(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "...")
