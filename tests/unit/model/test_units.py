"""Sizes, rates and times: what is accepted, what is refused, and that printing never lies by more than rounding."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.units import (
    format_bit_rate,
    format_bytes,
    format_capacity,
    format_count,
    format_duration,
    format_rate,
    parse_bytes,
    parse_duration,
)


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("4096", 4096),
        ("4096B", 4096),
        ("15TB", 15 * 10**12),
        ("256MiB", 256 * 2**20),
        ("1.5 GiB", 3 * 2**29),
        (" 4KiB ", 4096),
        ("4kB", 4000),
        ("0.5kB", 500),
        ("1.01KiB", 1034),
        ("1PiB", 2**50),
    ],
)
def test_a_size_is_read(text: str, size_bytes: int) -> None:
    assert parse_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "M",
        "256M",
        "256Mb",
        "4k",
        "-1",
        "+1",
        "1e3",
        "0x10",
        "1.5",
        "1.5B",
        "0.1kiB",
        "1 2",
        "1,5GB",
        "٣",
        "nan",
        "1" * 40,
    ],
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5s", 5.0),
        ("250ms", 0.25),
        ("85us", 85e-6),
        ("85µs", 85e-6),
        ("1.5h", 5400.0),
        ("1h30m", 5400.0),
        ("2min 5s", 125.0),
        ("1d", 86400.0),
    ],
)
def test_a_duration_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "s", "-5s", "5 fortnights", "1h30", "1e3s", "5S", "inf s", "9" * 30 + "s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1024, "1 KiB"), (256 * 2**20, "256 MiB"), (1023.9 * 2**20, "1 GiB")],
)
def test_a_size_is_written_for_people(size_bytes: float, text: str) -> None:
    assert format_bytes(size_bytes) == text


def test_each_quantity_is_written_as_its_trade_writes_it() -> None:
    assert format_capacity(15_360_950_534_144) == "15.4 TB"
    assert format_rate(3_214_000_000) == "3.21 GB/s"
    assert format_bit_rate(2_937_500_000) == "23.5 Gbit/s"
    assert format_count(512_340) == "512 k"
    assert format_count(999_600) == "1 M"
    assert format_count(37) == "37"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (85e-6, "85 µs"),
        (0.0012, "1.2 ms"),
        (0.9996, "1 s"),
        (5, "5 s"),
        (59.96, "1 min"),
        (125, "2 min 5 s"),
        (5400, "1 h 30 min"),
        (-5, "-5 s"),
        (math.inf, "inf"),
    ],
)
def test_a_duration_is_written_for_people(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@settings(max_examples=200, deadline=None)
@given(st.integers(min_value=0, max_value=2**63))
def test_what_is_written_is_read_back_within_rounding(size_bytes: int) -> None:
    again = parse_bytes(format_bytes(size_bytes).replace(" ", ""))
    assert again == pytest.approx(size_bytes, rel=0.006)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30))
def test_any_text_is_a_value_or_a_value_error(text: str) -> None:
    for parse in (parse_bytes, parse_duration):
        try:
            assert parse(text) >= 0
        except ValueError:
            continue
