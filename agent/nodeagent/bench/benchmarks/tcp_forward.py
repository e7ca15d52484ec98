"""TCP from here to the peer: what arrives there.

Four streams, since one TCP connection is bound to one CPU at each end and to one path of a bonded link; before iperf3
3.16 all streams share one thread, which tops out near 25 Gbit/s (FAQ of iperf3). Writes of 128 KiB are its own default.
Judged is what the receiver got. Retransmits are kept beside it: they tell a lossy link from a slow host.
Rejected: zero-copy (`-Z`) and `--skip-rx-copy`, which measure something else than an application would see, and
pinning with `-A`, which ties the whole process to one CPU.
"""

from nodeagent.bench.iperf3_benchmark import TcpBenchmark, retransmits, throughput

TCP_FORWARD = TcpBenchmark(
    name="tcp-forward",
    summary="TCP throughput to the peer",
    reverse=False,
    metrics=(throughput("forward", "bytes a second that arrived at the peer"), retransmits("forward")),
)
