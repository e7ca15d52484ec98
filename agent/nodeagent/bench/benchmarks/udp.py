"""UDP at a fixed rate to the peer: how much is lost, how evenly it arrives.

Turbine and gossip are UDP: no retransmission hides a full ring or an overloaded core. 1 Gbit/s in datagrams of 1400
bytes (they fit an MTU of 1500 with any header) is more than a validator sends today and far below what the link must
carry, so every loss is a finding. On a small machine whose both ends share a CPU set option `rate` lower: there the
scheduler loses them. Jitter is RFC 1889's, as the receiver computed it.
"""

from nodeagent.bench.iperf3_benchmark import UdpBenchmark
from nodeagent.model.measurement import Direction, Metric, Unit

UDP = UdpBenchmark(
    name="udp",
    summary="UDP loss and jitter at a fixed rate",
    rate_bits_per_second=1_000_000_000,
    datagram_bytes=1400,
    metrics=(
        Metric(
            name="net.udp.loss_ratio",
            unit=Unit.RATIO,
            direction=Direction.LOWER,
            summary="datagrams sent that did not arrive",
        ),
        Metric(
            name="net.udp.jitter",
            unit=Unit.SECONDS,
            direction=Direction.LOWER,
            summary="how unevenly they arrived (smoothed, RFC 1889)",
        ),
    ),
)
