"""`python -m tests.lab.campaigns NAME --rounds N`: run one of them in a lab of its own; 1 when it found a fault."""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Mapping

from cherrylab.guests.lab import Lab
from cherrylab.guests.template import PEER
from tests.lab.campaigns import power_cuts, reboots, unplugs, uplinks
from tests.lab.campaigns.machine import BOOT_SECONDS, Machine, Tally, settled

Run = Callable[[Lab, Machine, int, int, Tally], None]


def _power_cuts(_lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    power_cuts.cut_applies(machine, cuts=rounds, seed=seed, tally=tally)


def _mkfs_cuts(_lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    power_cuts.cut_filesystems(machine, cuts=rounds, seed=seed, tally=tally)


def _reboots(_lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    reboots.reboot_in_the_middle(machine, rounds=rounds, seed=seed, tally=tally)


def _drive_unplugs(_lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    unplugs.unplug_the_drive(machine, rounds=rounds, seed=seed, tally=tally)


def _nic_unplugs(_lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    unplugs.unplug_the_nic(machine, rounds=rounds, seed=seed, tally=tally)


def _uplinks(lab: Lab, machine: Machine, rounds: int, seed: int, tally: Tally) -> None:
    peer = lab.add(PEER)
    peer.wait(timeout_seconds=BOOT_SECONDS)
    uplinks.go_round(machine, rounds=max(1, rounds // 5), tally=tally)
    uplinks.cut_the_uplink(machine, peer, rounds=rounds, seed=seed, tally=tally)


CAMPAIGNS: Mapping[str, tuple[str, Run]] = {
    "power-cuts": ("C5 power cuts in apply", _power_cuts),
    "mkfs-cuts": ("C5 power cuts in mkfs", _mkfs_cuts),
    "reboots": ("C6 reboots", _reboots),
    "drive-unplugs": ("C14 drives", _drive_unplugs),
    "nic-unplugs": ("C14 NICs", _nic_unplugs),
    "uplinks": ("C20 uplinks", _uplinks),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.lab.campaigns")
    parser.add_argument("name", choices=list(CAMPAIGNS))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    title, run = CAMPAIGNS[arguments.name]
    tally = Tally(name=title)
    began = time.monotonic()
    with Lab.create() as lab, settled(lab) as machine:
        try:
            run(lab, machine, arguments.rounds, arguments.seed, tally)
        finally:
            for fault in tally.faults[:20]:
                print(fault, file=sys.stderr)
            print(f"{tally.total()}, {time.monotonic() - began:.0f} s")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
