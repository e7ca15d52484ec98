"""Reading 1 MiB after another: what the link to the drive carries.

Snapshots are loaded this way at start-up. 32 MiB in flight saturate a Gen5 x4 link; less than the negotiated link
promises points to the link (a riser, a slot of half width), not to the flash. One thread, since two that read the same
file in order would fetch each block twice.
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import FioBenchmark, bandwidth_figure, cpu_figure

SEQ_READ = FioBenchmark(
    name="seq-read",
    summary="sequential reads of 1 MiB",
    pattern=Pattern.READ,
    block_bytes=1024 * 1024,
    iodepth=32,
    jobs=1,
    figures=(bandwidth_figure("seq_read", "bytes read a second, in order"), cpu_figure("seq_read")),
)
