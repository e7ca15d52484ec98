"""Random writes of 4 KiB with a deep queue, over blocks that were written before.

The account store flushes small dirty pages in no order. Writing over existing blocks is what it does for years;
writing into fresh space flatters the drive (no old copy to give up) and charges the filesystem instead (unwritten
extents are converted). Every write carries new random data, because some drives compress. A short run shows the
drive's cache, not its steady state: how long it takes to get there is judged over runs (steady state by two criteria).
32 requests in 4 threads are enough to fill the write cache of any drive we know of.
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import FioBenchmark, cpu_figure, iops_figure

RANDWRITE_4K = FioBenchmark(
    name="randwrite-4k",
    summary="random writes of 4 KiB, deep queue",
    pattern=Pattern.RANDOM_WRITE,
    block_bytes=4096,
    iodepth=32,
    jobs=4,
    figures=(iops_figure("randwrite4k", "random 4 KiB writes a second"), cpu_figure("randwrite4k")),
)
