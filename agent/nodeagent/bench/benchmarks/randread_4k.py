"""Random reads of 4 KiB with a deep queue: how many requests a second the drive can serve.

This is how a validator reads accounts and shreds: small, scattered, many at once. One thread cannot keep a Gen5 drive
busy (Little's law: 500,000 requests a second at 100 µs each are 50 in flight, 2.8 million are 280), so 4 threads hold
64 each; a slower drive only sees a longer queue. Lower both for a drive that shares its CPU (options `jobs`,
`iodepth`). The file is written full before: blocks never written are answered without touching the flash.
Rejected: a map of the blocks already read (`norandommap=0`): it costs memory and CPU on a large file for nothing.
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import FioBenchmark, cpu_figure, iops_figure

RANDREAD_4K = FioBenchmark(
    name="randread-4k",
    summary="random reads of 4 KiB, deep queue",
    pattern=Pattern.RANDOM_READ,
    block_bytes=4096,
    iodepth=64,
    jobs=4,
    figures=(iops_figure("randread4k", "random 4 KiB reads a second"), cpu_figure("randread4k")),
)
