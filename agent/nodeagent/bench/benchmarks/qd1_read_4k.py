"""One random 4 KiB read at a time: how long a single lookup waits.

Replay is often a chain of dependent reads, and no queue depth hides their latency. The time is from submission to
completion, as the caller feels it. The 99th percentile is judged; the median tells whether the drive or the tail moved,
the 99.9th shows garbage collection and throttling but needs many requests to be steady. Averages of percentiles mean
nothing, so each run keeps the whole histogram in its evidence (json+).
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import FioBenchmark, cpu_figure, read_latency_figure

QD1_READ_4K = FioBenchmark(
    name="qd1-read-4k",
    summary="latency of one random 4 KiB read at a time",
    pattern=Pattern.RANDOM_READ,
    block_bytes=4096,
    iodepth=1,
    jobs=1,
    figures=(
        read_latency_figure("qd1_read4k", 99, gate=True),
        read_latency_figure("qd1_read4k", 50, gate=False),
        read_latency_figure("qd1_read4k", 99.9, gate=False),
        cpu_figure("qd1_read4k"),
    ),
)
