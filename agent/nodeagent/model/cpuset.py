"""A set of CPU numbers, in the two notations of the kernel.

List form is `0-3,8` (cpusets, `*_list` files); mask form is comma-grouped 32-bit hexadecimal words, highest first
(`/proc/irq/N/smp_affinity`). Source: Documentation/admin-guide/cputopology.rst, bitmap_parselist(3) in lib/bitmap.c.
Inside nodeagent a set of CPUs is always this type, never a string.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

CPU_LIMIT = 8192
"""The largest NR_CPUS of any kernel configuration (x86 MAXSMP); a number above it is a typing error."""

_RANGE = re.compile(r"(\d+)(?:-(\d+)(?::(\d+)/(\d+))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CpuSet:
    """An immutable set of CPU numbers; `str()` gives kernel list form."""

    cpus: frozenset[int] = frozenset()

    @classmethod
    def of(cls, cpus: Iterable[int]) -> "CpuSet":
        """Build from numbers; ValueError for one outside 0..CPU_LIMIT-1."""
        numbers = frozenset(cpus)
        outside = [number for number in numbers if not 0 <= number < CPU_LIMIT]
        if outside:
            raise ValueError(f"CPU {outside[0]} is outside 0-{CPU_LIMIT - 1}")
        return cls(numbers)

    @classmethod
    def parse(cls, text: str) -> "CpuSet":
        """Read kernel list form, strides (`0-31:1/2`) and the empty list included; ValueError otherwise."""
        cpus: set[int] = set()
        for part in text.strip().split(","):
            if part.strip():
                cpus.update(_parse_range(part.strip(), text))
        return cls(frozenset(cpus))

    @classmethod
    def parse_mask(cls, text: str) -> "CpuSet":
        """Read mask form (`00000003,ffffffff`); ValueError for anything that is not hexadecimal words."""
        words = text.strip().split(",")
        if not all(re.fullmatch(r"[0-9a-fA-F]{1,8}", word) for word in words):
            raise ValueError(f"not a CPU mask: {text!r}")
        bits = int("".join(word.rjust(8, "0") for word in words), 16)
        return cls.of(number for number in range(bits.bit_length()) if bits >> number & 1)

    def mask(self, *, width: int | None = None) -> str:
        """Mask form; `width` is the number of possible CPUs, which decides how many words are written."""
        highest = max(self.cpus, default=0) + 1
        words = -(-max(width or 1, highest) // 32)
        digits = format(sum(1 << number for number in self.cpus), f"0{words * 8}x")
        return ",".join(digits[start : start + 8] for start in range(0, len(digits), 8))

    def __str__(self) -> str:
        parts = []
        for first, last in self._runs():
            parts.append(str(first) if first == last else f"{first}-{last}")
        return ",".join(parts)

    def _runs(self) -> Iterator[tuple[int, int]]:
        first = previous = None
        for number in sorted(self.cpus):
            if first is None or previous is None:
                first = number
            elif number != previous + 1:
                yield first, previous
                first = number
            previous = number
        if first is not None and previous is not None:
            yield first, previous

    def __len__(self) -> int:
        return len(self.cpus)

    def __bool__(self) -> bool:
        return bool(self.cpus)

    def __iter__(self) -> Iterator[int]:
        return iter(sorted(self.cpus))

    def __contains__(self, cpu: object) -> bool:
        return cpu in self.cpus

    def __or__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.cpus | other.cpus)

    def __and__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.cpus & other.cpus)

    def __sub__(self, other: "CpuSet") -> "CpuSet":
        return CpuSet(self.cpus - other.cpus)

    def __le__(self, other: "CpuSet") -> bool:
        return self.cpus <= other.cpus


def _parse_range(part: str, whole: str) -> range | set[int]:
    match = _RANGE.fullmatch(part)
    if match is None or any(len(group) > 6 for group in match.groups() if group):
        raise ValueError(f"not a CPU list: {part!r} in {whole.strip()!r}")
    first = int(match[1])
    last = int(match[2] or first)
    if last < first or last >= CPU_LIMIT:
        raise ValueError(f"not a CPU range: {part!r} in {whole.strip()!r}")
    if match[3] is None:
        return range(first, last + 1)
    used, group = int(match[3]), int(match[4])
    if not 0 < used <= group:
        raise ValueError(f"not a CPU stride: {part!r} in {whole.strip()!r}")
    return {number for number in range(first, last + 1) if (number - first) % group < used}
