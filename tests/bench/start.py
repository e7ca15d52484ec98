"""How long a person waits for the first line: start-up over a bare interpreter's, and two commands in full."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nodeagent.cli import tune_setup
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
    verify = [program, "tune", "verify", "--profile", _PROFILE]
    return {
        _BARE: partial(time, [python, "-c", "pass"]),
        "import click": partial(time, [python, "-c", "import click"]),
        "nodeagent --version": partial(time, [program, "--version"]),
        "nodeagent --help": partial(time, [program, "--help"]),
        "nodeagent tune plan": partial(tune, [program, "tune", "plan", "--profile", _PROFILE]),
        "nodeagent tune verify": partial(tune, verify),
        "nodeagent tune verify, applied": partial(tune, ["/usr/bin/env", _with_kept_profile(workspace), *verify]),
    }


def _with_kept_profile(workspace: Path) -> str:
    """The setting of env(1) for a state directory in which the profile is kept, as an apply leaves it."""
    state = workspace / "applied"
    state.mkdir(mode=0o700)
    tune_setup.load(_PROFILE, state, keep=True)
    return f"NODEAGENT_STATE_DIR={state}"


START = Start()
