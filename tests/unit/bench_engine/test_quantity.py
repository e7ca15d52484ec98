"""Values as people write them."""

import pytest

from nodeagent.bench.quantity import bound, quantity
from nodeagent.model.measurement import Direction, Metric, Unit


@pytest.mark.parametrize(
    ("name", "unit", "value", "text"),
    [
        ("storage.randread4k.iops", Unit.IOPS, 412_345.6, "412 k IOPS"),
        ("storage.seqread.rate", Unit.BYTES_PER_SECOND, 3.21e9, "3.21 GB/s"),
        ("net.tcp.rate", Unit.BYTES_PER_SECOND, 2.942e9, "23.5 Gbit/s"),
        ("storage.randread4k.p99", Unit.SECONDS, 85e-6, "85 µs"),
        ("net.udp.loss", Unit.RATIO, 0.0002, "0.02 %"),
        ("net.udp.loss", Unit.RATIO, 0.0, "0 %"),
        ("net.tcp.retransmits", Unit.COUNT, 12.0, "12"),
    ],
)
def test_a_value_is_written_in_the_unit_people_use(name: str, unit: Unit, value: float, text: str) -> None:
    assert quantity(value, Metric(name=name, unit=unit, direction=Direction.HIGHER, summary="")) == text


def test_a_bound_is_written_with_its_direction() -> None:
    rate = Metric(name="storage.x.iops", unit=Unit.IOPS, direction=Direction.HIGHER, summary="")
    time = Metric(name="storage.x.p99", unit=Unit.SECONDS, direction=Direction.LOWER, summary="")
    assert bound(300_000, rate) == ">= 300 k IOPS"
    assert bound(0.001, time) == "<= 1 ms"
