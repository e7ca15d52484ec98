"""The shipped profile vm-lab from the first plan to the last rollback, over a reboot that shuffles the drives.

One story, told once for the whole file: the machine as a boot leaves it; plan; apply; confirm; verify; the power off,
the drives in other slots, the power on; what came back by itself; verify; load from the peer; rollback. The oracles are
the guest's own tools. Filesystems stay, as there is no way back from making one; everything else is as it was.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import unified_diff

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.template import WORKBENCH
from nodeagent.model.command import Completed

pytestmark = [pytest.mark.lab, pytest.mark.timeout(3600)]

_ALLOW = "--allow link-flap --allow destructive --allow service-restart"
_VM_LAB = "--profile vm-lab"
_WANTED = {
    "/mnt/ledger": ("LEDGER01", "ext4"),
    "/mnt/accounts": ("ACCT01", "ext4"),
    "/mnt/snapshots": ("SNAP01", "btrfs"),
}
_OTHER_SLOTS = ("bad", "snapshots", "slow", "accounts", "ledger")

_BLANK = """
nodeagent tune boot --disable
nodeagent tune rollback --force
umount /mnt/ledger /mnt/accounts /mnt/snapshots
rm -rf /var/lib/nodeagent /mnt/ledger /mnt/accounts /mnt/snapshots
for serial in LEDGER01 ACCT01 SNAP01; do
  blkdiscard -f /dev/$(basename $(dirname $(grep -l $serial /sys/class/nvme/nvme*/serial)))n1
done
sync  # a reset loses what is not on the disk yet, and what was removed would be there again
exit 0
"""
_READY = "udevadm settle; systemctl is-system-running --wait; exit 0"
_SNAPSHOT = """
grep . /proc/sys/net/core/[rw]mem_max /proc/sys/vm/max_map_count /proc/sys/fs/nr_open \\
    /sys/kernel/mm/transparent_hugepage/{enabled,defrag} /proc/sys/net/core/rps_sock_flow_entries \\
    /sys/devices/system/node/node*/hugepages/hugepages-2048kB/nr_hugepages /proc/irq/default_smp_affinity \\
    /sys/class/net/data0/device/sriov_numvfs /sys/class/net/data0/device/sriov_drivers_autoprobe \\
    /sys/class/net/data0/queues/*/[rx]ps_cpus
ip -d link show dev data0 | sed 's/state [A-Z]*//; s/<[^>]*>//'
ethtool -g data0; ethtool -c data0; ethtool -k data0; ethtool -l data0
for irq in $(ls /sys/class/net/data0/device/msi_irqs); do
  echo "$(awk -v irq=$irq: '$1 == irq {print $NF}' /proc/interrupts) $(cat /proc/irq/$irq/smp_affinity_list)"
done | sort
for queue in /sys/block/nvme*n1/queue; do
  echo "$(cat ${queue%/queue}/device/serial) $(cat $queue/scheduler) $(cat $queue/rq_affinity)"
done | sort
nft list ruleset
findmnt -rno TARGET,FSTYPE -t ext4,btrfs,xfs
find /mnt /srv -printf '%p %y %m %U %G\\n' | sort
find /etc -type d -printf '%p/\\n' -o -type l -printf '%p -> %l\\n' -o -type f -exec sha256sum {} + | sort -k 2
swapon --show
systemctl is-enabled irqbalance.service
exit 0
"""
_MOUNTS = """
for place in /mnt/ledger /mnt/accounts /mnt/snapshots; do
  set -- $(findmnt -no SOURCE,FSTYPE $place)
  echo "$place $(cat /sys/class/block/${1##*/}/device/serial) $2"
done
"""
_NAMES = 'for drive in /sys/block/nvme*n1; do echo "$(cat $drive/device/serial) ${drive##*/}"; done'


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What was seen on the way. `names` are kernel names by serial, `mounts` serial and type by mount point."""

    plan: Completed
    untouched_by_plan: bool
    apply: Completed
    verify: Completed
    mounts: Mapping[str, tuple[str, str]]
    names: Mapping[str, str]
    vfs: str
    boot: Mapping[str, object]
    verify_after_boot: Completed
    mounts_after_boot: Mapping[str, tuple[str, str]]
    names_after_boot: Mapping[str, str]
    interrupts: Mapping[str, tuple[int, ...]]
    frames: Completed
    rollback: Completed
    difference: str


@pytest.fixture(scope="module")
def story(node: Guest, peer: Guest) -> Story:
    node.shell.run(_BLANK, timeout_seconds=600)
    node.reset()
    node.shell.check(_READY, timeout_seconds=600)
    before = node.shell.check(_SNAPSHOT, timeout_seconds=120)
    plan = node.shell.run(f"nodeagent tune plan {_VM_LAB} --output json", timeout_seconds=300)
    untouched = node.shell.check(_SNAPSHOT, timeout_seconds=120) == before
    apply = node.shell.run(f"nodeagent tune apply {_VM_LAB} --yes {_ALLOW} --confirm-within 900s", timeout_seconds=900)
    node.shell.run("nodeagent tune confirm && nodeagent tune boot --enable", timeout_seconds=300)
    verify = node.shell.run(f"nodeagent tune verify {_VM_LAB}", timeout_seconds=300)
    mounts, names = _mounts(node), _names(node)
    vfs = node.shell.check("ip -d link show dev data0 | grep 'vf '; exit 0")
    node.shell.run("systemctl poweroff")
    node.wait_until_off(timeout_seconds=300)
    node.power_on(drives=_OTHER_SLOTS)
    node.wait()
    node.shell.check(_READY, timeout_seconds=900)
    boot = node.shell.run("nodeagent tune boot --status --output json", timeout_seconds=300)
    verify_after_boot = node.shell.run(f"nodeagent tune verify {_VM_LAB}", timeout_seconds=300)
    mounts_after_boot, names_after_boot = _mounts(node), _names(node)
    interrupts = _interrupts_under_load(node, peer)
    frames = peer.shell.run(f"ping -c 3 -i 0.5 -W 5 -M do -s 8972 {node.data_address}")
    node.shell.run("nodeagent tune boot --disable", timeout_seconds=300)
    rollback = node.shell.run("nodeagent tune rollback --force", timeout_seconds=900)
    after = node.shell.check(_SNAPSHOT, timeout_seconds=120)
    return Story(
        plan=plan,
        untouched_by_plan=untouched,
        apply=apply,
        verify=verify,
        mounts=mounts,
        names=names,
        vfs=vfs,
        boot=json.loads(boot.stdout or b"{}"),
        verify_after_boot=verify_after_boot,
        mounts_after_boot=mounts_after_boot,
        names_after_boot=names_after_boot,
        interrupts=interrupts,
        frames=frames,
        rollback=rollback,
        difference="\n".join(
            unified_diff(before.splitlines(), after.splitlines(), "before", "after", n=0, lineterm="")
        ),
    )


def _mounts(guest: Guest) -> dict[str, tuple[str, str]]:
    rows = (line.split() for line in guest.shell.run(_MOUNTS).stdout.decode().splitlines())
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}


def _names(guest: Guest) -> dict[str, str]:
    return dict(line.split() for line in guest.shell.check(_NAMES).splitlines())


def _interrupts_under_load(node: Guest, peer: Guest) -> dict[str, tuple[int, ...]]:
    """How often each interrupt of the port fired on each CPU while the peer sent for ten seconds."""
    before = _counts(node)
    node.shell.check("setsid iperf3 -s -1 -B $(ip -4 -br address show dev data0 | awk '{print $3}' | cut -d/ -f1) -D")
    sent = peer.shell.run(f"iperf3 -c {node.data_address} -t 10 -P 4", timeout_seconds=120)
    assert sent.ok, sent.stderr + sent.stdout[-500:]
    after = _counts(node)
    return {
        name: tuple(late - early for early, late in zip(before[name], after[name], strict=True))
        for name in after
        if name in before
    }


def _counts(guest: Guest) -> dict[str, tuple[int, ...]]:
    lines = guest.shell.check("grep 'data0' /proc/interrupts").splitlines()
    return {line.split()[-1]: tuple(int(word) for word in line.split()[1:5]) for line in lines}


def test_a_plan_changes_nothing(story: Story) -> None:
    assert story.plan.exit_code == 0, story.plan.stderr
    assert story.untouched_by_plan
    assert json.loads(story.plan.stdout)["changes"] > 0


def test_what_was_applied_is_verified(story: Story) -> None:
    assert story.apply.exit_code == 0, story.apply.stdout.decode()[-4000:] + story.apply.stderr.decode()[-2000:]
    assert story.verify.exit_code == 0, story.verify.stdout.decode()[-4000:]


def test_the_kernel_shows_four_virtual_functions(story: Story) -> None:
    assert story.vfs.count("vf ") == 4
    assert re.search(r"vf 1 .*02:00:00:00:00:a1.*vlan 100, qos 3.*trust on", story.vfs)
    assert re.search(r"vf 2 .*spoof checking off", story.vfs)


def test_each_role_is_on_its_drive(story: Story) -> None:
    assert story.mounts == _WANTED


def test_names_moved_over_the_boot_and_roles_did_not(story: Story) -> None:
    assert story.names.keys() == story.names_after_boot.keys()
    assert story.names != story.names_after_boot
    assert story.mounts_after_boot == _WANTED


def test_the_boot_brought_the_settings_back_by_itself(story: Story) -> None:
    assert story.boot["this_boot"]["outcome"] == "applied", story.boot  # type: ignore[index]
    assert story.verify_after_boot.exit_code == 0, story.verify_after_boot.stdout.decode()[-4000:]


def test_queues_of_the_port_fire_on_its_own_node_under_load(story: Story) -> None:
    near = range(WORKBENCH.nodes[0].cpus, WORKBENCH.cpus)
    queues = {name: counts for name, counts in story.interrupts.items() if re.search("rx|tx|TxRx", name)}
    assert sum(sum(counts[cpu] for cpu in near) for counts in queues.values()) > 100, queues
    assert sum(sum(counts) for counts in queues.values()) == sum(
        sum(counts[cpu] for cpu in near) for counts in queues.values()
    ), queues


def test_whole_frames_of_9000_bytes_arrive(story: Story) -> None:
    assert story.frames.exit_code == 0, story.frames.stdout.decode()


def test_a_rollback_after_the_boot_gives_everything_back_to_the_byte(story: Story) -> None:
    """What the boot mounted by our units is taken out too, so nothing fails and the mount points are gone."""
    assert story.rollback.exit_code == 0, story.rollback.stdout.decode()[-4000:]
    assert story.difference == ""
