"""What an NVMe controller answers, byte by byte; any bytes give an answer and never an error."""

import ctypes
import fcntl
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.host import Host, nvme_admin
from nodeagent.host.nvme import controllers_of, parse_firmware, parse_formats, parse_health, parse_power_states
from nodeagent.host.nvme_admin import NvmeAdmin
from nodeagent.model.nvme import FirmwareSlots, Health, PowerState, SectorFormat
from tests.fixtures.tree import Tree


def controller(**fields: int) -> bytearray:
    data = bytearray(4096)
    data[263] = fields.get("last_state", 0)
    data[260] = fields.get("slots", 1) << 1
    data[266:268] = fields.get("warning_kelvin", 0).to_bytes(2, "little")
    return data


def test_power_states_have_two_units_and_some_do_not_work() -> None:
    data = controller(last_state=2)
    data[2048:2050] = (2500).to_bytes(2, "little")
    data[2080:2082] = (9000).to_bytes(2, "little")
    data[2083] = 0b11
    assert parse_power_states(bytes(data)) == (
        PowerState(number=0, operational=True, watts=25.0),
        PowerState(number=1, operational=False, watts=0.9),
        PowerState(number=2, operational=True, watts=None),
    )


def test_health_is_told_in_celsius_and_percent() -> None:
    log = bytearray(512)
    log[0:6] = bytes((4, *(314).to_bytes(2, "little"), 99, 10, 81))
    log[160:176] = (7).to_bytes(16, "little")
    assert parse_health(bytes(log), bytes(controller(warning_kelvin=343))) == Health(
        warning=4,
        temperature_celsius=41,
        spare_percent=99,
        spare_threshold_percent=10,
        used_percent=81,
        media_errors=7,
        warning_celsius=70,
    )


def test_firmware_slots_are_as_many_as_the_controller_has() -> None:
    log = bytearray(512)
    log[0] = 0x21
    log[8:24] = b"GDC7502QGDC7  \0\0"
    slots = parse_firmware(bytes(log), bytes(controller(slots=3)))
    assert slots == FirmwareSlots(active=1, next=2, revisions=("GDC7502Q", "GDC7", ""))


def test_formats_are_powers_of_two_with_metadata_beside() -> None:
    namespace = bytearray(4096)
    namespace[25], namespace[26] = 1, 1
    namespace[128:136] = bytes((8, 0, 9, 0, 0, 0, 12, 0))
    formats = (SectorFormat(data_bytes=512, metadata_bytes=8), SectorFormat(data_bytes=4096))
    assert parse_formats(bytes(namespace)) == (formats, 1)


@given(st.binary(min_size=61, max_size=61), st.binary(min_size=61, max_size=61))
def test_any_answer_can_be_read(first: bytes, second: bytes) -> None:
    log, page = (first * 9)[:512], (second * 68)[:4096]
    assert 1 <= len(parse_power_states(page)) <= 32
    assert len(parse_firmware(log, page).revisions) <= 7
    assert parse_health(log, page).media_errors >= 0
    assert len(parse_formats(page)[0]) <= 16


def test_a_drive_hangs_on_a_controller_or_on_those_of_its_subsystem(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    tree.file("/sys/devices/a/nvme/nvme0/serial", "S1")
    tree.file("/sys/devices/a/nvme/nvme0/nvme0n1/size", "8")
    tree.link("/sys/devices/a/nvme/nvme0/nvme0n1/device", "/sys/devices/a/nvme/nvme0")
    tree.link("/sys/class/nvme/nvme0", "/sys/devices/a/nvme/nvme0")
    tree.link("/sys/block/nvme0n1", "/sys/devices/a/nvme/nvme0/nvme0n1")
    tree.file("/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1n1/size", "8")
    tree.file("/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme1/serial", "S2")
    tree.file("/sys/devices/virtual/nvme-subsystem/nvme-subsys1/nvme2/serial", "S2")
    subsystem = "/sys/devices/virtual/nvme-subsystem/nvme-subsys1"
    tree.link(f"{subsystem}/nvme1n1/device", subsystem)
    tree.link("/sys/block/nvme1n1", f"{subsystem}/nvme1n1")
    host = Host(root=tmp_path)
    assert controllers_of(host, "nvme0n1") == ("nvme0",)
    assert controllers_of(host, "nvme1n1") == ("nvme1", "nvme2")
    assert host.nvme("nvme1n1").problem == "several controllers lead to it (nvme1, nvme2)"
    assert host.nvme("nvme0n1").serial == "S1"
    assert controllers_of(host, "sda") == ()


def test_what_is_no_node_of_a_controller_is_not_sent_a_command(tmp_path: Path) -> None:
    (tmp_path / "nvme0").write_bytes(b"")
    with pytest.raises(OSError, match="not the node of a controller"):
        NvmeAdmin.open(tmp_path / "nvme0")


def test_the_command_has_the_shape_that_the_kernel_has_fixed() -> None:
    """_IOWR('N', 0x41, struct nvme_admin_cmd): direction, size, letter, number; the result is its last word."""
    assert nvme_admin._FORM.size == 72
    assert nvme_admin._ADMIN_COMMAND.to_bytes(4, "big") == bytes((0xC0, 72, ord("N"), 0x41))
    assert nvme_admin._RESULT_OFFSET == 68
    packed = nvme_admin._FORM.pack(0x0A, 0, 0, 7, 0, 0, 0, 0x1122, 0, 4096, 2, 5, 0, 0, 0, 0, 5000, 0)
    assert (packed[0], packed[4], packed[24:26], packed[36:38]) == (0x0A, 7, b"\x22\x11", b"\x00\x10")
    assert (packed[40], packed[44]) == (2, 5)


def test_what_the_drive_refuses_is_an_error_with_its_status(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: 0x10E)
    with pytest.raises(OSError, match=r"status 0x10e"):
        NvmeAdmin(descriptor=-1).set_feature(2, 0)
    monkeypatch.setattr(fcntl, "ioctl", lambda *_: 0x2)
    with pytest.raises(OSError, match="invalid field"):
        NvmeAdmin(descriptor=-1).feature(2)


def test_an_answer_is_read_off_the_command_and_its_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(_descriptor: int, _request: int, command: bytearray) -> int:
        struct.pack_into("=I", command, 68, 0x22)
        address, length = struct.unpack_from("=Q", command, 24)[0], struct.unpack_from("=I", command, 36)[0]
        ctypes.memset(address, 0x5A, length)
        return 0

    monkeypatch.setattr(fcntl, "ioctl", answer)
    admin = NvmeAdmin(descriptor=-1)
    assert admin.log(2) == b"\x5a" * 512
    assert admin.feature(2) == 0x22
