"""What `nodeagent bench run` costs the load it measures: its IOPS over those of fio started by hand with the same job.

The command line of the plain run is the one that nodeagent wrote into its own history, on a file of the same kind in
the same directory, so the two differ in who started them and in who watches meanwhile, and in nothing else. A shared
disk drifts by tens of percent within a minute, so the runs are taken in pairs, in turns, and the pair with the median
ratio is shown.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from nodeagent.history import History
from nodeagent.history.store import FILE_NAME
from nodeagent.host.datasafety import make_test_area
from nodeagent.host.host import Host
from tests.bench.figure import Goal, Row

_SIZE_BYTES = 256 * 1024 * 1024
_MOST_ROUNDS = 15
_RUNTIME = "2s"
_CODE = "import sys; from nodeagent.cli.main import main; sys.exit(main())"


class Iops:
    """The benchmark with the deepest queue: it would suffer most from a watcher."""

    name = "iops"
    summary = "IOPS of nodeagent bench run over plain fio with the same job"

    def measure(self, *, workspace: Path, rounds: int) -> Sequence[Row]:
        place, state = workspace / "place", workspace / "state"
        place.mkdir()
        state.mkdir(mode=0o700)
        job = _job(place, state)
        pairs = [_pair(job, place, state, ours_first=bool(number % 2)) for number in range(min(rounds, _MOST_ROUNDS))]
        ours, plain = sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]
        row = Row(
            label="bench run randread-4k (median pair)",
            unit="IOPS",
            ours=ours,
            beside_label="fio, the same job",
            beside=plain,
            goal=Goal(bound=0.99, at_most=False),
        )
        return [row]


def _pair(job: Sequence[str], place: Path, state: Path, *, ours_first: bool) -> tuple[float, float]:
    if ours_first:
        return _ours(place, state), _plain(job, place, state)
    plain = _plain(job, place, state)
    return _ours(place, state), plain


def _ours(place: Path, state: Path) -> float:
    """IOPS of one run, as the history has it."""
    argv = [sys.executable, "-c", _CODE, "bench", "run", "randread-4k", "--directory", f"place={place}"]
    argv += ["--runs", "1", "--cap", "1", "--runtime", _RUNTIME, "--option", f"size={_SIZE_BYTES}"]
    subprocess.run([*argv, "--state-dir", os.fspath(state)], check=True, capture_output=True)
    with History.open(state / FILE_NAME, read_only=True) as history:
        (sample, *_) = history.runs()[-1].run.samples
    return sample.value


def _job(place: Path, state: Path) -> list[str]:
    """The command lines that nodeagent itself ran: the fill first, the job last."""
    _ours(place, state)
    with History.open(state / FILE_NAME, read_only=True) as history:
        return history.runs()[-1].run.command.splitlines()


def _plain(job: Sequence[str], place: Path, state: Path) -> float:
    """IOPS of the same job, started without nodeagent."""
    with make_test_area(Host(), place, _SIZE_BYTES, state_directory=state) as area:
        for line in job:
            argv = [f"--filename={area.path}" if word.startswith("--filename=") else word for word in shlex.split(line)]
            subprocess.run(argv, check=True, capture_output=True, cwd=state, env={**os.environ, "LC_ALL": "C"})
        result = json.loads((state / "fio.json").read_text())
    return float(result["jobs"][0]["read"]["iops"])


IOPS = Iops()
