"""Everything that once cost somebody a disk, set up with loop devices: the rows of campaign C17.

Each scenario makes a drive that must not be written and names the reason that must be given. `node` is the drive that
a person might name by mistake; `raw` are further paths to the same bytes. The images' checksums are taken after the
setup, so a scenario may write as it likes while it is made.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from nodeagent.host.datasafety import Reason
from tests import needs
from tests.host.datasafety import signatures
from tests.host.datasafety.loops import MIB, Bench, run, write_at

HOLD = (sys.executable, "-c")


@dataclass(frozen=True, kw_only=True)
class Drive:
    """What a scenario made. `reasons` must all be given; others may be."""

    node: str
    reasons: tuple[Reason, ...]
    raw: tuple[Path, ...] = field(default=())


Setup = Callable[[Bench], Drive]


def ext4(path: Path) -> None:
    run("mkfs.ext4", "-q", "-F", "-L", "precious", str(path))


def formatted(bench: Bench, fstype: str = "ext4", size_bytes: int = 16 * MIB) -> Path:
    image = bench.image(size_bytes)
    force = {"ext4": "-F", "xfs": "-f", "btrfs": "-f"}[fstype]
    run(f"mkfs.{fstype}", "-q", force, str(image))
    if fstype == "btrfs":
        bench.undo("btrfs", "device", "scan", "--forget")
    return image


def partitioned(bench: Bench, *, label: str = "gpt") -> Path:
    image = bench.image(32 * MIB)
    run("sfdisk", "--quiet", str(image), text=f"label: {label}\n, , L\n")
    return image


def with_partitions(bench: Bench) -> str:
    """The kernel knows the partition; some kernels can't read a table themselves and have to be told."""
    node = bench.attach(partitioned(bench), "--partscan")
    if not Path(f"{node}p1").exists():
        run("partx", "--add", node)
        bench.undo("partx", "--delete", node)
    return node


def in_private_namespace(bench: Bench, script: str) -> None:
    """Run a shell script in a mount namespace of its own that lives as long as the test."""
    bench.background(
        needs.tool("unshare"), "--mount", "--propagation", "private", "sh", "-ec", f"{script}\necho ready; exec cat"
    )


# --- in use ----------------------------------------------------------------------------------------------------------


def mounted_filesystem(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    bench.mount(node)
    return Drive(node=node, reasons=(Reason.MOUNTED, Reason.SIGNATURE))


def mounted_through_another_node(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    copy = bench.directory / "copy-of-node"
    os.mknod(copy, 0o600 | 0o060000, Path(node).stat().st_rdev)
    bench.mount(str(copy))
    return Drive(node=node, reasons=(Reason.MOUNTED,), raw=(copy,))


def mounted_in_another_namespace_only(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    in_private_namespace(bench, f"mount -o ro,noload {node} {bench.folder()}")
    return Drive(node=node, reasons=(Reason.MOUNTED_ELSEWHERE,))


def _unshare(*words: str) -> None:
    """unshare(1), on each CPU in turn until one can.

    A namespace may only be bound in one with a smaller number, and from Linux 6.18 on each CPU draws numbers from a
    batch of its own: to us, if we live in a namespace ourselves, one that was made on another CPU may look older.
    """
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus[:-1]:
        made = subprocess.run(["taskset", "-c", str(cpu), "unshare", *words], capture_output=True, check=False)
        if made.returncode == 0:
            return
    run("taskset", "-c", str(cpus[-1]), "unshare", *words)


def mounted_in_a_namespace_without_processes(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    place = bench.folder()
    run("mount", "-t", "tmpfs", "--make-private", "tmpfs", str(place))
    bench.undo("umount", str(place))
    namespace = place / "namespace"
    namespace.touch()
    script = f"mount -o ro,noload {node} {bench.folder()}"
    _unshare(f"--mount={namespace}", "--propagation", "private", "sh", "-ec", script)
    bench.undo("umount", str(namespace))
    return Drive(node=node, reasons=(Reason.CLAIMED,))


def only_a_bind_mount_is_left(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    first, second = bench.mount(node), bench.folder()
    run("mount", "--bind", str(first / "lost+found"), str(second))
    bench.undo("umount", str(second))
    run("umount", str(first))
    return Drive(node=node, reasons=(Reason.MOUNTED,))


def unmounted_lazily_but_in_use(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    target = bench.mount(node)
    bench.background(*HOLD, f"import os; os.chdir({str(target)!r}); print('ready', flush=True); input()")
    run("umount", "--lazy", str(target))
    return Drive(node=node, reasons=(Reason.CLAIMED,))


def under_an_overlay(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench))
    lower, merged = bench.mount(node), bench.folder()
    run("mount", "-t", "overlay", "-o", f"lowerdir={lower}:{bench.folder()}", "overlay", str(merged))
    bench.undo("umount", str(merged))
    run("umount", "--lazy", str(lower))
    return Drive(node=node, reasons=(Reason.CLAIMED,))


def second_member_of_a_mounted_btrfs(bench: Bench) -> Drive:
    nodes = [bench.attach(bench.image(160 * MIB)) for _ in range(2)]
    run("mkfs.btrfs", "-q", "-f", "-d", "single", *nodes)
    bench.undo("btrfs", "device", "scan", "--forget")
    bench.mount(nodes[0], f"device={nodes[1]}", fstype="btrfs")
    return Drive(node=nodes[1], reasons=(Reason.BTRFS_MEMBER,))


def partition_is_mounted(bench: Bench) -> Drive:
    node = with_partitions(bench)
    ext4(Path(f"{node}p1"))
    bench.mount(f"{node}p1")
    return Drive(node=node, reasons=(Reason.PARTITIONED, Reason.MOUNTED))


def partition_is_swap(bench: Bench) -> Drive:
    node = with_partitions(bench)
    start = int((Path("/sys/class/block") / f"{node.removeprefix('/dev/')}p1" / "start").read_text()) * 512
    bench.swap_on(f"{node}p1", bench.images[-1], offset=start)
    return Drive(node=node, reasons=(Reason.PARTITIONED, Reason.SWAP))


def partitions_only(bench: Bench) -> Drive:
    return Drive(node=with_partitions(bench), reasons=(Reason.PARTITIONED,))


def active_swap(bench: Bench) -> Drive:
    image = bench.image()
    node = bench.attach(image)
    bench.swap_on(node, image)
    return Drive(node=node, reasons=(Reason.SWAP,))


def backing_file_of_a_mounted_loop(bench: Bench) -> Drive:
    image = formatted(bench)
    bench.mount(bench.attach(image))
    return Drive(node=bench.attach(image), reasons=(Reason.LOOP, Reason.NOT_UNIQUE), raw=(image,))


def backing_file_has_another_name_too(bench: Bench) -> Drive:
    image = bench.image()
    link = bench.directory / "hard-link.img"
    link.hardlink_to(image)
    bench.attach(image)
    return Drive(node=bench.attach(link), reasons=(Reason.LOOP,), raw=(link,))


def carries_the_backing_file_of_a_loop(bench: Bench) -> Drive:
    node = bench.attach(formatted(bench, size_bytes=64 * MIB))
    target = bench.folder()
    run("mount", node, str(target))
    bench.undo("umount", str(target))
    inner = target / "inner.img"
    inner.touch()
    os.truncate(inner, 8 * MIB)
    run("mount", "-o", "remount,ro", str(target))
    bench.attach(inner, "--read-only")
    return Drive(node=node, reasons=(Reason.LOOP, Reason.MOUNTED))


def another_loop_stands_on_it(bench: Bench) -> Drive:
    node = bench.attach(bench.image())
    bench.attach(Path(node))
    return Drive(node=node, reasons=(Reason.LOOP,))


def a_program_writes_to_it(bench: Bench) -> Drive:
    node = bench.attach(bench.image())
    bench.background(*HOLD, f"f = open({node!r}, 'r+b'); print('ready', flush=True); input()")
    return Drive(node=node, reasons=(Reason.OPEN,))


def a_program_holds_it_exclusively(bench: Bench) -> Drive:
    node = bench.attach(bench.image())
    script = f"import os; f = os.open({node!r}, os.O_RDONLY | os.O_EXCL); print('ready', flush=True); input()"
    bench.background(*HOLD, script)
    return Drive(node=node, reasons=(Reason.CLAIMED,))


# --- not in use, but not empty ---------------------------------------------------------------------------------------


def idle_ext4(bench: Bench) -> Drive:
    return Drive(node=bench.attach(formatted(bench)), reasons=(Reason.SIGNATURE,))


def idle_xfs(bench: Bench) -> Drive:
    return Drive(node=bench.attach(formatted(bench, "xfs", 304 * MIB)), reasons=(Reason.SIGNATURE,))


def idle_btrfs(bench: Bench) -> Drive:
    return Drive(node=bench.attach(formatted(bench, "btrfs", 128 * MIB)), reasons=(Reason.SIGNATURE,))


def interrupted_mkfs_xfs(bench: Bench) -> Drive:
    image = formatted(bench, "xfs", 304 * MIB)
    with image.open("rb") as file:
        superblock = file.read(512)
    write_at(image, 0, signatures.unfinished_xfs(superblock))
    return Drive(node=bench.attach(image), reasons=(Reason.UNFINISHED,))


def partition_table_without_partitions(bench: Bench) -> Drive:
    return Drive(node=bench.attach(partitioned(bench)), reasons=(Reason.SIGNATURE,))


def mbr_only(bench: Bench) -> Drive:
    return Drive(node=bench.attach(partitioned(bench, label="dos")), reasons=(Reason.SIGNATURE,))


def backup_gpt_only(bench: Bench) -> Drive:
    image = partitioned(bench)
    write_at(image, 0, bytes(MIB))
    return Drive(node=bench.attach(image), reasons=(Reason.SIGNATURE,))


def damaged_backup_gpt_only(bench: Bench) -> Drive:
    """A header whose checksum is wrong: both probes say "nothing"."""
    image = bench.image()
    write_at(image, image.stat().st_size - 512, b"EFI PART" + bytes(84))
    return Drive(node=bench.attach(image), reasons=(Reason.NOT_BLANK,))


def luks(bench: Bench) -> Drive:
    image = bench.image(32 * MIB)
    options = ("--batch-mode", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000")
    run("cryptsetup", "luksFormat", *options, str(image), text="a pass phrase")
    return Drive(node=bench.attach(image), reasons=(Reason.SIGNATURE,))


def inactive_swap(bench: Bench) -> Drive:
    image = bench.image()
    run("mkswap", str(image))
    return Drive(node=bench.attach(image), reasons=(Reason.SIGNATURE,))


def two_filesystems_at_once(bench: Bench) -> Drive:
    image, other = formatted(bench), formatted(bench, "btrfs", 128 * MIB)
    with other.open("rb") as file:
        file.seek(64 * 1024)
        write_at(image, 64 * 1024, file.read(4096))
    return Drive(node=bench.attach(image), reasons=(Reason.AMBIVALENT,))


def _with(data: bytes, offset: int, reason: Reason = Reason.SIGNATURE, *, size_bytes: int = 16 * MIB) -> Setup:
    def setup(bench: Bench) -> Drive:
        image = bench.image(size_bytes)
        write_at(image, offset if offset >= 0 else image.stat().st_size + offset, data)
        return Drive(node=bench.attach(image), reasons=(reason,))

    return setup


_SIZE = 16 * MIB
_MD_1_0 = signatures.md_version_1_0_place(_SIZE)


# --- not what it seems -----------------------------------------------------------------------------------------------


def read_only(bench: Bench) -> Drive:
    return Drive(node=bench.attach(bench.image(), "--read-only"), reasons=(Reason.READ_ONLY,))


def of_no_size(bench: Bench) -> Drive:
    image = bench.image(MIB)
    node = bench.attach(image)
    os.truncate(image, 0)
    run("losetup", "--set-capacity", node)
    return Drive(node=node, reasons=(Reason.NO_SIZE,))


SCENARIOS: dict[str, Setup] = {
    setup.__name__: setup
    for setup in (
        mounted_filesystem,
        mounted_through_another_node,
        mounted_in_another_namespace_only,
        mounted_in_a_namespace_without_processes,
        only_a_bind_mount_is_left,
        unmounted_lazily_but_in_use,
        under_an_overlay,
        second_member_of_a_mounted_btrfs,
        partition_is_mounted,
        partition_is_swap,
        partitions_only,
        active_swap,
        backing_file_of_a_mounted_loop,
        backing_file_has_another_name_too,
        carries_the_backing_file_of_a_loop,
        another_loop_stands_on_it,
        a_program_writes_to_it,
        a_program_holds_it_exclusively,
        idle_ext4,
        idle_xfs,
        idle_btrfs,
        interrupted_mkfs_xfs,
        partition_table_without_partitions,
        mbr_only,
        backup_gpt_only,
        damaged_backup_gpt_only,
        luks,
        inactive_swap,
        two_filesystems_at_once,
        read_only,
        of_no_size,
    )
} | {
    "lvm_physical_volume": _with(signatures.lvm_label(), 512),
    "md_version_1_2": _with(signatures.md_version_1(super_at=4096, size_bytes=_SIZE), 4096),
    "md_version_1_0": _with(signatures.md_version_1(super_at=_MD_1_0, size_bytes=_SIZE), _MD_1_0),
    "md_version_0_90": _with(signatures.md_version_0_90(), signatures.md_version_0_90_place(_SIZE)),
    "zfs_label": _with(signatures.zfs_uberblocks(), 128 * 1024, size_bytes=64 * MIB),
    "bcache": _with(signatures.bcache_superblock(), 4096),
    "random_bytes_in_the_middle": _with(os.urandom(MIB), _SIZE // 2, Reason.NOT_BLANK),
    "random_bytes_in_the_last_mebibyte": _with(os.urandom(MIB), -MIB, Reason.NOT_BLANK),
    "a_single_byte": _with(b"\x01", 5 * MIB + 12345, Reason.NOT_BLANK),
    "the_very_last_byte": _with(b"\x01", -1, Reason.NOT_BLANK),
}
