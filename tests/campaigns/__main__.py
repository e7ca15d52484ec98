"""`python -m tests.campaigns NAME`: run one campaign, print its summary, end with 1 when it found a fault."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from tests.campaigns import foreign_writers, injected_errors, kill_sweep, power_loss, two_agents
from tests.campaigns.all_grounds import GROUNDS
from tests.campaigns.grounds import Ground, SysctlGround, enter_namespaces, opened

_MEMORY = Path("/dev/shm")
"""Where the state directories of most campaigns are: the same system calls, no wait for a disk."""


class Result(Protocol):
    """Every campaign's tally."""

    faults: list[str]


Outcome = tuple[Result, str]
"""The tally and its summary line."""


def _kill_sweep(arguments: argparse.Namespace, directory: Path) -> Outcome:
    tally = kill_sweep.Tally()
    for ground, limit in _grounds(arguments, directory, tally):
        kill_sweep.sweep(ground, limit=limit, seed=arguments.seed, tally=tally)
    return tally, kill_sweep.total(tally)


def _injected_errors(arguments: argparse.Namespace, directory: Path) -> Outcome:
    tally = injected_errors.Tally()
    for ground, limit in _grounds(arguments, directory, tally):
        injected_errors.sweep(ground, limit=limit, seed=arguments.seed, tally=tally)
    return tally, injected_errors.total(tally)


def _power_loss(arguments: argparse.Namespace, directory: Path) -> Outcome:
    tally = power_loss.Tally()
    power_loss.sweep(directory, limit=arguments.points, seed=arguments.seed, tally=tally)
    return tally, power_loss.total(tally)


def _foreign_writers(arguments: argparse.Namespace, directory: Path) -> Outcome:
    tally = foreign_writers.Tally()
    foreign_writers.sweep(directory, limit=arguments.points, seed=arguments.seed, tally=tally)
    return tally, foreign_writers.total(tally)


def _two_agents(arguments: argparse.Namespace, directory: Path) -> Outcome:
    tally = two_agents.Tally()
    with opened(SysctlGround, directory) as ground:
        two_agents.sweep(ground, limit=arguments.points, seed=arguments.seed, tally=tally)
    return tally, two_agents.total(tally)


def _grounds(
    arguments: argparse.Namespace, directory: Path, tally: kill_sweep.Tally | injected_errors.Tally
) -> Iterator[tuple[Ground, int]]:
    """Each ground, open, and how many points are its part; what came of them is told as soon as it is left."""
    chosen = arguments.only or [ground.name for ground in GROUNDS]
    for kind in [ground for ground in GROUNDS if ground.name in chosen]:
        began, before = time.monotonic(), tally.points
        with opened(kind, directory) as ground:
            yield ground, max(1, round(arguments.points * kind.share))
        took, faults = time.monotonic() - began, len(tally.faults)
        told = f"{kind.name}: {tally.points - before} points in {took:.1f} s, {faults} faults so far"
        print(told, file=sys.stderr, flush=True)


CAMPAIGNS: Mapping[str, Callable[[argparse.Namespace, Path], Outcome]] = {
    "kill-sweep": _kill_sweep,
    "injected-errors": _injected_errors,
    "power-loss": _power_loss,
    "foreign-writers": _foreign_writers,
    "two-agents": _two_agents,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns")
    parser.add_argument("name", choices=list(CAMPAIGNS))
    parser.add_argument("--points", type=int, default=1000, help="how many, over all tunables (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    names = [ground.name for ground in GROUNDS]
    parser.add_argument("--only", nargs="+", choices=names, help="these tunables, each with its part of the points")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    enter_namespaces()
    place = _MEMORY if _MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="nodeagent-campaign-", dir=place) as directory:
        tally, summary = CAMPAIGNS[arguments.name](arguments, Path(directory))
    for fault in tally.faults[:20]:
        print(fault, file=sys.stderr)
    print(summary)
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
