"""`python -m tests.campaigns NAME`: run one campaign, print its summary, end with 1 when it found a fault."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.campaigns import kill_sweep
from tests.campaigns.grounds import GROUNDS, enter_namespaces, opened


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns")
    parser.add_argument("name", choices=["kill-sweep"])
    parser.add_argument("--points", type=int, default=1000, help="how many, over all tunables (default 1000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=[ground.name for ground in GROUNDS])
    arguments = parser.parse_args()
    grounds = [ground for ground in GROUNDS if arguments.only in (None, ground.name)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    enter_namespaces()
    tally = kill_sweep.Tally()
    with tempfile.TemporaryDirectory(prefix="nodeagent-campaign-") as directory:
        for kind in grounds:
            began, before = time.monotonic(), tally.points
            with opened(kind, Path(directory)) as ground:
                limit = arguments.points if arguments.only else round(arguments.points * kind.share)
                kill_sweep.sweep(ground, limit=limit, seed=arguments.seed, tally=tally)
            took = time.monotonic() - began
            print(f"{kind.name}: {tally.points - before} points in {took:.1f} s", file=sys.stderr)
    for fault in tally.faults[:20]:
        print(fault, file=sys.stderr)
    print(kill_sweep.total(tally))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
