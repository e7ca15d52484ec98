"""TCP from the peer to here: what arrives here.

The two directions of one cable differ more often than one would think (a flow-control setting at one end, a receive
ring that is too short, interrupts on the wrong node), so each is a benchmark of its own with its own target. Otherwise
as tcp-forward.
"""

from nodeagent.bench.iperf3_benchmark import TcpBenchmark, retransmits, throughput

TCP_REVERSE = TcpBenchmark(
    name="tcp-reverse",
    summary="TCP throughput from the peer",
    reverse=True,
    metrics=(throughput("reverse", "bytes a second that arrived here"), retransmits("reverse")),
)
