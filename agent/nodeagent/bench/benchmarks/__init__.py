"""Every benchmark, in the order a suite runs them: quiet ones first, those that heat the drive last."""

from nodeagent.bench.benchmark import Benchmark
from nodeagent.bench.benchmarks.mixed_70 import MIXED_70
from nodeagent.bench.benchmarks.qd1_read_4k import QD1_READ_4K
from nodeagent.bench.benchmarks.randread_4k import RANDREAD_4K
from nodeagent.bench.benchmarks.randwrite_4k import RANDWRITE_4K
from nodeagent.bench.benchmarks.seq_read import SEQ_READ
from nodeagent.bench.benchmarks.seq_write import SEQ_WRITE
from nodeagent.bench.benchmarks.tcp_forward import TCP_FORWARD
from nodeagent.bench.benchmarks.tcp_reverse import TCP_REVERSE
from nodeagent.bench.benchmarks.udp import UDP

BENCHMARKS: tuple[Benchmark, ...] = (
    UDP,
    TCP_FORWARD,
    TCP_REVERSE,
    QD1_READ_4K,
    RANDREAD_4K,
    SEQ_READ,
    MIXED_70,
    RANDWRITE_4K,
    SEQ_WRITE,
)
