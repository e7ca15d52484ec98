"""Only zeros are nothing."""

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeagent.host.datasafety.content import (
    EDGE_BYTES,
    PAGE_BYTES,
    READ_WHOLE_BYTES,
    SAMPLES,
    SAMPLES_ROTATIONAL,
    Content,
    read_content,
)

MIB = 1024 * 1024
LARGE = READ_WHOLE_BYTES * 8


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[int]:
    descriptor = os.open(tmp_path / "drive", os.O_RDWR | os.O_CREAT)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def look(drive: int, size_bytes: int, *, rotational: bool = False, seed: int = 1) -> Content:
    return read_content(drive, size_bytes=size_bytes, rotational=rotational, random=Random(seed))


@pytest.mark.parametrize("size_bytes", [0, 512, 4096, 5 * MIB + 512, LARGE])
def test_zeros_are_nothing(size_bytes: int, drive: int) -> None:
    os.ftruncate(drive, size_bytes)
    assert look(drive, size_bytes).nonzero_at is None


@given(at=st.integers(0, 6 * MIB - 1), byte=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_one_byte_anywhere_on_a_small_drive_is_found_where_it_is(drive: int, at: int, byte: int) -> None:
    os.ftruncate(drive, 0)
    os.ftruncate(drive, 6 * MIB)
    os.pwrite(drive, bytes([byte]), at)
    assert look(drive, 6 * MIB).nonzero_at == at


@pytest.mark.parametrize("at", [0, 511, EDGE_BYTES - 1, LARGE - EDGE_BYTES, LARGE - 1])
def test_one_byte_at_the_edge_of_a_large_drive_is_found(at: int, drive: int) -> None:
    os.ftruncate(drive, LARGE)
    os.pwrite(drive, b"\x80", at)
    assert look(drive, LARGE).nonzero_at == at


@pytest.mark.parametrize(("rotational", "samples"), [(False, SAMPLES), (True, SAMPLES_ROTATIONAL)])
@given(seed=st.integers(0, 2**32), stretch=st.integers(2, SAMPLES_ROTATIONAL - 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_two_neighbouring_stretches_of_a_large_drive_cannot_be_missed(
    rotational: bool, samples: int, drive: int, seed: int, stretch: int
) -> None:
    size_bytes = READ_WHOLE_BYTES + 8 * MIB
    os.ftruncate(drive, 0)
    os.ftruncate(drive, size_bytes)
    start = size_bytes * stretch // samples
    # One page in each place that could be drawn: writing all of the two stretches would be slow, and no other.
    os.pwrite(drive, b"\xff" * (size_bytes * 2 // samples), start)
    assert look(drive, size_bytes, rotational=rotational, seed=seed).nonzero_at is not None


def test_a_large_drive_is_not_read_whole(drive: int) -> None:
    os.ftruncate(drive, LARGE)
    assert look(drive, LARGE).read_bytes == 2 * EDGE_BYTES + SAMPLES * PAGE_BYTES


@pytest.mark.parametrize("place", [512, 4096, -512, -4096])
def test_a_gpt_header_is_known_in_each_of_its_places(place: int, drive: int) -> None:
    os.ftruncate(drive, 8 * MIB)
    at = place if place > 0 else 8 * MIB + place
    os.pwrite(drive, b"EFI PART", at)
    found = look(drive, 8 * MIB)
    assert found.gpt_headers == (at,)
    assert found.nonzero_at == at


def test_a_drive_shorter_than_it_says_is_an_error(drive: int) -> None:
    os.ftruncate(drive, MIB)
    with pytest.raises(OSError, match="could be read"):
        look(drive, 2 * MIB)
