"""How long a person waits for the first line: start-up over a bare interpreter's, and two commands in full."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nodeagent.model.errors import ExitCode
from tests.bench.figure import Goal, Row, command_seconds, take_turns

_BARE = "python3 -c pass"
_PROFILE = "workstation"
_GOALS = {"nodeagent --version": Goal(bound=3.0), "nodeagent --help": Goal(bound=3.0)}


class Start:
    """Everything against `python3 -c pass` of the same interpreter."""

    name = "start"
    summary = "start-up and whole commands over a bare interpreter"

    def measure(self, *, workspace: Path, rounds: int) -> Sequence[Row]:
        medians = take_turns(_contenders(workspace), rounds=rounds)
        bare = medians.pop(_BARE)
        return [
            Row(label=label, unit="s", ours=seconds, beside_label=_BARE, beside=bare, goal=_GOALS.get(label))
            for label, seconds in medians.items()
        ]


def _contenders(workspace: Path) -> dict[str, Callable[[], float]]:
    python, program = sys.executable, str(Path(sys.executable).with_name("nodeagent"))
    time = partial(command_seconds, workspace=workspace)
    # A machine that isn't set up so differs, which is an answer like any other.
    tune = partial(time, expected=(ExitCode.OK, ExitCode.DIFFERS))
    return {
        _BARE: partial(time, [python, "-c", "pass"]),
        "import click": partial(time, [python, "-c", "import click"]),
        "nodeagent --version": partial(time, [program, "--version"]),
        "nodeagent --help": partial(time, [program, "--help"]),
        "nodeagent tune plan": partial(tune, [program, "tune", "plan", "--profile", _PROFILE]),
        "nodeagent tune verify": partial(tune, [program, "tune", "verify", "--profile", _PROFILE]),
    }


START = Start()
