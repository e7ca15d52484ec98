"""Unit files and their drop-ins as systemd reads them: sections, lists that an empty value clears, long lines.

Source: systemd.syntax(7): a backslash at the end continues a line, comments start with # or ;, a section may stand
several times, and of a single value the last assignment counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFile:
    """All assignments in the order they were read: section, key, value."""

    assignments: tuple[tuple[str, str, str], ...]

    def last(self, section: str, key: str) -> str:
        """The value in force; "" for none, or one that was cleared."""
        return next((value for s, k, value in reversed(self.assignments) if (s, k) == (section, key)), "")

    def words(self, section: str, key: str) -> Sequence[str]:
        """A list that grows with each assignment; an empty one starts it anew."""
        found: list[str] = []
        for s, k, value in self.assignments:
            if (s, k) == (section, key):
                found = [*found, *value.split()] if value else []
        return found


def parse_unit_file(texts: Iterable[str]) -> UnitFile:
    """A unit file and its drop-ins, in the order they take effect; lines that mean nothing are passed over."""
    found: list[tuple[str, str, str]] = []
    for text in texts:
        section = ""
        for line in _logical_lines(text):
            if line.startswith("[") and line.endswith("]"):
                section = line[1:-1]
            elif "=" in line:
                key, _, value = line.partition("=")
                found.append((section, key.strip(), value.strip()))
    return UnitFile(assignments=tuple(found))


def _logical_lines(text: str) -> list[str]:
    lines: list[str] = []
    waiting = ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")) or (not line and not waiting):
            continue
        if line.endswith("\\"):
            waiting += line[:-1] + " "
            continue
        lines.append((waiting + line).strip())
        waiting = ""
    return [*lines, waiting.strip()] if waiting.strip() else lines
