"""C20: the SR-IOV port from plan to rollback, and changes that cut the uplink off.

The round: plan, three VFs with attributes, verify, rollback, all as before. Then a change that cuts off who works over
the port (an MTU that the other end's packets don't fit, or the cable out while a change waits for its confirmation),
and the apply is killed. Nobody is left but the guard: the peer's long packets must arrive again within the window and
five seconds.
"""

import json
import random
import time

from cherrylab.guests.guest import Guest
from tests.lab.campaigns.machine import AGENT_SECONDS, Machine, Progress, Tally, difference

GRACE_SECONDS = 5.0
_WINDOW_SECONDS = 20
"""From the arming of the guard; an apply alone takes several seconds of it in a guest."""

_VFS = """\
schema: 1
summary: three virtual functions
tune:
  sriov:
    - name: data
      nic: {driver: igb, count: 1}
      vfs: 3
      vf:
        - {index: "0", mac: "02:00:00:00:00:d0", trust: true}
        - {index: "1", vlan: 40, qos: 2}
        - {index: "2", spoofchk: false}
"""
_TOO_MANY = _VFS.replace("vfs: 3", "vfs: 8")
_SHORT = """\
schema: 1
summary: an MTU that the other end does not keep to
tune:
  nic-mtu:
    - {name: data, nic: {driver: igb, count: 1}, mtu: 1400}
"""
_PORT = """
function=/sys/class/net/data0/device
cat $function/sriov_numvfs $function/sriov_drivers_autoprobe /sys/class/net/data0/mtu
ip -d link show dev data0 | sed 's/state [A-Z]*//; s/<[^>]*>//'
ls /sys/class/net
"""
_APPLY = ("tune", "apply", "--yes", "--allow", "link-flap")
_CARRIER = 'for look in $(seq 200); do [ "$(cat /sys/class/net/data0/carrier)" = 1 ] && exit 0; sleep 0.1; done; exit 1'


def go_round(machine: Machine, *, rounds: int, tally: Tally, progress: Progress = print) -> None:
    """Plan, apply, verify, roll back; what the port can't do is refused before anything is written."""
    vfs, too_many = machine.write("vfs", _VFS), machine.write("too-many", _TOO_MANY)
    for number in range(rounds):
        what = f"round {number + 1}"
        machine.guest.shell.check(_CARRIER)
        before = machine.guest.shell.check(_PORT)
        planned = machine.agent("tune", "plan", "--profile", vfs, "--detailed-exitcode")
        tally.check(planned.exit_code == 2, f"{what}: plan: {planned}")
        tally.check(machine.guest.shell.check(_PORT) == before, f"{what}: plan changed the port")
        done = machine.agent(*_APPLY, "--no-confirm", "--profile", vfs)
        tally.check(done.exit_code == 0, f"{what}: apply: {done} {json.dumps(done.document)[-1000:]}")
        held = machine.agent("tune", "verify", "--profile", vfs)
        tally.check(held.exit_code == 0, f"{what}: verify: {json.dumps(held.document)[-1500:]}")
        undone = machine.agent("tune", "rollback")
        tally.check(undone.exit_code == 0, f"{what}: rollback: {undone}")
        machine.guest.shell.check(_CARRIER)
        found = machine.guest.shell.check(_PORT)
        tally.check(found == before, f"{what}: the port is not as before: {difference(before, found)}")
        refused = machine.agent(*_APPLY, "--no-confirm", "--profile", too_many)
        tally.check(refused.document.get("changes", 0) == 0, f"{what}: 8 of 7 VFs: {refused}")
        tally.check(machine.guest.shell.check(_PORT) == before, f"{what}: 8 of 7 VFs changed the port")
        tally.count("rounds of VFs")
        progress(f"{what}: {len(tally.faults)} faults so far")


def cut_the_uplink(
    machine: Machine, peer: Guest, *, rounds: int, seed: int, tally: Tally, progress: Progress = print
) -> None:
    """The change cuts the link, or the cable is out while it waits; the apply is killed; the guard is alone."""
    draw = random.Random(seed)
    short = machine.write("short", _SHORT)
    for number in range(rounds):
        cable = bool(number % 2)
        what = f"cut {number + 1}, {'the cable' if cable else 'the MTU'}"
        machine.guest.shell.check(_CARRIER)
        before = machine.guest.shell.check(_PORT)
        if not tally.check(_reaches(machine, peer, seconds=30), f"{what}: the peer does not reach the node before"):
            continue
        late = _one_cut(machine, peer, short, killed_after=draw.uniform(0.0, 3.0), cable=cable, tally=tally, what=what)
        tally.count("uplinks cut")
        tally.count(f"back within {_WINDOW_SECONDS} s and {GRACE_SECONDS:g} s", int(late <= GRACE_SECONDS))
        tally.longest("s after the end of the window at most", late)
        tally.check(late <= GRACE_SECONDS, f"{what}: back {late:.1f} s after the end of the window")
        found = machine.guest.shell.check(_PORT)
        tally.check(found == before, f"{what}: the port is not as before: {difference(before, found)}")
        left = machine.agent("tune", "rollback")
        tally.check(left.exit_code == 0 and "restored" not in left.fates(), f"{what}: left to undo: {left}")
        progress(f"{what}: back {late:+.1f} s from the end of the window, {len(tally.faults)} faults so far")


def _one_cut(
    machine: Machine, peer: Guest, profile: str, *, killed_after: float, cable: bool, tally: Tally, what: str
) -> float:
    """Seconds from the end of the window until the peer's long packets arrive again (negative: before it)."""
    machine.start_agent(*_APPLY, "--confirm-within", f"{_WINDOW_SECONDS}s", "--profile", profile)
    armed = "for look in $(seq 6000); do grep -q 'guard will roll back' /root/told && exit 0; sleep 0.05; done; exit 1"
    machine.guest.shell.check(armed, timeout_seconds=AGENT_SECONDS)
    began = time.monotonic()
    set_mtu = (
        'for look in $(seq 600); do [ "$(cat /sys/class/net/data0/mtu)" = 1400 ] && exit 0; sleep 0.05; done; exit 1'
    )
    tally.check(machine.guest.shell.run(set_mtu, timeout_seconds=60).ok, f"{what}: the change did not come")
    if cable:
        machine.guest.monitor.set_link("nic0", up=False)
    time.sleep(killed_after)
    killed = machine.guest.shell.run("pkill -9 -f '^/usr/bin/python3 /usr/local/bin/nodeagent tune apply'")
    tally.count("applies killed in the window", int(killed.ok))
    tally.check(not _reaches(machine, peer, seconds=0), f"{what}: the peer reaches the node although it is cut off")
    if cable:
        time.sleep(max(0.0, began + _WINDOW_SECONDS - 4.0 - time.monotonic()))
        machine.guest.monitor.set_link("nic0", up=True)
    _reaches(machine, peer, seconds=_WINDOW_SECONDS + 60)
    return time.monotonic() - began - _WINDOW_SECONDS


def _reaches(machine: Machine, peer: Guest, *, seconds: float) -> bool:
    """Do whole frames of 9000 bytes of the peer arrive at the node within the time?"""
    looks = max(1, round(seconds * 2))
    ping = f"ping -c 1 -W 1 -M do -s 8972 {machine.guest.data_address} > /dev/null"
    script = f"for look in $(seq {looks}); do {ping} && exit 0; sleep 0.2; done; exit 1"
    return peer.shell.run(script, timeout_seconds=seconds * 4 + 60).ok
