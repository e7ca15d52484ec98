"""C5: the power goes while nodeagent applies, waits for a confirmation, or makes a filesystem.

QEMU gets SIGKILL at a moment drawn from the whole of an apply (so many steps told, and a little more), so the guest's
page cache is gone as on metal. The machine is switched on again on the same disks and told to roll back. Then every
file, directory, owner and mode is as it was, everything that a boot resets is as a boot leaves it, the journal is whole
and holds no open story, and a second rollback finds nothing to do. A drive whose mkfs was cut off is blank, or whole
and ours, or told as half made; it is never made a second time over one that was whole.
"""

import json
import random
import re
import time

from tests.lab.campaigns.machine import EVERYTHING, MOUNTED_AT_BOOT, Machine, Progress, Tally, difference

_ALLOWED = ("restored", "already-original", "lapsed")
_MKFS = """\
schema: 1
summary: a filesystem on a blank drive
tune:
  filesystem:
    - name: ledger
      mount_point: /mnt/ledger
      device: {serial: LEDGER01}
      type: ext4
      label: ledger
      options: [noatime]
      mode: "0755"
      make: when-empty
"""
_MKFS_IOPS = 150
_LEDGER = "/dev/$(basename $(dirname $(grep -l LEDGER01 /sys/class/nvme/nvme*/serial)))n1"


def cut_applies(machine: Machine, *, cuts: int, seed: int, tally: Tally, progress: Progress = print) -> None:
    """`cuts` power cuts in an apply of settings of every kind.

    Each third one has a confirm window; with every other one the next boot mounts what this apply told it to.
    """
    draw = random.Random(seed)
    profiles = machine.write("everything", EVERYTHING), machine.write("at-boot", MOUNTED_AT_BOOT)
    persistent, settings = machine.persistent(), machine.settings()
    steps = _whole_apply(machine, profiles[0], tally)
    for number in range(cuts):
        told = round(steps * (number + draw.random()) / cuts)
        window = ("--confirm-within", "300s") if number % 3 == 2 else ("--no-confirm",)
        profile = profiles[number % 2]
        machine.start_agent("tune", "apply", "--yes", "--allow", "link-flap", "--profile", profile, *window)
        machine.wait_for_steps(told)
        time.sleep(draw.uniform(0.0, 0.5))
        machine.guest.power_cut()
        machine.switch_on_again()
        what = f"cut {number + 1} after {told} of {steps} steps"
        _explain(machine, what, tally)
        _is_as_before(machine, what, persistent, settings, tally)
        progress(f"{what}: {len(tally.faults)} faults so far")


def _whole_apply(machine: Machine, profile: str, tally: Tally) -> int:
    """How many steps an apply has that nobody cuts off; it is rolled back."""
    began = time.monotonic()
    machine.start_agent("tune", "apply", "--yes", "--allow", "link-flap", "--no-confirm", "--profile", profile)
    code, said = machine.finished()
    tally.longest("s an apply", time.monotonic() - began)
    tally.check(code in (0, 2), f"the apply that nobody cuts off ended with {code}: {said[-800:]}")
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code == 0, f"the rollback of it: {undone}")
    return len(re.findall(r"^\[\d+/\d+\]", said, re.MULTILINE))


def _explain(machine: Machine, what: str, tally: Tally) -> None:
    """Where in the apply the power went, by the journal that was found."""
    history = machine.agent("tune", "history")
    tally.count("power cuts in apply")
    if not tally.check(history.document.get("intact", True), f"{what}: the journal is damaged: {history.document}"):
        return
    transactions = history.document.get("transactions", [])
    last = transactions[-1] if transactions else None
    if last is None or last["kind"] != "apply":
        tally.count("before the first record")
    elif last["state"] == "open":
        done = [record for record in history.document["records"] if record["transaction"] == last["transaction"]]
        intents = sum(record["type"] == "intent" for record in done)
        tally.count("between its steps" if intents else "before its first step")
    else:
        tally.count("after its last step")


def _is_as_before(machine: Machine, what: str, persistent: str, settings: str, tally: Tally) -> None:
    undone = machine.agent("tune", "rollback")
    fates = undone.fates()
    tally.check(undone.exit_code == 0 and set(fates) <= set(_ALLOWED), f"{what}: {undone}")
    for fate in _ALLOWED:
        tally.count(fate, fates.count(fate))
    found = machine.persistent()
    tally.check(found == persistent, f"{what}: persistent state changed: {difference(persistent, found)}")
    found = machine.settings()
    tally.check(found == settings, f"{what}: settings changed: {difference(settings, found)}")
    again = machine.agent("tune", "rollback")
    tally.check(again.exit_code == 0 and "restored" not in again.fates(), f"{what}: a second rollback: {again}")
    after = machine.agent("tune", "history").document
    open_ones = [one["transaction"] for one in after.get("transactions", []) if one["state"] == "open"]
    tally.check(after.get("intact", True) and not open_ones, f"{what}: left open {open_ones}")


def cut_filesystems(machine: Machine, *, cuts: int, seed: int, tally: Tally, progress: Progress = print) -> None:
    """`cuts` power cuts while mkfs.ext4 runs on a drive slow enough to be met."""
    draw = random.Random(seed)
    profile = machine.write("mkfs", _MKFS)
    accounts = machine.persistent()
    machine.guest.monitor.limit_iops("ledger", _MKFS_IOPS)
    length = _mkfs_length(machine, profile, tally)
    for number in range(cuts):
        _blank(machine)
        machine.guest.monitor.limit_iops("ledger", _MKFS_IOPS)
        _start_mkfs(machine, profile)
        moment = length * (number + draw.random()) / cuts
        time.sleep(moment)
        machine.guest.power_cut()
        machine.switch_on_again()
        what = f"mkfs cut {number + 1} after {moment:.2f} s of {length:.2f} s"
        _judge_drive(machine, what, profile, tally)
        found = machine.persistent()
        tally.check(found == accounts, f"{what}: beside the drive something changed: {difference(accounts, found)}")
        progress(f"{what}: {len(tally.faults)} faults so far")


def _start_mkfs(machine: Machine, profile: str) -> None:
    """Start the apply and wait until mkfs.ext4 runs."""
    machine.start_agent("tune", "apply", "--yes", "--allow", "destructive", "--profile", profile)
    wait = "for look in $(seq 1200); do pgrep -x mkfs.ext4 > /dev/null && exit 0; sleep 0.05; done; exit 1"
    machine.guest.shell.check(wait, timeout_seconds=300)


def _mkfs_length(machine: Machine, profile: str, tally: Tally) -> float:
    _start_mkfs(machine, profile)
    began = time.monotonic()
    machine.guest.shell.check("while pgrep -x mkfs.ext4 > /dev/null; do sleep 0.05; done", timeout_seconds=300)
    length = time.monotonic() - began
    code, said = machine.finished()
    tally.check(code == 0, f"the mkfs that nobody cuts off ended with {code}: {said[-800:]}")
    tally.longest("s a mkfs", length)
    return length


def _blank(machine: Machine) -> None:
    """The ledger as it came from the factory, and no story of it."""
    machine.guest.monitor.limit_iops("ledger", 100000)
    machine.guest.shell.check(
        f"umount /mnt/ledger 2>/dev/null; blkdiscard -f {_LEDGER} && rm -rf /mnt/ledger /var/lib/nodeagent && sync",
        timeout_seconds=120,
    )


def _judge_drive(machine: Machine, what: str, profile: str, tally: Tally) -> None:
    """Blank is made, whole is kept, half is told; the second apply shows which."""
    tally.count("power cuts in mkfs")
    history = machine.agent("tune", "history").document
    tally.check(history.get("intact", True), f"{what}: the journal is damaged")
    undone = machine.agent("tune", "rollback")
    allowed = {*_ALLOWED, "irreversible", "unknown"}
    tally.check(set(undone.fates()) <= allowed and undone.exit_code in (0, 2), f"{what}: {undone}")
    created, signature = _created(machine), _signature(machine)
    again = machine.agent("tune", "apply", "--yes", "--allow", "destructive", "--profile", profile)
    told = json.dumps(again.document) + again.stderr
    if "NA-DISK-032" in told or "NA-DISK-033" in told:
        tally.count("told as half made")
        tally.check(again.exit_code != 0, f"{what}: half made, and the apply ended with 0")
        tally.check((_created(machine), _signature(machine)) == (created, signature), f"{what}: half made and touched")
        return
    mounted = machine.guest.shell.run("findmnt -no FSTYPE /mnt/ledger && touch /mnt/ledger/x && rm /mnt/ledger/x")
    tally.check(again.exit_code == 0 and mounted.ok, f"{what}: not mounted in the end: {again} {told[-1500:]}")
    if created:
        tally.count("whole")
        tally.check(_created(machine) == created, f"{what}: made a second time over a whole one of {created}")
    else:
        tally.count("blank")
        tally.check(not signature, f"{what}: made over {signature}")
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code == 0, f"{what}: the last rollback: {undone}")


def _created(machine: Machine) -> str:
    """When a superblock on the drive says that it was made, and its UUID; "" without a readable one."""
    script = f"dumpe2fs -h {_LEDGER} 2>/dev/null | grep -E '^Filesystem (created|UUID)'; exit 0"
    return machine.guest.shell.check(script).strip()


def _signature(machine: Machine) -> str:
    return machine.guest.shell.check(f"wipefs --no-act --noheadings {_LEDGER}; exit 0").strip()
