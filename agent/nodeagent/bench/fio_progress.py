"""The current figure of a fio job under way, from the line it prints each second.

`Jobs: 2 (f=2): [m(2)][60.0%][r=140MiB/s,w=140MiB/s][r=35.8k,w=35.9k IOPS][eta 00m:02s]`, rewritten with a carriage
return. Only shown, never kept: the figure that counts comes from the JSON.
"""

import re
from dataclasses import dataclass

_RATES = re.compile(r"\[((?:[rwt]=[\d.]+[KMGT]?i?B/s,?)+)\]\[((?:[rwt]=[\d.]+[kMG]?,?)+) IOPS\]")
_VALUE = re.compile(r"[rwt]=([\d.]+)([kKMGT]?)(i?)")
_POWER = {"": 0, "k": 1, "K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class FioRates:
    """Reads and writes together, during the last second."""

    iops: float
    bytes_per_second: float


def current_rates(printed: str) -> FioRates | None:
    """The newest figures in what was printed so far; None before the first."""
    found = _RATES.findall(printed)
    if not found:
        return None
    bandwidth, iops = found[-1]
    return FioRates(iops=_sum(iops), bytes_per_second=_sum(bandwidth))


def _sum(text: str) -> float:
    return sum(
        (
            float(number) * float(1024 if binary else 1000) ** _POWER[power]
            for number, power, binary in _VALUE.findall(text)
            if number.count(".") <= 1 and number != "."
        ),
        start=0.0,
    )
