"""System calls on the drive fail, one after the other (strace, on the real device): an unknown is never a "free".

Each point says INJECTED in strace's log, or it is not counted; a fault after which the drive is called free, or a
filesystem made though its drive was refused, fails the test.
"""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from nodeagent.model.occupancy import Reason
from tests import needs
from tests.host.datasafety.loops import Bench, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [
    pytest.mark.host,
    need_root,
    need_kernel("/dev/loop-control"),
    need_tool("losetup", "strace", "mkfs.ext4", "blkid", "wipefs"),
]

ROOT = Path(__file__).parents[3]
LOOK = [
    ("openat", "EACCES"),
    ("openat", "EIO"),
    ("openat", "ENXIO"),
    ("pread64", "EIO"),
    ("lseek", "EIO"),
    ("ioctl", "EIO"),
]
MAKE = [
    ("openat", "EBUSY"),
    ("openat", "EPERM"),
    ("openat", "EROFS"),
    ("flock", "EINTR"),
    ("flock", "ENOLCK"),
    ("pread64", "EIO"),
]
MAKE += [("fsync", "EIO"), ("ioctl", "ENODEV")]


def test_a_fault_while_looking_never_ends_in_free(bench: Bench) -> None:
    points = 0
    node = bench.attach(bench.image())
    assert _under_strace(bench, "look", node, inject=None)[0] == "free"
    for call, error in LOOK:
        for at in (1, 2, 3):
            said, injected = _under_strace(bench, "look", node, inject=f"{call}:error={error}:when={at}")
            if not injected:
                break
            points += 1
            assert said != "free", (call, error, at)
            assert said.split(), (call, error, at)
    assert points >= 10


def test_a_short_read_while_looking_never_ends_in_free(bench: Bench) -> None:
    node = bench.attach(bench.image())
    said, injected = _under_strace(bench, "look", node, inject="pread64:retval=0:when=7")
    assert injected
    assert said == Reason.CONTENT_UNKNOWN.value


def test_a_fault_while_making_is_an_error_or_the_filesystem_is_whole(bench: Bench) -> None:
    points = 0
    for call, error in MAKE:
        for at in (1, 2):
            node, uuid = bench.attach(bench.image()), str(uuid4())
            blank = bench.digests()[bench.images[-1].name]
            said, injected = _under_strace(bench, "make", node, uuid, inject=f"{call}:error={error}:when={at}")
            if not injected:
                break
            points += 1
            if said == "made":
                assert run("blkid", "-p", "-o", "value", "-s", "UUID", node).strip() == uuid, (call, error, at)
            elif said.startswith("refused"):
                assert bench.digests()[bench.images[-1].name] == blank, (call, error, at, said)
            else:
                assert said == "failed", (call, error, at, said)
            run("losetup", "--detach", node)
    assert points >= 8


def _under_strace(bench: Bench, *arguments: str, inject: str | None) -> tuple[str, bool]:
    """What it printed, and whether the fault was really injected. Only calls of our own process, on the drive, fail."""
    log = bench.directory / "strace.log"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'agent'}"}
    tracing = ["-e", f"trace={inject.partition(':')[0]}", "-e", f"inject={inject}"] if inject else []
    strace = (needs.tool("strace"), "-qq", "-e", "signal=none", "-o", str(log), "-P", arguments[1], *tracing)
    # The interpreter itself, not a launcher that would start it: strace follows no child here.
    argv = (*strace, os.path.realpath(sys.executable), "-m", "tests.host.datasafety.look_once", *arguments)
    site = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    environment["PYTHONPATH"] += f"{os.pathsep}{site}"
    done = subprocess.run(argv, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip(), "INJECTED" in log.read_text()
