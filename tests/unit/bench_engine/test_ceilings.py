"""Ceilings of links, against the values worked out from the specifications."""

import pytest

from nodeagent.bench.ceilings import ethernet_bytes_per_second, network_ceiling, pcie_bytes_per_second, storage_ceiling
from nodeagent.model.facts import BlockDevice, Nic, PcieLink
from nodeagent.model.measurement import Unit


@pytest.mark.parametrize(
    ("speed_gts", "width", "gigabytes"),
    [
        (2.5, 1, 0.25),
        (5.0, 4, 2.0),
        (8.0, 4, 3.938),
        (16.0, 4, 7.877),
        (32.0, 4, 15.754),
        (32.0, 1, 3.938),
        (32.0, 2, 7.877),
        (64.0, 16, 121.0),
    ],
)
def test_a_pcie_link_carries_what_its_encoding_leaves(speed_gts: float, width: int, gigabytes: float) -> None:
    assert pcie_bytes_per_second(speed_gts=speed_gts, width=width) / 1e9 == pytest.approx(gigabytes, abs=0.0005)


@pytest.mark.parametrize(
    ("mtu", "protocol", "ip_version", "gigabits"),
    [
        (1500, "tcp", 4, 23.537),
        (1500, "tcp", 6, 23.212),
        (1500, "udp", 4, 23.927),
        (9000, "tcp", 4, 24.751),
        (9000, "udp", 4, 24.817),
    ],
)
def test_a_25_gigabit_link_carries_the_payload_of_full_frames(
    mtu: int, protocol: str, ip_version: int, gigabits: float
) -> None:
    rate = ethernet_bytes_per_second(speed_mbps=25000, mtu=mtu, protocol=protocol, ip_version=ip_version)
    assert rate * 8 / 1e9 == pytest.approx(gigabits, abs=0.0005)


def test_an_mtu_without_room_for_payload_is_no_ceiling() -> None:
    with pytest.raises(ValueError, match="no room"):
        ethernet_bytes_per_second(speed_mbps=1000, mtu=52)
    nic = Nic(name="eth0", driver="ice", pci_address="0000:01:00.0", speed_mbps=1000, mtu=52)
    assert network_ceiling(Unit.BYTES_PER_SECOND, nic).value is None


@pytest.mark.parametrize(
    ("speed_gts", "width", "thousand_iops"), [(32.0, 4, 3846), (16.0, 4, 1923), (8.0, 4, 961), (8.0, 1, 240)]
)
def test_reads_of_four_kibibytes_are_bounded_by_the_link(speed_gts: float, width: int, thousand_iops: int) -> None:
    ceiling = storage_ceiling(Unit.IOPS, _drive(speed_gts=speed_gts, width=width), block_bytes=4096)
    assert ceiling.value is not None
    assert int(ceiling.value / 1000) == thousand_iops


def test_a_link_below_what_it_could_be_says_so() -> None:
    ceiling = storage_ceiling(Unit.BYTES_PER_SECOND, _drive(speed_gts=8.0, width=4), block_bytes=None)
    assert ceiling.reason == "PCIe 8 GT/s x4, possible 32 GT/s x4"


def test_a_link_at_its_best_says_only_what_it_is() -> None:
    assert storage_ceiling(Unit.IOPS, _drive(speed_gts=32.0, width=4), block_bytes=4096).reason == "PCIe 32 GT/s x4"


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        (None, "no block device"),
        (BlockDevice(name="loop7", major_minor="7:7", backing_file="/tmp/x"), "loop7 shows no PCIe link"),
        (BlockDevice(name="vda", major_minor="254:0", pcie=PcieLink(address="0000:00:04.0")), "vda shows no PCIe link"),
    ],
)
def test_storage_without_a_known_link_has_no_ceiling_and_says_why(device: BlockDevice | None, reason: str) -> None:
    ceiling = storage_ceiling(Unit.IOPS, device, block_bytes=4096)
    assert ceiling.value is None
    assert reason in ceiling.reason


def test_operations_of_unknown_size_have_no_ceiling() -> None:
    ceiling = storage_ceiling(Unit.IOPS, _drive(speed_gts=32.0, width=4), block_bytes=None)
    assert (ceiling.value, ceiling.reason) == (None, "ceiling unknown: the size of a request is not known")


@pytest.mark.parametrize(
    ("nic", "reason"),
    [
        (None, "no network interface"),
        (Nic(name="lo", mtu=65536), "lo is a virtual interface"),
        (Nic(name="veth1", driver="veth", speed_mbps=10000, mtu=1500), "veth1 is a virtual interface"),
        (Nic(name="eth0", driver="ice", pci_address="0000:01:00.0", mtu=1500), "eth0 shows no link speed"),
        (
            Nic(name="eth0", driver="ice", pci_address="0000:01:00.0", speed_mbps=-1, mtu=1500),
            "eth0 shows no link speed",
        ),
    ],
)
def test_a_network_without_a_known_link_has_no_ceiling_and_says_why(nic: Nic | None, reason: str) -> None:
    ceiling = network_ceiling(Unit.BYTES_PER_SECOND, nic)
    assert ceiling.value is None
    assert reason in ceiling.reason


def test_a_network_ceiling_comes_from_speed_and_mtu() -> None:
    nic = Nic(name="eth0", driver="ice", pci_address="0000:01:00.0", speed_mbps=25000, mtu=1500)
    ceiling = network_ceiling(Unit.BYTES_PER_SECOND, nic)
    assert ceiling.value is not None
    assert ceiling.value * 8 / 1e9 == pytest.approx(23.537, abs=0.0005)
    assert ceiling.reason == "eth0, 25000 Mbit/s at MTU 1500"


def test_the_links_of_a_guest_are_made_up_and_give_no_ceiling() -> None:
    drive = storage_ceiling(Unit.IOPS, _drive(speed_gts=2.5, width=1), block_bytes=4096, virtualisation="kvm")
    nic = Nic(name="eth0", driver="igb", pci_address="0000:01:00.0", speed_mbps=1000, mtu=1500)
    link = network_ceiling(Unit.BYTES_PER_SECOND, nic, virtualisation="kvm")
    assert drive.value is link.value is None
    assert drive.reason == link.reason == "ceiling unknown: the links of a kvm guest are made up"


@pytest.mark.parametrize("unit", [Unit.SECONDS, Unit.RATIO, Unit.COUNT])
def test_times_and_ratios_have_no_ceiling(unit: Unit) -> None:
    assert storage_ceiling(unit, _drive(speed_gts=32.0, width=4), block_bytes=4096).value is None
    assert network_ceiling(unit, None).value is None


def _drive(*, speed_gts: float, width: int) -> BlockDevice:
    link = PcieLink(address="0000:01:00.0", speed_gts=speed_gts, speed_max_gts=32.0, width=width, width_max=4)
    return BlockDevice(name="nvme0n1", major_minor="259:0", pcie=link)
