"""Drives of a real kernel: NVMe drives of three sizes, Linux 6.1 with md, LVM and LUKS, systemd that mounts at boot.

What must not be written is proved from outside: the images of the drives are compared on the machine that runs the
guest. The other oracles are findmnt, lsblk, systemd and nvme-cli in the guest.
"""

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from cherrylab.guests.guest import Guest
from tests.lab.steps import lay_out, until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]

_ROLES = """\
schema: 1
summary: three roles, told apart by the size of their drives
tune:
  filesystem:
    - {name: ledger, mount_point: /mnt/ledger, type: ext4, label: ledger, options: [noatime], mode: "0750",
       device: {transport: nvme, size_at_least_bytes: 14GiB}, make: when-empty, persist: unit}
    - {name: accounts, mount_point: /mnt/accounts, type: ext4, label: accounts, options: [noatime],
       device: {transport: nvme, size_at_least_bytes: 5GiB, size_at_most_bytes: 8GiB}, make: when-empty, persist: fstab}
    - {name: snapshots, mount_point: /mnt/snapshots, type: btrfs, label: snapshots, options: [noatime],
       device: {transport: nvme, size_at_least_bytes: 1536MiB, size_at_most_bytes: 3GiB}, make: when-empty,
       persist: unit}
"""
_ONE = """\
schema: 1
summary: one filesystem
tune:
  filesystem:
    - {name: one, mount_point: /mnt/one, type: ext4, label: one, device: {SELECTOR}, make: when-empty}
"""
_SNAPSHOTS = _ONE.replace("SELECTOR", "serial: SNAP01")
_NVME = """\
schema: 1
summary: drives that stay awake
tune:
  nvme:
    - {name: data, devices: {serial: "*01", transport: nvme}, latency_tolerance_us: 0, runtime_suspend: never,
       power_state: 0}
"""
_APPLY = "nodeagent tune apply --yes --allow destructive --profile"
_MOUNTS = "lsblk --noheadings --output SERIAL,MOUNTPOINT --nodeps /dev/nvme*n1 | grep /mnt | sort"
_WHERE = "ACCT01 /mnt/accounts\nLEDGER01 /mnt/ledger\nSNAP01 /mnt/snapshots\n"
_RESET = r"""
systemctl is-system-running --wait
for place in /mnt/*; do ! mountpoint --quiet $place || umount -R $place || exit 1; done
vgremove --force --yes lab 2>/dev/null
mdadm --stop --scan 2>/dev/null
cryptsetup close lab 2>/dev/null
rm -rf /var/lib/nodeagent /etc/systemd/system/mnt-*.mount /etc/systemd/system/local-fs.target.d /mnt/*
sed -i '/\/mnt\//d' /etc/fstab
systemctl daemon-reload
for node in /dev/nvme*n1; do
    [ "$(lsblk --noheadings --nodeps --output SERIAL $node | tr -d ' ')" = BAD01 ] && continue
    wipefs --quiet --all --force $node
    tries=0
    until blkdiscard $node; do
        [ $((tries += 1)) -lt 20 ] || exit 1
        mdadm --stop --scan 2>/dev/null  # udev puts a member together again until its superblock is gone
        sleep 0.5
    done
done
udevadm settle
"""
"""Without --force, blkdiscard claims the drive: what still has it mounted would write to it under the next test."""
_NODE = """node() { for each in /dev/nvme*n1; do
    lsblk --noheadings --nodeps --output SERIAL "$each" | grep -qx "$1 *" && echo "$each"; done; }
"""


@pytest.fixture
def clean(node: Guest) -> Guest:
    """The node with blank drives and nothing of ours on it."""
    node.shell.check(_RESET, timeout_seconds=180)
    for name, text in (("roles", _ROLES), ("snapshots", _SNAPSHOTS), ("nvme", _NVME)):
        _send_profile(node, name, text)
    return node


@pytest.fixture
def shuffled(clean: Guest) -> Iterator[Guest]:
    """The node, put back into its old order of drives afterwards: other tests know them by their slots."""
    roles = [drive.role for drive in clean.template.drives]
    yield clean
    if [drive.role for drive in clean.template.drives] != roles:
        _power_cycle(clean, roles)


@pytest.mark.at_length
def test_three_roles_are_made_on_their_drives_and_come_back_when_names_are_shuffled(shuffled: Guest) -> None:
    guest, roles = shuffled, [drive.role for drive in shuffled.template.drives]
    guest.shell.check(f"{_APPLY} /root/roles.yaml", timeout_seconds=600)
    assert _squeezed(guest.shell.check(_MOUNTS)) == _WHERE
    assert guest.shell.check("stat -c %a /mnt/ledger").strip() == "750"
    guest.shell.check("nodeagent tune verify --profile /root/roles.yaml", timeout_seconds=120)
    guest.shell.check("systemd-analyze verify --man=no mnt-ledger.mount")
    assert guest.shell.check("findmnt --fstab --noheadings --output SOURCE /mnt/accounts").startswith("UUID=")
    before = _names(guest)
    guest.shell.check("echo kept > /mnt/ledger/file && sync")
    _power_cycle(guest, list(reversed(roles)))
    assert _names(guest) != before
    assert until(guest, "findmnt /mnt/ledger && findmnt /mnt/accounts && findmnt /mnt/snapshots", seconds=120)
    assert _squeezed(guest.shell.check(_MOUNTS)) == _WHERE
    assert guest.shell.check("cat /mnt/ledger/file") == "kept\n"
    guest.shell.check("nodeagent tune verify --profile /root/roles.yaml", timeout_seconds=120)
    planned = guest.shell.check(
        "nodeagent tune plan --detailed-exitcode --profile /root/roles.yaml", timeout_seconds=120
    )
    assert "nothing to change" in planned


@pytest.mark.at_length
def test_a_rollback_leaves_no_mount_no_unit_and_fstab_to_the_byte(clean: Guest) -> None:
    look = "sha256sum /etc/fstab; ls /mnt /etc/systemd/system; findmnt --noheadings --output TARGET --real"
    before = clean.shell.check(look)
    clean.shell.check(f"{_APPLY} /root/roles.yaml", timeout_seconds=600)
    assert clean.shell.check(look) != before
    clean.shell.check("nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.check(look) == before


@pytest.mark.at_length
def test_an_apply_in_a_sandbox_mounts_for_everybody_and_takes_it_back(clean: Guest) -> None:
    sandbox = "systemd-run --quiet --wait --collect --pipe --property=PrivateMounts=yes --"
    clean.shell.check(f"{sandbox} {_APPLY} /root/roles.yaml", timeout_seconds=600)
    assert _squeezed(clean.shell.check(_MOUNTS)) == _WHERE
    clean.shell.check(f"{sandbox} nodeagent tune rollback", timeout_seconds=300)
    assert clean.shell.run(_MOUNTS).stdout == b""


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("data", 'dd if=/dev/urandom of="$(node SNAP01)" bs=4096 count=1 seek=1000 conv=fsync'),
        ("partitions", 'parted --script "$(node SNAP01)" mklabel gpt mkpart one 1MiB 100%'),
        ("foreign label", 'mkfs.ext4 -q -L other "$(node SNAP01)"'),
        ("the first sector of a database", 'printf SQLite | dd of="$(node SNAP01)" bs=512 conv=fsync'),
        (
            "an idle member of RAID",
            'mdadm --create --run /dev/md/lab --level=1 --raid-devices=2 "$(node SNAP01)" missing'
            " && mdadm --stop /dev/md/lab",
        ),
        (
            "an active member of RAID",
            'mdadm --create --run /dev/md/lab --level=0 --force --raid-devices=1 "$(node SNAP01)"',
        ),
        ("an idle volume of LVM", 'pvcreate --yes "$(node SNAP01)"'),
        ("an active volume of LVM", 'vgcreate --yes lab "$(node SNAP01)" && lvcreate --yes -L 64M -n one lab'),
        (
            "LUKS",
            "echo secret | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
            '"$(node SNAP01)"',
        ),
        ("an open mapping", 'echo "0 2048 linear $(node SNAP01) 0" | dmsetup create lab'),
        ("swap", 'mkswap "$(node SNAP01)" && swapon "$(node SNAP01)"'),
        (
            "a mount in another namespace",
            # Mounting to write writes by itself; and whoever looks before it is mounted has seen another drive.
            'mkfs.ext4 -q "$(node SNAP01)" && '
            '{ setsid unshare --mount sh -c "mount -o ro $(node SNAP01) /mnt && exec sleep 300" '
            "< /dev/null > /dev/null 2>&1 & }\n"
            'until grep -qs "^$(node SNAP01) " /proc/[0-9]*/mounts; do sleep 0.1; done',
        ),
    ],
    ids=lambda value: value if len(value) < 32 else "script",
)
def test_a_drive_with_anything_on_it_is_left_as_it_is(name: str, script: str, clean: Guest) -> None:
    clean.shell.check(f"{_NODE}{script}\nudevadm settle; sync", timeout_seconds=120)
    before = _images(clean)
    try:
        planned = clean.shell.check(
            "nodeagent tune plan --output json --profile /root/snapshots.yaml", timeout_seconds=120
        )
        applied = clean.shell.run(f"{_APPLY} /root/snapshots.yaml", timeout_seconds=300)
        clean.shell.check("sync")
        assert _images(clean) == before, name
        steps = [step for tunable in json.loads(planned)["tunables"] for step in tunable["steps"]]
        assert "make-filesystem" not in json.dumps(steps)
        assert "NA-" in planned, applied.stdout
    finally:
        clean.shell.run("swapoff -a; dmsetup remove lab; pkill -x sleep; true")


@pytest.mark.parametrize(
    "selector", ["transport: nvme, size_at_least_bytes: 100GiB", "transport: nvme, size_at_most_bytes: 1GiB"]
)
def test_no_drive_of_the_size_and_two_of_it_are_both_refused(selector: str, clean: Guest) -> None:
    _send_profile(clean, "one", _ONE.replace("SELECTOR", selector))
    before = _images(clean)
    verify = clean.shell.run("nodeagent tune verify --profile /root/one.yaml", timeout_seconds=120)
    clean.shell.run(f"{_APPLY} /root/one.yaml", timeout_seconds=300)
    assert not verify.ok
    assert b"NA-DISK-0" in verify.stdout
    assert _images(clean) == before


def test_a_drive_that_answers_reads_with_errors_is_not_formatted(clean: Guest) -> None:
    clean.monitor.fail_drive("snapshots")
    try:
        verify = clean.shell.run("nodeagent tune verify --profile /root/snapshots.yaml", timeout_seconds=300)
        applied = clean.shell.run(f"{_APPLY} /root/snapshots.yaml", timeout_seconds=300)
    finally:
        clean.monitor.heal_drive("snapshots")
    assert not verify.ok, verify.stdout
    assert b"NA-DISK" in verify.stdout
    assert clean.shell.check(f"{_NODE}wipefs --no-act $(node SNAP01)") == "", applied.stdout


def test_without_room_for_the_journal_no_drive_is_written(clean: Guest) -> None:
    before = _images(clean)
    clean.shell.run(
        "fallocate -l 100G /var/full; dd if=/dev/zero of=/var/full bs=1M 2>/dev/null; sync; df /", timeout_seconds=600
    )
    try:
        applied = clean.shell.run(f"{_APPLY} /root/snapshots.yaml", timeout_seconds=300)
    finally:
        clean.shell.check("rm -f /var/full")
    assert not applied.ok, applied.stdout
    assert _images(clean) == before


def test_a_drive_pulled_between_plan_and_apply_is_missed_and_no_other_is_taken(clean: Guest) -> None:
    clean.shell.check("nodeagent tune plan --profile /root/roles.yaml --out /root/roles.plan", timeout_seconds=120)
    bus = _bus(clean, "accounts")
    clean.monitor.unplug("nvme-accounts")
    try:
        applied = clean.shell.run(
            "nodeagent tune apply --yes --allow destructive /root/roles.plan", timeout_seconds=600
        )
        assert not applied.ok, applied.stdout
        assert clean.shell.run(_MOUNTS).stdout == b""
    finally:
        clean.monitor.plug_nvme("nvme-accounts", serial="ACCT01", drive="accounts", bus=bus)
    assert until(clean, f"{_NODE}[ -b $(node ACCT01) ]", seconds=60)


def test_a_drive_pulled_between_apply_and_rollback_is_said_and_the_rest_goes_back(clean: Guest) -> None:
    clean.shell.check(f"{_APPLY} /root/roles.yaml", timeout_seconds=600)
    bus = _bus(clean, "accounts")
    clean.monitor.unplug("nvme-accounts")
    try:
        clean.shell.run("nodeagent tune rollback", timeout_seconds=300)
        assert "/mnt/ledger" not in clean.shell.check("findmnt --noheadings --output TARGET")
        assert clean.shell.run("ls /etc/systemd/system/mnt-ledger.mount").exit_code != 0
    finally:
        clean.monitor.plug_nvme("nvme-accounts", serial="ACCT01", drive="accounts", bus=bus)
    assert until(clean, f"{_NODE}[ -b $(node ACCT01) ]", seconds=60)


@pytest.mark.at_length
def test_what_a_drive_tells_is_what_nvme_cli_tells(clean: Guest) -> None:
    verify = clean.shell.run("nodeagent tune verify --output json --profile /root/nvme.yaml", timeout_seconds=120)
    findings = [finding for verdict in json.loads(verify.stdout)["verdicts"] for finding in verdict["findings"]]
    told = {finding["subject"]: finding for finding in findings}
    smart = json.loads(clean.shell.check(f"{_NODE}nvme smart-log --output-format=json $(node LEDGER01)"))
    celsius = smart["temperature"] - 273
    assert told["nvme:LEDGER01:health"]["got"].startswith(f"{celsius} C, {smart['percent_used']} % used")
    assert told["nvme:LEDGER01:power_state"]["state"] == "ok"
    assert (
        told["nvme:LEDGER01:queues"]["got"].endswith("queues for 4 CPUs")
        or "up to" in told["nvme:LEDGER01:queues"]["got"]
    )


@pytest.mark.at_length
def test_drives_are_kept_awake_and_given_back(clean: Guest) -> None:
    look = "cat /sys/class/nvme/nvme*/power/pm_qos_latency_tolerance_us /sys/class/nvme/nvme*/device/power/control"
    before = clean.shell.check(look)
    clean.shell.check("nodeagent tune apply --yes --profile /root/nvme.yaml", timeout_seconds=300)
    assert set(clean.shell.check(look).split()) == {"0", "on"}
    clean.shell.check("nodeagent tune rollback", timeout_seconds=120)
    assert clean.shell.check(look) == before


@pytest.mark.at_length
def test_a_critical_warning_is_told_with_its_words(clean: Guest) -> None:
    clean.monitor.set_smart_warning("ledger", 4)
    try:
        verify = clean.shell.run("nodeagent tune verify --profile /root/nvme.yaml", timeout_seconds=120)
    finally:
        clean.monitor.set_smart_warning("ledger", 0)
    assert b"NA-NVME-011" in verify.stdout
    assert b"reliability is degraded" in verify.stdout


def _send_profile(guest: Guest, name: str, text: str) -> None:
    lay_out(guest, {name: text})


def _power_cycle(guest: Guest, roles: list[str]) -> None:
    guest.shell.run("sync")
    guest.power_cut()
    guest.power_on(drives=roles)
    guest.wait(timeout_seconds=600)
    # Nothing waits for a mount with nofail, ssh least of all: let the boot come to its end first.
    guest.shell.run("systemctl is-system-running --wait", timeout_seconds=300)


def _names(guest: Guest) -> str:
    return guest.shell.check("lsblk --noheadings --nodeps --output NAME,SERIAL /dev/nvme*n1")


def _bus(guest: Guest, role: str) -> str:
    """Each drive sits below the root port of its place in the template."""
    return f"rp{[drive.role for drive in guest.template.drives].index(role)}"


def _squeezed(text: str) -> str:
    return "".join(" ".join(line.split()) + "\n" for line in text.splitlines())


def _images(guest: Guest) -> dict[str, str]:
    """A digest of each drive's image, seen from outside; holes are not read."""
    return {drive.role: _digest(guest.files.image(drive)) for drive in guest.template.drives}


def _digest(image: Path) -> str:
    """Of all that isn't zero, with its place: a hole and written zeros are the same to a drive."""
    digest = sha256()
    with image.open("rb", buffering=0) as file:
        at = 0
        while (at := _next_data(file.fileno(), at)) >= 0:
            end = os.lseek(file.fileno(), at, os.SEEK_HOLE)
            while at < end:
                block = os.pread(file.fileno(), min(1 << 16, end - at), at)
                if block.strip(b"\0"):
                    digest.update(at.to_bytes(8, "little") + block)
                at += len(block)
    return digest.hexdigest()


def _next_data(descriptor: int, at: int) -> int:
    try:
        return os.lseek(descriptor, at, os.SEEK_DATA)
    except OSError:
        return -1
