"""Is there nothing on a drive? Read it, and accept zeros only.

A probe knows the signatures it was taught; a database on a raw volume, a filesystem with a torn head or the tail of an
old RAID have none. So the first and last 4 MiB, both places of both GPT headers and pages all over the drive must be
zero. A drive of up to 256 MiB is read whole. On a larger one each of SAMPLES equal stretches gives one page at a random
place: anything that fills two neighbouring stretches (0.2 % of the drive) can't be missed, smaller remains may be.
Zeros are what a new or a discarded drive reads as (NVMe: deallocated blocks, usually); one that reads as something else
is refused, which is the safe side.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

EDGE_BYTES = 4 * 1024 * 1024
PAGE_BYTES = 4096
SAMPLES = 1024
SAMPLES_ROTATIONAL = 128
"""A seek costs some 10 ms: about a second of them."""
READ_WHOLE_BYTES = 256 * 1024 * 1024

_CHUNK_BYTES = 1024 * 1024
_ZEROS = bytes(_CHUNK_BYTES)
_GPT_MAGIC = b"EFI PART"
_SECTOR_SIZES = (512, 4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """`nonzero_at` is the byte where something was found, None for nothing; `read_bytes` is how much was looked at."""

    nonzero_at: int | None
    gpt_headers: tuple[int, ...]
    read_bytes: int


def read_content(descriptor: int, *, size_bytes: int, rotational: bool, random: Random) -> Content:
    """Look at the drive behind an open descriptor; OSError where it can't be read, short reads included."""
    headers = tuple(at for at in _gpt_places(size_bytes) if _read(descriptor, at, 8) == _GPT_MAGIC)
    total = 0
    for start, length in _stretches(size_bytes, rotational=rotational, random=random):
        data = _read(descriptor, start, length)
        total += length
        if data != _ZEROS[:length]:
            within = len(data) - len(data.lstrip(b"\0"))
            return Content(nonzero_at=start + within, gpt_headers=headers, read_bytes=total)
    return Content(nonzero_at=None, gpt_headers=headers, read_bytes=total)


def _gpt_places(size_bytes: int) -> tuple[int, ...]:
    """Header and backup header, for both sector sizes (UEFI specification 2.10, 5.3)."""
    places = [*_SECTOR_SIZES, *(size_bytes - sector for sector in _SECTOR_SIZES)]
    return tuple(at for at in places if 0 <= at <= size_bytes - len(_GPT_MAGIC))


def _stretches(size_bytes: int, *, rotational: bool, random: Random) -> Iterator[tuple[int, int]]:
    """(start, length) of what is read: the edges first, where nearly everything leaves its mark."""
    if size_bytes <= READ_WHOLE_BYTES:
        yield from _chunks(0, size_bytes)
        return
    yield from _chunks(0, EDGE_BYTES)
    yield from _chunks(size_bytes - EDGE_BYTES, size_bytes)
    samples = SAMPLES_ROTATIONAL if rotational else SAMPLES
    for index in range(samples):
        first = size_bytes * index // samples // PAGE_BYTES
        last = max(first, size_bytes * (index + 1) // samples // PAGE_BYTES - 1)
        yield random.randint(first, last) * PAGE_BYTES, PAGE_BYTES


def _chunks(start: int, end: int) -> Iterator[tuple[int, int]]:
    for at in range(start, end, _CHUNK_BYTES):
        yield at, min(_CHUNK_BYTES, end - at)


def _read(descriptor: int, start: int, length: int) -> bytes:
    data = os.pread(descriptor, length, start)
    if len(data) != length:
        raise OSError(f"{len(data)} of {length} bytes at {start} could be read")
    return data
