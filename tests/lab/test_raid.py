"""RAID 0 of two equal drives on a real md (Linux 6.1): made, a filesystem on it, there again after a power cut.

What must not be written is proved from outside, by the images of the drives. The other oracles are mdadm, findmnt and
wipefs in the guest.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from cherrylab.guests.template import MIB, SMALL, Drive
from tests.lab.agent import install
from tests.lab.steps import lay_out, until

pytestmark = [pytest.mark.lab, pytest.mark.at_length, pytest.mark.timeout(1800)]

CLOUD = replace(
    SMALL,
    name="cloud",
    drives=(
        Drive(role="first", serial="AWSB", size_bytes=512 * MIB),
        Drive(role="second", serial="AWSA", size_bytes=512 * MIB),
    ),
    data_nic=None,
)
"""An instance with two equal drives where one is wanted; their order by serial is not that of their slots."""

_PROFILE = """\
schema: 1
summary: one filesystem on two drives
tune:
  filesystem:
    - {name: one, mount_point: /mnt/one, type: ext4, label: one, options: [noatime], make: when-empty, persist: unit,
       raid0: {devices: {serial: "AWS*", count: 2}, chunk_bytes: 64KiB}}
"""
_APPLY = "nodeagent tune apply --yes --allow destructive --profile /root/raid.yaml"
_VERIFY = "nodeagent tune verify --profile /root/raid.yaml"
_PLAN = "nodeagent tune plan --output json --profile /root/raid.yaml"
_NODE = """node() { for each in /dev/nvme*n1; do
    lsblk --noheadings --nodeps --output SERIAL "$each" | grep -qx "$1 *" && echo "$each"; done; }
"""
_RESET = """
umount /mnt/one 2>/dev/null
mdadm --stop --scan 2>/dev/null
rm -rf /var/lib/nodeagent /etc/systemd/system/mnt-*.mount /etc/systemd/system/local-fs.target.d /mnt/one
rm -rf /etc/mdadm/mdadm.conf.d
systemctl daemon-reload
for node in /dev/nvme*n1; do wipefs --quiet --all --force $node; blkdiscard --force $node || exit 1; done
udevadm settle
"""


@pytest.fixture(scope="module")
def cloud(lab: Lab) -> Iterator[Guest]:
    guest = lab.add(CLOUD)
    guest.wait(timeout_seconds=600)
    install(guest)
    lay_out(guest, {"raid": _PROFILE})
    yield guest
    lab.discard(guest)


@pytest.fixture
def clean(cloud: Guest) -> Guest:
    cloud.shell.check(_RESET, timeout_seconds=180)
    return cloud


def test_two_blank_drives_become_one_filesystem_that_is_there_after_a_power_cut(clean: Guest) -> None:
    clean.shell.check(_APPLY, timeout_seconds=300)
    assert clean.shell.check("findmnt --noheadings --output SOURCE,FSTYPE /mnt/one").split()[1] == "ext4"
    detail = clean.shell.check("mdadm --detail /dev/md/mnt-one")
    assert "raid0" in detail
    assert "64K" in detail
    examined = clean.shell.check(f"{_NODE}mdadm --examine $(node AWSA)")
    assert "Device Role : Active device 0" in examined
    clean.shell.check(_VERIFY, timeout_seconds=120)
    assert _steps(clean) == []
    uuid = clean.shell.check("findmnt --noheadings --output UUID /mnt/one")
    clean.shell.check("echo kept > /mnt/one/file && sync")
    _power_cycle(clean)
    assert until(clean, "findmnt /mnt/one", seconds=120)
    assert clean.shell.check("cat /mnt/one/file; findmnt --noheadings --output UUID /mnt/one") == f"kept\n{uuid}"
    assert clean.shell.check("test -b /dev/md/mnt-one && echo there") == "there\n"
    clean.shell.check(_VERIFY, timeout_seconds=120)
    assert _steps(clean) == []


def test_a_rollback_leaves_the_array_and_says_so(clean: Guest) -> None:
    clean.shell.check(_APPLY, timeout_seconds=300)
    undone = clean.shell.run("nodeagent tune rollback", timeout_seconds=300)
    assert b"no way back" in undone.stdout + undone.stderr
    assert not clean.shell.run("findmnt /mnt/one").ok
    assert not clean.shell.run("ls /etc/mdadm/mdadm.conf.d").ok
    assert "raid0" in clean.shell.check("cat /proc/mdstat")


@pytest.mark.parametrize(
    "script",
    [
        'mkfs.ext4 -q -L theirs "$(node AWSA)"',
        'dd if=/dev/urandom of="$(node AWSB)" bs=4096 count=1 seek=1000 conv=fsync',
        'mdadm --create --run /dev/md/theirs --level=0 --raid-devices=2 "$(node AWSA)" "$(node AWSB)"',
        'mdadm --create --run /dev/md/theirs --level=0 --raid-devices=2 "$(node AWSA)" "$(node AWSB)"'
        " && udevadm settle && mdadm --stop /dev/md/theirs",
    ],
    ids=["a filesystem", "a page of data", "an array of others", "a stopped array of others"],
)
def test_a_drive_with_anything_on_it_refuses_the_whole_array(script: str, clean: Guest) -> None:
    clean.shell.check(f"{_NODE}{script}\nudevadm settle; sync", timeout_seconds=120)
    before = _images(clean)
    told = clean.shell.run(_VERIFY, timeout_seconds=120)
    clean.shell.run(_APPLY, timeout_seconds=300)
    clean.shell.check("sync")
    assert _images(clean) == before
    assert _steps(clean) == []
    assert b"NA-DISK-0" in told.stdout


def test_a_stopped_array_is_started_and_its_filesystem_mounted(clean: Guest) -> None:
    clean.shell.check(_APPLY, timeout_seconds=300)
    clean.shell.check("echo kept > /mnt/one/file && umount /mnt/one && mdadm --stop /dev/md/mnt-one && udevadm settle")
    assert b"NA-FS-018" in clean.shell.run(_VERIFY, timeout_seconds=120).stdout
    clean.shell.check(_APPLY, timeout_seconds=300)
    assert clean.shell.check("cat /mnt/one/file") == "kept\n"


def test_an_array_without_its_filesystem_gets_it_and_half_of_an_array_is_left_alone(clean: Guest) -> None:
    clean.shell.check(_APPLY, timeout_seconds=300)
    clean.shell.check("umount /mnt/one && wipefs --quiet --all /dev/md/mnt-one && blkdiscard --force /dev/md/mnt-one")
    clean.shell.check(_APPLY, timeout_seconds=300)
    assert clean.shell.check("findmnt --noheadings --output LABEL /mnt/one").strip() == "one"
    clean.shell.check(
        f"{_NODE}umount /mnt/one && mdadm --stop /dev/md/mnt-one && blkdiscard --force $(node AWSA) && udevadm settle"
    )
    clean.shell.run("mdadm --stop --scan")
    before = _images(clean)
    assert b"NA-FS-020" in clean.shell.run(_VERIFY, timeout_seconds=120).stdout
    clean.shell.run(_APPLY, timeout_seconds=300)
    clean.shell.check("sync")
    assert _images(clean) == before


def _steps(guest: Guest) -> list[Any]:
    planned = guest.shell.check(_PLAN, timeout_seconds=120)
    return [step for tunable in json.loads(planned)["tunables"] for step in tunable["steps"]]


def _power_cycle(guest: Guest) -> None:
    guest.shell.run("sync")
    guest.power_cut()
    guest.power_on()
    guest.wait(timeout_seconds=600)
    guest.shell.run("systemctl is-system-running --wait", timeout_seconds=300)


def _images(guest: Guest) -> dict[str, str]:
    """A digest of what each drive holds, seen from outside; a hole and written zeros are the same."""
    found = {}
    for drive in guest.template.drives:
        digest = sha256()
        with guest.files.image(drive).open("rb") as file:
            for at in range(0, drive.size_bytes, MIB):
                if (block := file.read(MIB)).strip(b"\0"):
                    digest.update(at.to_bytes(8, "little") + block)
        found[drive.role] = digest.hexdigest()
    return found
