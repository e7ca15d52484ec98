"""Signatures that no tool at hand can write (their kernel modules are missing), put together by hand.

Each is checked by its test against what the system's own blkid makes of it, so that a typing error here can't pass.
Sources: mdadm(8) and include/uapi/linux/raid/md_p.h, the LVM2 label of lib/format_text, the uberblock of
OpenZFS (uberblock.h), include/uapi/linux/bcache.h.
"""

import struct
import zlib

_MD_MAGIC = 0xA92B4EFC


def md_version_1(*, super_at: int, size_bytes: int) -> bytes:
    """Superblock of md format 1.x, which tells its own place."""
    block = bytearray(256)
    struct.pack_into("<IIII", block, 0, _MD_MAGIC, 1, 0, 0)
    block[16:32] = bytes(range(1, 17))
    block[32:64] = b"host:name".ljust(32, b"\0")
    struct.pack_into("<QIIQII", block, 64, 0, 1, 0, size_bytes // 1024, 0, 2)
    struct.pack_into("<QQQ", block, 128, 2048, size_bytes // 1024, super_at // 512)
    block[168:184] = bytes(range(17, 33))
    total = sum(struct.unpack("<64I", block))
    struct.pack_into("<I", block, 216, (total & 0xFFFFFFFF) + (total >> 32) & 0xFFFFFFFF)
    return bytes(block)


def md_version_1_0_place(size_bytes: int) -> int:
    """At least 8 KiB before the end, on a 4 KiB boundary."""
    return ((size_bytes // 512 - 16) & ~7) * 512


def md_version_0_90() -> bytes:
    block = bytearray(4096)
    struct.pack_into("<IIIIII", block, 0, _MD_MAGIC, 0, 90, 0, 0, 0x12345678)
    return bytes(block)


def md_version_0_90_place(size_bytes: int) -> int:
    """The last whole 64 KiB before the last 64 KiB boundary."""
    return (size_bytes & ~0xFFFF) - 0x10000


def lvm_label() -> bytes:
    """The label sector of a physical volume; it belongs into sector 1."""
    sector = bytearray(512)
    sector[0:8] = b"LABELONE"
    struct.pack_into("<QII", sector, 8, 1, 0, 32)
    sector[24:32] = b"LVM2 001"
    sector[32:64] = b"abcdefghijklmnopqrstuvwxyz012345"
    struct.pack_into("<I", sector, 16, zlib.crc32(bytes(sector[20:]), 0xF597A6CF ^ 0xFFFFFFFF) ^ 0xFFFFFFFF)
    return bytes(sector)


def zfs_uberblocks() -> bytes:
    """Eight uberblocks of the first label; they belong at 128 KiB."""
    return b"".join(struct.pack("<5Q", 0x00BAB10C, 5000, number, 1, 1).ljust(1024, b"\0") for number in range(1, 9))


def bcache_superblock() -> bytes:
    """It belongs at 4 KiB."""
    magic = bytes.fromhex("c68573f64e1a45ca8265f57f48ba6d81")
    return struct.pack("<3Q", 0, 8, 1) + magic + bytes(range(1, 17))


def unfinished_xfs(superblock: bytes) -> bytes:
    """The first sector of an XFS with the mark that mkfs.xfs takes away last."""
    return superblock[:126] + b"\x01" + superblock[127:]
