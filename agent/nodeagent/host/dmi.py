"""The firmware's table of memory slots: SMBIOS structures of type 17, out of /sys/firmware/dmi/tables/DMI.

Source: DMTF DSP0134 (System Management BIOS), 6.1.2 structure header and 7.18 Memory Device. The table comes from
firmware, so every length is checked: a structure that doesn't fit ends the walk, a field that isn't there is unknown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.model.facts import Dimm

DMI_TABLE = "/sys/firmware/dmi/tables/DMI"
MEMORY_DEVICE = 17
END_OF_TABLE = 127

_UNKNOWN_WORD = 0xFFFF
_SIZE_IN_EXTENSION = 0x7FFF
_KINDS = {
    0x12: "DDR",
    0x13: "DDR2",
    0x18: "DDR3",
    0x1A: "DDR4",
    0x1B: "LPDDR",
    0x1C: "LPDDR2",
    0x1D: "LPDDR3",
    0x1E: "LPDDR4",
    0x20: "HBM",
    0x21: "HBM2",
    0x22: "DDR5",
    0x23: "LPDDR5",
    0x24: "HBM3",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One structure: `formatted` starts with its header (type, length, handle), `strings` count from 1."""

    type: int
    formatted: bytes
    strings: tuple[bytes, ...]

    def byte(self, offset: int) -> int | None:
        return self.formatted[offset] if offset < len(self.formatted) else None

    def word(self, offset: int) -> int | None:
        return self._number(offset, 2)

    def double_word(self, offset: int) -> int | None:
        return self._number(offset, 4)

    def string(self, offset: int) -> str:
        """The string a byte of the structure points at; "" where it points at none."""
        number = self.byte(offset) or 0
        raw = self.strings[number - 1] if 0 < number <= len(self.strings) else b""
        return raw.decode("latin-1").strip()

    def _number(self, offset: int, size: int) -> int | None:
        raw = self.formatted[offset : offset + size]
        return int.from_bytes(raw, "little") if len(raw) == size else None


def structures(table: bytes) -> Iterator[Structure]:
    """Walk a table; stops at its end mark, and at whatever doesn't fit."""
    position = 0
    while position + 4 <= len(table):
        kind, length = table[position], table[position + 1]
        end = table.find(b"\0\0", position + length)
        if length < 4 or end < 0:
            return
        strings = table[position + length : end].split(b"\0") if end > position + length else []
        yield Structure(type=kind, formatted=table[position : position + length], strings=tuple(strings))
        if kind == END_OF_TABLE:
            return
        position = end + 2


def memory_slots(table: bytes) -> tuple[Dimm, ...]:
    """Every slot whose size the firmware knows, empty ones included."""
    slots = (_slot(structure) for structure in structures(table) if structure.type == MEMORY_DEVICE)
    return tuple(slot for slot in slots if slot)


def without_secrets(table: bytes) -> bytes:
    """The slots alone, their serial numbers and asset tags overwritten; the rest of a table names machine and owner."""
    kept = (structure for structure in structures(table) if structure.type == MEMORY_DEVICE)
    return b"".join(_rewritten(structure) for structure in kept) + bytes([END_OF_TABLE, 4, 0, 0, 0, 0])


def _rewritten(structure: Structure) -> bytes:
    hidden = {structure.byte(offset) for offset in (0x18, 0x19)}
    strings = [b"X" * len(text) if number in hidden else text for number, text in enumerate(structure.strings, 1)]
    return structure.formatted + (b"".join(text + b"\0" for text in strings) or b"\0") + b"\0"


def _slot(structure: Structure) -> Dimm | None:
    size_bytes = _size(structure)
    if size_bytes is None:
        return None
    return Dimm(
        locator=structure.string(0x10),
        size_bytes=size_bytes,
        speed_mts=_speed(structure) if size_bytes else None,
        kind=_KINDS.get(structure.byte(0x12) or 0, "") if size_bytes else "",
        ecc=_has_ecc(structure) if size_bytes else None,
    )


def _size(structure: Structure) -> int | None:
    size = structure.word(0x0C)
    if size is None or size == _UNKNOWN_WORD:
        return None
    if size == _SIZE_IN_EXTENSION:
        extended = structure.double_word(0x1C)
        return None if extended is None else (extended & 0x7FFFFFFF) * 2**20
    return (size & 0x7FFF) * 2**10 if size & 0x8000 else size * 2**20


def _speed(structure: Structure) -> int | None:
    """What it is set to, else what it could do; 0 says unknown, and 0xFFFF that it stands in a longer field."""
    for short, long in ((0x20, 0x58), (0x15, 0x54)):
        speed = structure.word(short)
        if speed == _UNKNOWN_WORD:
            speed = structure.double_word(long)
        if speed:
            return speed
    return None


def _has_ecc(structure: Structure) -> bool | None:
    """More bits on the bus than of data are there to correct them."""
    total, data = structure.word(0x08), structure.word(0x0A)
    if not total or not data or _UNKNOWN_WORD in (total, data):
        return None
    return total > data
