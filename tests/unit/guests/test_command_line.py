"""QEMU's words for a template, read as a person checks a wiring diagram."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from cherrylab.guests.command_line import GuestFiles, Wiring, command_line
from cherrylab.guests.template import GIB, PEER, VALIDATOR, WORKBENCH, Drive, HardwareTemplate, NumaNode

FILES = GuestFiles(directory=Path("/lab/g1"), kernel=Path("/image/vmlinuz"), initrd=Path("/image/initrd.gz"))
WIRING = Wiring(number=1, management_tap="g1m", data_tap="g1d")


def _values(argv: tuple[str, ...], option: str) -> list[str]:
    return [value for name, value in pairwise(argv) if name == option]


def test_every_cpu_and_every_byte_belongs_to_one_node() -> None:
    argv = command_line(VALIDATOR, FILES, WIRING)
    assert _values(argv, "-smp") == ["4,sockets=2,cores=2,threads=1"]
    assert _values(argv, "-m") == ["2048"]
    assert _values(argv, "-numa") == [
        "node,nodeid=0,cpus=0-1,memdev=m0",
        "node,nodeid=1,cpus=2-3,memdev=m1",
        "dist,src=0,dst=1,val=32",
    ]


def test_devices_of_a_node_hang_on_its_expander_and_each_has_its_own_port() -> None:
    devices = _values(command_line(VALIDATOR, FILES, WIRING), "-device")
    assert "pxb-pcie,id=pxb1,bus_nr=144,numa_node=1,bus=pcie.0" in devices
    ports = [device for device in devices if device.startswith("pcie-root-port")]
    assert [port.split(",")[2] for port in ports] == ["bus=pxb1", "bus=pcie.0", "bus=pcie.0", "bus=pxb1"]
    assert "nvme,id=nvme-ledger,serial=LEDGER01,drive=ledger,bus=rp0" in devices
    assert "igb,id=nic0,netdev=dn,mac=52:54:00:00:01:01,bus=rp3" in devices


def test_every_device_names_its_bus() -> None:
    """One that does not may land on the expander bridge of another node."""
    without_bus = {"pxb-pcie", "virtserialport", "intel-iommu"}
    for device in _values(command_line(VALIDATOR, FILES, WIRING), "-device"):
        assert device.split(",")[0] in without_bus or ",bus=" in device, device


def test_a_limited_drive_is_throttled_over_its_file() -> None:
    drive = Drive(role="slow", serial="SLOW01", size_bytes=GIB, iops_limit=500)
    template = HardwareTemplate(name="one", nodes=(NumaNode(cpus=1, memory_bytes=GIB),), drives=(drive,))
    argv = command_line(template, FILES, WIRING)
    assert _values(argv, "-object")[-1] == "throttle-group,id=limit-slow,x-iops-total=500"
    assert _values(argv, "-blockdev") == [
        "driver=throttle,discard=unmap,node-name=slow,throttle-group=limit-slow,file.driver=raw,file.discard=unmap,"
        "file.file.driver=file,file.file.filename=/lab/g1/slow.img,file.file.discard=unmap"
    ]


def test_a_machine_without_a_seed_does_not_wait_for_cloud_init() -> None:
    assert "cloud-init=disabled" in _values(command_line(PEER, FILES, WIRING), "-append")[0]
    with_seed = command_line(PEER, FILES, WIRING, cloud_init=True)
    assert "cloud-init=disabled" not in _values(with_seed, "-append")[0]
    assert any("seed.iso" in value for value in _values(with_seed, "-drive"))


def test_the_console_is_written_down_and_can_be_typed_into() -> None:
    argv = command_line(PEER, FILES, WIRING)
    assert "socket,id=tty,path=/lab/g1/tty.sock,server=on,wait=off,logfile=/lab/g1/console.log,logappend=on" in argv
    assert _values(argv, "-serial") == ["chardev:tty"]


def test_a_bad_sector_lies_below_the_drive_and_fails_both_ways() -> None:
    (bad,) = [value for value in _values(command_line(WORKBENCH, FILES, WIRING), "-blockdev") if "blkdebug" in value]
    assert "file.inject-error.0.sector=204800" in bad
    assert "iotype" not in bad
    assert bad.endswith("node-name=bad")


def test_an_iommu_comes_with_the_kernel_arguments_that_use_it() -> None:
    argv = command_line(replace(VALIDATOR, iommu=True), FILES, WIRING)
    assert "intel-iommu,intremap=on,caching-mode=on" in _values(argv, "-device")
    assert _values(argv, "-machine") == ["q35,kernel-irqchip=split"]
    assert "intel_iommu=on iommu=pt" in _values(argv, "-append")[0]
    assert "intel-iommu" not in " ".join(command_line(VALIDATOR, FILES, WIRING))


def test_drives_in_another_order_sit_in_other_slots_on_their_own_node() -> None:
    moved = VALIDATOR.with_drives_in_order(["snapshots", "accounts", "ledger"])
    devices = _values(command_line(moved, FILES, WIRING), "-device")
    assert "nvme,id=nvme-ledger,serial=LEDGER01,drive=ledger,bus=rp2" in devices
    assert "pcie-root-port,id=rp2,bus=pxb1,chassis=3,slot=3" in devices
