"""Scenario files: what they mean, and all that is wrong with one at once."""

from pathlib import Path

import pytest

from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from cherrylab.cloud.lifecycle import Delays
from cherrylab.cloud.scenario import Scenario, load_scenario
from nodeagent.model.errors import UsageError
from tests.unit.cherrylab.books import CATALOGUE

EXAMPLES = sorted((Path(__file__).parents[3] / "provisioning/cherrylab/scenarios").glob("*.yaml"))

WHOLE = """
seed: 7
delays:
  pending_seconds: 1
  provisioning_seconds: 30.5
stock:
  amd-epyc-9654:
    LT-Siauliai: 0
faults:
  - kind: cut-connection
    moment: after
    request: POST /v1/projects/*/servers
    calls: 2-3
  - kind: [internal-error, hang]
    probability: 0.2
    seconds: 5
"""

WRONG = """
seed: lucky
delay: {}
delays:
  pending_seconds: -1
  provisioning_second: 3
stock:
  amd-epyc-9645:
    LT-Siauliai: 1
  amd-epyc-9654:
    EU-East-1: 1
faults:
  - kind: cut
    calls: 0
  - request: servers
    probability: 2
    moment: later
  - hang
"""


def _load(tmp_path: Path, text: str) -> Scenario:
    path = tmp_path / "scenario.yaml"
    path.write_text(text)
    return load_scenario(path, CATALOGUE)


def test_a_whole_scenario(tmp_path: Path) -> None:
    assert _load(tmp_path, WHOLE) == Scenario(
        seed=7,
        delays=Delays(pending_seconds=1, provisioning_seconds=30.5),
        stock={("amd-epyc-9654", "LT-Siauliai"): 0},
        faults=(
            Fault(
                kinds=(Kind.CUT_CONNECTION,),
                moment=Moment.AFTER,
                request="POST /v1/projects/*/servers",
                calls=Calls(ranges=((2, 3),)),
            ),
            Fault(kinds=(Kind.INTERNAL_ERROR, Kind.HANG), probability=0.2, seconds=5),
        ),
    )


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        _load(tmp_path, WRONG)
    lines = caught.value.message.splitlines()
    told = [line.split(": ", 1)[1] for line in lines[1:]]
    assert lines[0].startswith("13 problems in the scenario")
    assert told == [
        "seed: wanted a whole number, got 'lucky'",
        "no such key here, got 'delay', did you mean 'delays'?",
        "delays.pending_seconds: wanted seconds from 0 to 86400, got '-1'",
        "delays: no such key here, got 'provisioning_second', did you mean 'provisioning_seconds'?",
        "stock: no such key here, got 'amd-epyc-9645', did you mean 'amd-epyc-9654'?",
        "stock.amd-epyc-9654: no such key here, got 'EU-East-1'",
        "faults[0].kind: no such kind, got 'cut'",
        "faults[0].calls: calls count from 1, the smaller number first, got '0'",
        "faults[1]: a fault needs a kind",
        "faults[1].request: wanted a method and a path, as in `POST /v1/projects/*/servers`, got 'servers'",
        "faults[1].probability: wanted a probability from 0 to 1, got '2'",
        "faults[1].moment: wanted before or after, got 'later'",
        "faults[2]: wanted keys and values, got 'hang'",
    ]
    assert "scenario.yaml:2:7:" in lines[1]


@pytest.mark.parametrize(
    "text", ["", "- a", "faults: 3", "faults:\n  - kind: []", "stock: x", "seed: &b 1", "seed: [1]"]
)
def test_a_scenario_of_another_shape(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="1 problem"):
        _load(tmp_path, text)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        load_scenario(tmp_path / "none.yaml", CATALOGUE)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_scenarios_that_ship_can_be_read(path: Path) -> None:
    assert load_scenario(path, CATALOGUE) != Scenario()


def test_there_are_scenarios_that_ship() -> None:
    assert [path.stem for path in EXAMPLES] == ["one-in-five", "orphans", "slow", "sold-out", "storm"]
