"""Sizes, rates and times: bytes and seconds inside, `15TB`, `256MiB` and `5s` where people read and write.

Decimal prefixes (k, M, G, T, P: drives, networks) and binary ones (Ki, Mi, Gi, Ti, Pi: memory, files) mean what
IEC 80000-13 says. A bare `256M` would mean either, depending on whom one asks, so a size names its bytes: `256MB` or
`256MiB`. Case counts only where it tells something (`b` would be bits).
"""

import math
import re
from decimal import Decimal

_BYTE_FACTORS = {
    "": 1,
    "B": 1,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "PB": 10**15,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "PiB": 2**50,
}
_SECOND_FACTORS = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}
_QUANTITY = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)\s?([a-zA-Zµ]{0,3})", re.ASCII)
_COMPOUND = re.compile(r"(?:\d{1,18}(?:\.\d{1,9})?[a-zµ]{1,3})+", re.ASCII)
_PART = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)([a-zµ]{1,3})", re.ASCII)
_DECIMAL_STEPS = ((10**15, "P"), (10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))
_BINARY_STEPS = ((2**50, "PiB"), (2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def parse_bytes(text: str) -> int:
    """Bytes from `4096`, `15TB`, `256MiB`, `1.5 GiB`, to the nearest byte; ValueError for anything else."""
    match = _QUANTITY.fullmatch(text.strip())
    factor = _BYTE_FACTORS.get(match[2]) if match else None
    if match is None or factor is None or ("." in match[1] and factor == 1):
        raise ValueError(f"not a size: {text!r}; wanted a number of bytes or one with B, kB, MB, GB, TB, KiB, MiB, ...")
    return round(Decimal(match[1]) * factor)


def parse_duration(text: str) -> float:
    """Seconds from `5s`, `250ms`, `1.5h`, `1h30m`; ValueError for anything else, a number without a unit included."""
    compact = text.strip().replace(" ", "")
    parts = _PART.findall(compact) if _COMPOUND.fullmatch(compact) else []
    if not parts or any(unit not in _SECOND_FACTORS for _, unit in parts):
        raise ValueError(
            f"not a duration: {text!r}; wanted a number with ns, us, ms, s, m, h or d, such as 5s or 1h30m"
        )
    return float(sum(Decimal(number) * _SECOND_FACTORS[unit] for number, unit in parts))


def format_bytes(size_bytes: float) -> str:
    """For people, to three significant digits, binary prefixes: `256 MiB`, `1.86 TiB`."""
    for factor, prefix in _BINARY_STEPS:
        if _reaches(abs(size_bytes), factor):
            return f"{_three_digits(size_bytes / factor)} {prefix}"
    return f"{_three_digits(size_bytes)} B"


def format_capacity(size_bytes: float) -> str:
    """For people, as drives are sold, decimal prefixes: `15.4 TB`."""
    return f"{_scaled(size_bytes)}B"


def format_rate(bytes_per_second: float) -> str:
    """Throughput of storage and memory: `3.21 GB/s`."""
    return f"{_scaled(bytes_per_second)}B/s"


def format_bit_rate(bytes_per_second: float) -> str:
    """Throughput of a network, in bits as links are sold: `23.5 Gbit/s`."""
    return f"{_scaled(bytes_per_second * 8)}bit/s"


def format_count(count: float) -> str:
    """A count or a rate of operations: `950`, `512 k`, `1.2 M`."""
    return _scaled(count).rstrip()


def format_duration(seconds: float) -> str:
    """A time of any length to three significant digits: `85 µs`, `1.2 ms`, `5 s`, `2 min 5 s`, `1 h 30 min`."""
    if not math.isfinite(seconds):
        return str(seconds)
    if seconds < 0:
        return "-" + format_duration(-seconds)
    if seconds >= 59.95:
        return _long_duration(round(seconds))
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if _reaches(seconds, factor):
            return f"{_three_digits(seconds / factor)} {unit}"
    return f"{_three_digits(seconds / 1e-9)} ns" if seconds else "0 s"


def counted(count: int, noun: str) -> str:
    """A number of things: `1 core`, `2 cores`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _long_duration(seconds: int) -> str:
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(shown[:2])


def _scaled(value: float) -> str:
    for factor, prefix in _DECIMAL_STEPS:
        if _reaches(abs(value), factor):
            return f"{_three_digits(value / factor)} {prefix}"
    return f"{_three_digits(value)} "


def _reaches(magnitude: float, factor: float) -> bool:
    """Would it still be at least 1 of `factor` once rounded? 999,600 is `1 M`, not `1000 k`."""
    return magnitude >= factor * 0.9995


def _three_digits(value: float) -> str:
    """Three significant digits without an exponent and without trailing zeros."""
    if not math.isfinite(value):
        return str(value)
    places = 2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
