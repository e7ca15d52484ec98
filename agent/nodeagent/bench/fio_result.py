"""What fio measured, read from its JSON (`--output-format=json+`) and held against itself.

One output says most things several times: IOPS and requests over time, bytes and bandwidth, percentiles and the
histogram they come from. A figure that disagrees with its own evidence is none. Fields: `show_thread_status_json` in
fio's stat.c and HOWTO.rst ("JSON output"); `bw` is KiB/s, times end in their unit, latencies are nanoseconds.
"""

from dataclasses import dataclass

from nodeagent.bench.tool_output import Node, documents, same
from nodeagent.model.errors import BenchmarkError

MOST_IOPS = 1e9
MOST_BYTES_PER_SECOND = 1e12
"""A hundred times what a PCIe 5.0 x16 slot can carry."""

_LONGEST_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FioLatency:
    """Submission to completion, in seconds; `percentiles` maps 99.9 to its value."""

    minimum: float
    maximum: float
    mean: float
    count: int
    percentiles: dict[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FioDirection:
    """Reads or writes of all threads together, without the ramp."""

    io_bytes: int
    total_ios: int
    iops: float
    bytes_per_second: float
    runtime_seconds: float
    latency: FioLatency | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FioResult:
    """One group of one run. `cpu_seconds` is user and system time of all threads together."""

    version: str
    read: FioDirection
    write: FioDirection
    cpu_seconds: float

    @property
    def iops(self) -> float:
        return self.read.iops + self.write.iops

    @property
    def total_ios(self) -> int:
        return self.read.total_ios + self.write.total_ios


def parse_fio(text: str) -> FioResult:
    """Read an output; BenchmarkError where it is incomplete, reports an error, or contradicts itself.

    Of several documents (`--status-interval`) the last holds the totals.
    """
    found = documents(text, tool="fio")
    for document in found:
        for job in document.children("jobs"):
            if job.count("error") != 0:
                raise BenchmarkError(f"fio: {job.place} ended with error {job.count('error')}")
    document = found[-1]
    jobs = document.children("jobs")
    if len(jobs) != 1:
        document.fail("jobs", len(jobs), "one group")
    return _result(jobs[0], version=document.text("fio version"))


def iops_series(log: str) -> tuple[float, ...]:
    """IOPS by the second, from a log of `--log_avg_msec=1000 --per_job_logs=0`: all threads and directions summed.

    A line is `time_ms, value, direction, block size, offset[, priority]`; the threads follow one another. A second for
    which not every thread has a line is left out. BenchmarkError for a line that is none.
    """
    sums: dict[int, list[int]] = {}
    for number, line in enumerate(log.splitlines(), start=1):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) < 5 or not all(field.isascii() and field.isdecimal() for field in fields[:5]):
            raise BenchmarkError(f"fio: line {number} of its IOPS log: got {line[:80]!r}, wanted five numbers")
        second = round(int(fields[0][:15]) / 1000)
        sums.setdefault(second, []).append(int(fields[1][:15]))
    full = max((len(values) for values in sums.values()), default=0)
    return tuple(float(sum(values)) for _, values in sorted(sums.items()) if len(values) == full)


def check_against_job(
    direction: FioDirection, *, what: str, block_bytes: int, in_flight: int, runtime_seconds: float
) -> None:
    """Did this direction do what the job asked for, for as long as it asked? BenchmarkError if not."""
    if direction.io_bytes == 0 or direction.total_ios == 0 or direction.iops == 0:
        raise BenchmarkError(
            f"fio: {what}: got {direction.io_bytes} bytes moved, wanted a measurement (nothing was done)"
        )
    # A request under way when the ramp ends is counted in one sum and not in the other.
    blocks = direction.io_bytes / block_bytes
    slack = 2 * in_flight + 0.02 * direction.total_ios
    if abs(blocks - direction.total_ios) > slack:
        raise BenchmarkError(
            f"fio: {what}: got {direction.total_ios} requests of {block_bytes} bytes, but {direction.io_bytes} bytes"
        )
    got = direction.runtime_seconds
    if not runtime_seconds * 0.95 - 0.1 <= got <= runtime_seconds * 1.25 + 5:
        raise BenchmarkError(f"fio: {what}: got {got:.3f} s of measurement, wanted {runtime_seconds:g} s")


def prefilled_bytes(text: str) -> int:
    """How much a prefill wrote."""
    return parse_fio(text).write.io_bytes


def _result(job: Node, *, version: str) -> FioResult:
    cpu_percent = job.number("usr_cpu", most=1e4) + job.number("sys_cpu", most=1e4)
    job_runtime_seconds = job.number("job_runtime") / 1000
    return FioResult(
        version=version,
        read=_direction(job.child("read")),
        write=_direction(job.child("write")),
        cpu_seconds=cpu_percent / 100 * job_runtime_seconds,
    )


def _direction(node: Node) -> FioDirection:
    direction = FioDirection(
        io_bytes=node.count("io_bytes"),
        total_ios=node.count("total_ios"),
        iops=node.number("iops", most=MOST_IOPS),
        bytes_per_second=node.number("bw_bytes", most=MOST_BYTES_PER_SECOND),
        runtime_seconds=node.number("runtime", most=_LONGEST_SECONDS * 1000) / 1000,
        latency=_latency(node),
    )
    _check_rates(node, direction)
    return direction


def _check_rates(node: Node, direction: FioDirection) -> None:
    seconds = direction.runtime_seconds
    if seconds == 0:
        if direction.io_bytes or direction.total_ios or direction.iops or direction.bytes_per_second:
            node.fail("runtime", 0, "a time, since something was moved")
        return
    if not same(direction.iops, direction.total_ios / seconds, slack=0.01):
        node.fail("iops", direction.iops, f"total_ios / runtime = {direction.total_ios / seconds:.3f}")
    if not same(direction.bytes_per_second, direction.io_bytes / seconds, slack=1.0):
        node.fail("bw_bytes", direction.bytes_per_second, f"io_bytes / runtime = {direction.io_bytes / seconds:.0f}")
    if not same(node.number("bw") * 1024, direction.bytes_per_second, slack=1024):
        node.fail("bw", node.content["bw"], f"bw_bytes / 1024 = {direction.bytes_per_second / 1024:.0f}")
    if not same(node.number("io_kbytes") * 1024, direction.io_bytes, slack=1024):
        node.fail("io_kbytes", node.content["io_kbytes"], f"io_bytes / 1024 = {direction.io_bytes // 1024}")


def _latency(node: Node) -> FioLatency | None:
    """None where nothing was counted: fio leaves the percentiles out then (axboe/fio#1478)."""
    lat = node.child("lat_ns")
    count = lat.count("N")
    if count == 0:
        return None
    latency = FioLatency(
        minimum=lat.number("min") / 1e9,
        maximum=lat.number("max") / 1e9,
        mean=lat.number("mean") / 1e9,
        count=count,
        # Only json+ has the histogram; a percentile without it cannot be held against anything.
        percentiles=_percentiles(lat, count) if {"percentile", "bins"} <= lat.content.keys() else {},
    )
    if not latency.minimum <= latency.mean * (1 + 1e-9) <= latency.maximum * (1 + 2e-9):
        lat.fail("mean", lat.content["mean"], f"between min {lat.content['min']} and max {lat.content['max']}")
    return latency


def _percentiles(lat: Node, count: int) -> dict[float, float]:
    given = lat.child("percentile")
    bins = _bins(lat, count)
    percentiles: dict[float, float] = {}
    for key in given.content:
        percent = _percent(given, key)
        value_ns = given.number(key)
        # fio counts in long double; at the edge of a bucket it may decide for the neighbour.
        rank = percent / 100 * count
        least, most = (_value_at(bins, rank + step) for step in (-0.001, 0.001))
        if not least <= value_ns <= most:
            given.fail(key, given.content[key], f"{most}, as the histogram says")
        percentiles[percent] = value_ns / 1e9
    return percentiles


def _bins(lat: Node, count: int) -> list[tuple[int, int]]:
    node = lat.child("bins")
    if not all(key.isascii() and key.isdecimal() and len(key) <= 15 for key in node.content):
        lat.fail("bins", next(iter(node.content), None), "nanoseconds as keys")
    bins = sorted((int(key), node.count(key)) for key in node.content)
    total = sum(times for _, times in bins)
    if total != count:
        lat.fail("bins", total, f"{count} requests in all, as N says")
    return bins


def _percent(node: Node, key: str) -> float:
    digits = key.replace(".", "", 1)
    if not (digits.isascii() and digits.isdecimal() and len(key) <= 12) or not 0 < float(key) <= 100:
        node.fail(key, key, "a percentage as key")
    return float(key)


def _value_at(bins: list[tuple[int, int]], rank: float) -> int:
    """The bucket of the request that `rank` others do not exceed."""
    seen = 0
    for value_ns, times in bins:
        seen += times
        if seen >= rank:
            return value_ns
    return bins[-1][0]
