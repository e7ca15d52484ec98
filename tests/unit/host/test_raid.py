"""The superblock of an array's member, read from bytes as md_p.h has them, and nothing else taken for one."""

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.host.raid import SUPERBLOCK_BYTES, parse_superblock, read_superblock, shown_uuid
from tests.fixtures.raid_superblock import Superblock
from tests.fixtures.tree import Tree

UUID = "8ad166e7-e812-51bc-a0c3-78737f849734"


def test_a_superblock_says_what_was_written_into_it() -> None:
    found = parse_superblock(Superblock(uuid=UUID, role=1, devices=3, chunk_bytes=65536).pack())
    assert found is not None
    assert (found.uuid, found.level, found.devices, found.chunk_bytes, found.role) == (UUID, 0, 3, 65536, 1)
    assert (found.name, found.data_offset_bytes) == ("any:mnt-ledger", 1 << 20)


@given(uuid=st.uuids(), devices=st.integers(2, 384), chunk=st.integers(3, 17), data=st.data())
@settings(max_examples=50, deadline=None)
def test_every_array_is_read_back(uuid: object, devices: int, chunk: int, data: st.DataObject) -> None:
    role = data.draw(st.integers(0, min(devices, 255) - 1))
    written = Superblock(uuid=str(uuid), role=role, devices=devices, chunk_bytes=512 << chunk)
    found = parse_superblock(written.pack())
    assert found is not None
    assert (found.uuid, found.devices, found.role) == (str(uuid), devices, role)
    assert found.chunk_bytes == 512 << chunk


@given(at=st.integers(0, 259), bit=st.integers(0, 7))
@settings(max_examples=200, deadline=None)
def test_one_flipped_bit_makes_it_no_superblock(at: int, bit: int) -> None:
    data = bytearray(Superblock(uuid=UUID).pack())
    data[at] ^= 1 << bit
    assert parse_superblock(bytes(data)) is None


@given(st.binary(max_size=SUPERBLOCK_BYTES))
@settings(max_examples=100, deadline=None)
def test_no_bytes_make_the_reader_fail(data: bytes) -> None:
    assert parse_superblock(data) is None


def test_a_superblock_at_another_place_or_of_another_version_is_none() -> None:
    assert parse_superblock(Superblock(uuid=UUID, super_sector=0).pack()) is None
    assert parse_superblock(Superblock(uuid=UUID, major=0).pack()) is None


def test_a_spare_and_a_failed_member_have_no_place() -> None:
    assert (found := parse_superblock(Superblock(uuid=UUID, role=7).pack())) is not None
    assert found.role is None


def test_an_array_is_known_by_what_its_members_carry(tmp_path: Path) -> None:
    tree, host = Tree(root=tmp_path), Host(root=tmp_path)
    tree.directory("/sys/block/md127/slaves/nvme1n1")
    assert shown_uuid(host, "md127") == ""
    tree.file("/dev/nvme1n1", Superblock(uuid=UUID).drive())
    assert shown_uuid(host, "md127") == UUID
    found = read_superblock(host, "nvme1n1")
    assert found is not None
    assert found.role == 0
