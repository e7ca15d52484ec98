"""C14: a drive goes while it is measured, the NIC goes before, in and after an apply; then they are plugged in again.

A measurement that lost its drive is no measurement: none of its figures may stand among the samples. An apply that
lost its device ends as stopped and undone; a rollback that finds the device gone, or another in its place, writes
nothing and calls it an orphan. Once the device is back, plan sees it as it is and apply works as on the first day.
"""

import json
import random
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.lab.campaigns.machine import AGENT_SECONDS, Machine, Progress, Tally

_NIC = """\
schema: 1
summary: virtual functions on a port that goes away
tune:
  sriov:
    - name: data
      nic: {driver: igb, count: 1}
      vfs: 3
      vf:
        - {index: "0", mac: "02:00:00:00:00:c0", trust: true}
        - {index: "1", mac: "02:00:00:00:00:c1", vlan: 7}
"""
_BUTTON_SECONDS = 5.0
"""How long the button of a slot blinks before the kernel lets the card go (drivers/pci/hotplug/pciehp_ctrl.c)."""

_RUN_SECONDS = 3
_APPLY = ("tune", "apply", "--yes", "--allow", "link-flap", "--no-confirm")
_DRIVE = "grep -qs LEDGER01 /sys/class/nvme/nvme*/serial && ls -d /sys/class/nvme/*/nvme*n1"
_CARRIER = '[ "$(cat /sys/class/net/data0/carrier 2>/dev/null)" = 1 ]'
_PORT = "cat /sys/class/net/data0/device/sriov_numvfs; ip -d link show dev data0 | grep -c '^ *vf '; exit 0"


def unplug_the_drive(machine: Machine, *, rounds: int, seed: int, tally: Tally, progress: Progress = print) -> None:
    """device_del of the NVMe drive at a random moment of `bench run`."""
    draw = random.Random(seed)
    for number in range(rounds):
        _mount_ledger(machine)
        machine.start_agent(
            *(
                "bench",
                "run",
                "randread-4k",
                "--directory",
                "ledger=/mnt/ledger",
                "--runs",
                "5",
                "--runtime",
                f"{_RUN_SECONDS}s",
            ),
            *("--option", "size=32MiB", "--state-dir", f"/root/bench{number}"),
        )
        wait = "for look in $(seq 600); do pgrep -x fio > /dev/null && exit 0; sleep 0.1; done; exit 1"
        machine.guest.shell.check(wait, timeout_seconds=120)
        time.sleep(draw.uniform(0.0, 12.0))
        began = time.monotonic()
        machine.guest.monitor.unplug("nvme-ledger", timeout_seconds=90)
        gone_at = float(machine.guest.shell.check("date +%s.%N"))
        tally.count("drives unplugged in a benchmark")
        code, said = machine.finished()
        tally.longest("s until the benchmark had ended", time.monotonic() - began)
        what = f"drive {number + 1}"
        tally.check(code != 0, f"{what}: the benchmark ended with 0: {said[-800:]}")
        tally.check("Traceback" not in said and "internal error" not in said, f"{what}: {said[-1500:]}")
        _no_bogus_sample(machine, what, gone_at, f"/root/bench{number}", tally)
        _nothing_runs(machine, what, tally)
        _drive_comes_back(machine, what, tally)
        progress(f"{what}: exit {code}, {len(tally.faults)} faults so far")


def _mount_ledger(machine: Machine) -> None:
    machine.guest.monitor.limit_iops("ledger", 100_000)
    machine.guest.shell.check(
        """
        set -e
        drive=/dev/$(basename $(dirname $(grep -l LEDGER01 /sys/class/nvme/nvme*/serial)))n1
        mkfs.ext4 -qF $drive
        mkdir -p /mnt/ledger
        mount $drive /mnt/ledger
        """,
        timeout_seconds=120,
    )


def _no_bogus_sample(machine: Machine, what: str, gone_at: float, state: str, tally: Tally) -> None:
    """Only runs that fio calls clean, that lasted their time and ended before the drive was gone have samples."""
    command = f"nodeagent bench history --export --state-dir {state}"
    export = machine.guest.shell.run(command, timeout_seconds=AGENT_SECONDS)
    rows = [json.loads(line) for line in export.stdout.decode().splitlines()]
    measured = {row["run"] for row in rows if row["table"] == "sample" and row["value"] is not None}
    runs = [row for row in rows if row["table"] == "run"]
    bogus = [row for row in runs if row["id"] in measured and not _is_clean(row, gone_at)]
    tally.count("runs kept", len(runs))
    tally.count("runs without samples", sum(row["id"] not in measured for row in runs))
    tally.count("bogus samples", len(bogus))
    tally.check(not bogus, f"{what}: samples of a run that lost its drive: {bogus and str(bogus[0])[:1500]}")


def _is_clean(run: dict[str, Any], gone_at: float) -> bool:
    jobs = json.loads(run["raw"][run["raw"].index("{") :])["jobs"]
    lasted = all(job["job_runtime"] >= _RUN_SECONDS * 900 for job in jobs)
    return (
        lasted and not any(job["error"] for job in jobs) and run["started_at"] + run["duration_seconds"] < gone_at + 1
    )


def _nothing_runs(machine: Machine, what: str, tally: Tally) -> None:
    left = machine.guest.shell.check("pgrep -ax fio; exit 0")
    tally.check(not left, f"{what}: left running: {left}")


def _drive_comes_back(machine: Machine, what: str, tally: Tally) -> None:
    machine.guest.shell.check("umount -l /mnt/ledger; exit 0")
    machine.guest.monitor.plug_nvme("nvme-ledger", serial="LEDGER01", drive="ledger", bus="rp0")
    seen = f"for look in $(seq 150); do {_DRIVE} && exit 0; sleep 0.2; done; exit 1"
    tally.check(machine.guest.shell.run(seen).ok, f"{what}: the drive did not come back")
    shown = machine.agent("host", "show")
    tally.check("LEDGER01" in json.dumps(shown.document), f"{what}: host show does not know the drive again")


def unplug_the_nic(machine: Machine, *, rounds: int, seed: int, tally: Tally, progress: Progress = print) -> None:
    """device_del of igb: between plan and apply, at a random moment in apply, between apply and rollback; in turn."""
    draw = random.Random(seed)
    profile = machine.write("nic", _NIC)
    before = machine.guest.shell.check(_PORT)
    length = _apply_length(machine, profile, tally)
    acts = (_in_apply, _before_apply, _before_rollback)
    for number in range(rounds):
        act = acts[number % len(acts)]
        what = f"NIC {number + 1}, {act.__name__.strip('_').replace('_', ' ')}"
        machine.forget()
        act(machine, what, profile, length * draw.random(), tally)
        tally.count("NICs unplugged")
        _nic_comes_back(machine, what, profile, before, tally)
        progress(f"{what}: {len(tally.faults)} faults so far")


def _apply_length(machine: Machine, profile: str, tally: Tally) -> float:
    began = time.monotonic()
    machine.start_agent(*_APPLY, "--profile", profile)
    code, said = machine.finished()
    length = time.monotonic() - began
    tally.check(code == 0, f"the apply that nobody disturbs ended with {code}: {said[-800:]}")
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code == 0, f"the rollback of it: {undone}")
    return length


def _in_apply(machine: Machine, what: str, profile: str, moment: float, tally: Tally) -> None:
    with ThreadPoolExecutor(max_workers=1) as button:
        gone = button.submit(_unplug_after, machine, max(0.0, moment - _BUTTON_SECONDS))
        time.sleep(max(0.0, _BUTTON_SECONDS - moment))
        machine.start_agent(*_APPLY, "--profile", profile)
        gone.result()
    code, said = machine.finished()
    tally.check(code in (0, 1, 2, 4, 5), f"{what}: after {moment:.1f} s the apply ended with {code}: {said[-800:]}")
    tally.check("Traceback" not in said and "internal error" not in said, f"{what}: {said[-1500:]}")
    tally.count("applies that were stopped" if code in (1, 4, 5) else "applies that had ended")
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code in (0, 2), f"{what}: the rollback without the NIC: {undone}")
    _count_fates(undone.fates(), tally)


def _unplug_after(machine: Machine, seconds: float) -> None:
    time.sleep(seconds)
    machine.guest.monitor.unplug("nic0", timeout_seconds=90)


def _before_apply(machine: Machine, what: str, profile: str, _moment: float, tally: Tally) -> None:
    planned = machine.agent("tune", "plan", "--profile", profile, "--out", "/root/saved.plan")
    tally.check(planned.exit_code == 0, f"{what}: the plan: {planned}")
    machine.guest.monitor.unplug("nic0", timeout_seconds=90)
    done = machine.agent("tune", "apply", "/root/saved.plan", "--yes", "--allow", "link-flap", "--no-confirm")
    tally.count("plans refused without their NIC", int(done.exit_code == 4))
    tally.check(done.exit_code == 4, f"{what}: an apply of a plan whose NIC is gone: {done}")


def _before_rollback(machine: Machine, what: str, profile: str, _moment: float, tally: Tally) -> None:
    done = machine.agent(*_APPLY, "--profile", profile)
    tally.check(done.exit_code == 0, f"{what}: the apply: {done}")
    machine.guest.monitor.unplug("nic0", timeout_seconds=90)
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code == 2 and "orphan" in undone.fates(), f"{what}: without the NIC: {undone}")
    _count_fates(undone.fates(), tally)


def _count_fates(fates: list[str], tally: Tally) -> None:
    for fate in sorted(set(fates)):
        tally.count(fate, fates.count(fate))


def _nic_comes_back(machine: Machine, what: str, profile: str, before: str, tally: Tally) -> None:
    """The same card in the same slot: as new. What the journal kept of the old one is given up, then all works."""
    guest = machine.guest
    bus = f"rp{len(guest.template.drives)}"
    guest.monitor.plug_nic(mac=guest.wiring.data_mac, bus=bus)
    seen = f"for look in $(seq 150); do {_CARRIER} && exit 0; sleep 0.2; done; exit 1"
    if not tally.check(guest.shell.run(seen).ok, f"{what}: the NIC did not come back"):
        return
    tally.check(guest.shell.check(_PORT) == before, f"{what}: the new card is not as a new card is")
    kept = machine.agent("tune", "rollback", "--disown")
    tally.check(kept.exit_code in (0, 2), f"{what}: giving up what was kept: {kept}")
    tally.check(guest.shell.check(_PORT) == before, f"{what}: the rollback wrote to the new card")
    planned = machine.agent("tune", "plan", "--profile", profile, "--detailed-exitcode")
    tally.check(planned.exit_code == 2, f"{what}: the card is not planned again: {planned}")
    done = machine.agent(*_APPLY, "--profile", profile)
    tally.check(done.exit_code == 0, f"{what}: apply on the new card: {done} {json.dumps(done.document)[-800:]}")
    numbers = guest.shell.check(_PORT).split()
    tally.check(bool(numbers) and re.fullmatch("3", numbers[0]) is not None, f"{what}: the new card has {numbers}")
    undone = machine.agent("tune", "rollback")
    tally.check(undone.exit_code == 0, f"{what}: rollback on the new card: {undone}")
    tally.check(guest.shell.check(_PORT) == before, f"{what}: the new card is not as before")
    tally.count("cards tuned again")
