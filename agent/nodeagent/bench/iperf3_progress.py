"""The current rate of an iperf3 test under way, from the text its server prints each second.

`[  5]   1.00-2.00   sec  1.22 GBytes  10.5 Gbits/sec`, one line a stream. The `[SUM]` line stays in the buffer of
iperf3 3.12 until the next second, so the streams are summed here. Only shown, never kept: the figure that counts comes
from the client's JSON.
"""

import re

_STREAM = re.compile(r"^\[ *(\d+)\] local ", re.MULTILINE)
_LINE = re.compile(r"^\[ *(\d+)\] +([\d.]+)-([\d.]+) +sec .*? ([\d.]+) ([KMGT]?)bits/sec(?!.*er$)", re.MULTILINE)
_POWER = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def current_bytes_per_second(printed: str) -> float | None:
    """The newest rate of all streams together; None before the first whole second."""
    streams = set(_STREAM.findall(printed))
    seconds: dict[tuple[str, str], dict[str, float]] = {}
    for stream, start, end, number, power in _LINE.findall(printed):
        streams.add(stream)
        if _number(end) - _number(start) > 0.9:
            seconds.setdefault((start, end), {})[stream] = _number(number) * 1000.0 ** _POWER[power] / 8
    whole = [rates for rates in seconds.values() if len(rates) == len(streams)]
    return sum(whole[-1].values()) if whole else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
