"""What makes a new series, and what does not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from nodeagent.bench.benchmark import ToolVersions
from nodeagent.bench.fingerprint import Difference, Fingerprint, diff, fingerprint
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import (
    BlockDevice,
    Cpus,
    Dimm,
    HostFacts,
    Kernel,
    Memory,
    Nic,
    PcieLink,
    Platform,
)

CPUS = CpuSet.parse("0-3")
FACTS = HostFacts(
    cpus=Cpus(
        online=CPUS,
        possible=CPUS,
        isolated=CpuSet(),
        packages=1,
        cores=2,
        threads_per_core=2,
        model="AMD EPYC 9454P",
        microcode="0xa101148",
    ),
    numa_nodes=(),
    block_devices=(),
    nics=(),
    pci_devices=(),
    memory=Memory(total_bytes=64 * 2**30 - 12345),
    kernel=Kernel(release="6.1.0-28-amd64", command_line="quiet mitigations=auto"),
    platform=Platform(hostname="node-1", boot_id="b1", bios_version="2.1"),
)
DRIVE = BlockDevice(
    name="nvme0n1",
    major_minor="259:0",
    model="KIOXIA",
    serial="S1",
    firmware="1.0",
    pcie=PcieLink(address="0000:01:00.0", speed_gts=32.0, width=4),
)
NIC = Nic(name="eth0", driver="ice", pci_address="0000:41:00.0", speed_mbps=25000, mtu=1500)
TOOLS = ToolVersions(fio="fio-3.33", iperf3="iperf 3.12")


def taken(
    *,
    facts: HostFacts = FACTS,
    drive: BlockDevice = DRIVE,
    nic: Nic = NIC,
    tools: ToolVersions = TOOLS,
    runtime: str = "5s",
    profile_digest: str = "p1",
) -> Fingerprint:
    return fingerprint(
        facts, tools=tools, options={"runtime": runtime}, device=drive, nic=nic, profile_digest=profile_digest
    )


def test_the_same_machine_has_the_same_digest() -> None:
    assert taken().digest == taken().digest
    assert len(taken().digest) == 16


@pytest.mark.parametrize(
    "changed",
    [
        lambda: taken(facts=replace(FACTS, kernel=Kernel(release="6.12.0"))),
        lambda: taken(facts=replace(FACTS, kernel=replace(FACTS.kernel, command_line="mitigations=off"))),
        lambda: taken(facts=replace(FACTS, cpus=replace(FACTS.cpus, microcode="0xa101154"))),
        lambda: taken(facts=replace(FACTS, memory=Memory(total_bytes=128 * 2**30))),
        lambda: taken(facts=replace(FACTS, platform=replace(FACTS.platform, bios_version="2.2"))),
        lambda: taken(drive=replace(DRIVE, firmware="1.1")),
        lambda: taken(drive=replace(DRIVE, serial="S2")),
        lambda: taken(drive=replace(DRIVE, pcie=PcieLink(address="0000:01:00.0", speed_gts=8.0, width=4))),
        lambda: taken(nic=replace(NIC, mtu=9000)),
        lambda: taken(tools=ToolVersions(fio="fio-3.42", iperf3="iperf 3.12")),
        lambda: taken(runtime="60s"),
        lambda: taken(profile_digest="p2"),
    ],
)
def test_whatever_a_result_depends_on_makes_a_new_series(changed: Callable[[], Fingerprint]) -> None:
    assert changed().digest != taken().digest


@pytest.mark.parametrize(
    "same",
    [
        lambda: taken(drive=replace(DRIVE, name="nvme3n1", major_minor="259:6")),
        lambda: taken(drive=replace(DRIVE, pcie=PcieLink(address="0000:81:00.0", speed_gts=32.0, width=4))),
        lambda: taken(nic=replace(NIC, name="enp65s0")),
        lambda: taken(facts=replace(FACTS, platform=replace(FACTS.platform, boot_id="b2"))),
        lambda: taken(facts=replace(FACTS, memory=Memory(total_bytes=64 * 2**30 - 99999, available_bytes=5))),
    ],
)
def test_what_changes_by_itself_makes_no_new_series(same: Callable[[], Fingerprint]) -> None:
    assert same().digest == taken().digest


def test_dimms_tell_more_than_their_total() -> None:
    eight = Memory(total_bytes=2**39, dimms=(Dimm(locator="A1", size_bytes=2**36, speed_mts=4800),))
    slower = Memory(total_bytes=2**39, dimms=(Dimm(locator="A1", size_bytes=2**36, speed_mts=3600),))
    parts = taken(facts=replace(FACTS, memory=eight)).parts, taken(facts=replace(FACTS, memory=slower)).parts
    assert diff(*parts) == (Difference(part="memory", before="A1=68719476736@4800", after="A1=68719476736@3600"),)


def test_a_difference_names_the_part_with_before_and_after() -> None:
    before = taken().parts
    after = taken(drive=replace(DRIVE, firmware="1.1"), runtime="60s").parts
    assert diff(before, after) == (
        Difference(part="device.firmware", before="1.0", after="1.1"),
        Difference(part="option.runtime", before="5s", after="60s"),
    )


def test_a_part_that_one_side_lacks_is_a_difference_unless_it_is_empty() -> None:
    assert diff({"a": "1"}, {"b": ""}) == (Difference(part="a", before="1", after=""),)


def test_odd_bytes_in_a_serial_number_are_no_obstacle() -> None:
    assert taken(drive=replace(DRIVE, serial="\udcff\udcfe")).digest
