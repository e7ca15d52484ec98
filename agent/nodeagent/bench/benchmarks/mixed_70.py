"""Random 4 KiB requests, 70 % reads and 30 % writes, together.

A drive that reads fast and writes fast may do neither while it does both: programming a flash block makes reads of the
same die wait. The figure is the sum; both sides are kept beside it, since a drive that starves one of them shows there.
"""

from nodeagent.bench.fio import Pattern
from nodeagent.bench.fio_benchmark import Figure, FioBenchmark, cpu_figure, iops_figure
from nodeagent.model.measurement import Direction, Metric, Unit

MIXED_70 = FioBenchmark(
    name="mixed-70",
    summary="random 4 KiB, 70 % reads and 30 % writes",
    pattern=Pattern.MIXED,
    read_percent=70,
    block_bytes=4096,
    iodepth=32,
    jobs=4,
    figures=(
        iops_figure("mixed70", "random 4 KiB requests a second, reads and writes together"),
        Figure(
            metric=Metric(
                name="storage.mixed70.read_iops",
                unit=Unit.IOPS,
                direction=Direction.HIGHER,
                summary="the reads among them",
                gate=False,
            ),
            read=lambda result: result.read.iops,
        ),
        Figure(
            metric=Metric(
                name="storage.mixed70.write_iops",
                unit=Unit.IOPS,
                direction=Direction.HIGHER,
                summary="the writes among them",
                gate=False,
            ),
            read=lambda result: result.write.iops,
        ),
        cpu_figure("mixed70"),
    ),
)
