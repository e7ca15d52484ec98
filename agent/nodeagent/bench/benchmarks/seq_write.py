"""Writing 1 MiB after another: what the drive takes in, until its fast cache is full.

The ledger and the snapshots are written this way, for hours. Consumer drives take the first gigabytes into SLC cache
and then fall to a fraction; so a file smaller than that cache flatters them, and the size of the test file is part of
what a target means.
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import FioBenchmark, bandwidth_figure, cpu_figure

SEQ_WRITE = FioBenchmark(
    name="seq-write",
    summary="sequential writes of 1 MiB",
    pattern=Pattern.WRITE,
    block_bytes=1024 * 1024,
    iodepth=32,
    jobs=1,
    figures=(bandwidth_figure("seq_write", "bytes written a second, in order"), cpu_figure("seq_write")),
)
