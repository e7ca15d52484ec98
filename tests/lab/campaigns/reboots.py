"""C6: the machine is started again while a transaction is open.

The value that nodeagent recorded as the original was set by hand after the boot, so it differs from what the next boot
sets: a rollback that wrote the recorded one would be seen. It is traced as well: no file below /proc/sys or /sys is
opened for writing. What outlives a boot (directories, the mode of a filesystem's root) is undone all the same.
"""

import random
import re

from tests.lab.campaigns.machine import AGENT_SECONDS, EVERYTHING, Machine, Progress, Tally, difference

_BY_HAND = """
echo 77777 > /proc/sys/vm/max_map_count
echo 888888 > /proc/sys/net/core/wmem_max
echo madvise > /sys/kernel/mm/transparent_hugepage/enabled
"""
_TRACE = "strace -f -qq -e trace=openat,open -o /root/trace nodeagent tune rollback --output json > /root/undone.json"


def reboot_in_the_middle(machine: Machine, *, rounds: int, seed: int, tally: Tally, progress: Progress = print) -> None:
    """Kill the apply after some of its steps, or leave it unconfirmed; start the machine again; roll back."""
    draw = random.Random(seed)
    profile = machine.write("everything", EVERYTHING)
    persistent, settings = machine.persistent(), machine.settings()
    for number in range(rounds):
        machine.guest.shell.check(_BY_HAND)
        if number % 2:
            what = f"reboot {number + 1}, unconfirmed"
            _leave_unconfirmed(machine, profile, tally)
        else:
            steps = draw.randint(1, 8)
            what = f"reboot {number + 1}, killed after {steps} steps"
            _kill_after(machine, profile, steps, tally)
        machine.guest.reboot()
        machine.guest.shell.check("udevadm settle; systemctl is-system-running --wait || true", timeout_seconds=600)
        _judge(machine, what, persistent, settings, tally)
        progress(f"{what}: {len(tally.faults)} faults so far")


def _kill_after(machine: Machine, profile: str, steps: int, tally: Tally) -> None:
    """SIGKILL to the apply once it has told `steps` steps."""
    killed = machine.guest.shell.run(
        f"""
        nodeagent tune apply --yes --allow link-flap --no-confirm --profile {profile} > /root/told 2>&1 &
        apply=$!
        while kill -0 $apply && [ "$(grep -c '^\\[' /root/told)" -lt {steps} ]; do sleep 0.1; done
        kill -9 $apply
        wait $apply
        """,
        timeout_seconds=AGENT_SECONDS,
    )
    if killed.exit_code == 137:
        tally.count("reboots with an open transaction")
    else:
        tally.check(killed.exit_code in (0, 2), f"the apply that is killed ended with {killed.exit_code}: {killed}")
        tally.count("reboots after the last step")


def _leave_unconfirmed(machine: Machine, profile: str, tally: Tally) -> None:
    done = machine.agent(
        "tune", "apply", "--yes", "--allow", "link-flap", "--confirm-within", "600s", "--profile", profile
    )
    tally.check(done.exit_code in (0, 2), f"the apply that is left unconfirmed: {done}")
    tally.count("reboots in a confirm window")


def _judge(machine: Machine, what: str, persistent: str, settings: str, tally: Tally) -> None:
    completed = machine.guest.shell.run(_TRACE, timeout_seconds=AGENT_SECONDS)
    undone = machine.guest.shell.check("cat /root/undone.json")
    fates = re.findall(r'"fate": "([a-z-]+)"', undone)
    tally.check(completed.exit_code == 0, f"{what}: the rollback ended with {completed.exit_code}: {undone[-1500:]}")
    tally.check("lapsed" in fates, f"{what}: nothing had lapsed: {fates}")
    for fate in ("lapsed", "restored", "already-original"):
        tally.count(fate, fates.count(fate))
    stale = machine.guest.shell.check(r"grep -E '\"/(proc/sys|sys)/[^\"]*\", [^)]*O_(WRONLY|RDWR)' /root/trace; exit 0")
    tally.count("stale writes", len(stale.splitlines()))
    tally.check(not stale, f"{what}: opened for writing: {stale[:800]}")
    found = machine.settings()
    tally.check(found == settings, f"{what}: settings are not as a boot leaves them: {difference(settings, found)}")
    found = machine.persistent()
    tally.check(found == persistent, f"{what}: persistent state changed: {difference(persistent, found)}")
    again = machine.agent("tune", "rollback")
    tally.check(again.exit_code == 0 and not again.fates(), f"{what}: a second rollback: {again}")
