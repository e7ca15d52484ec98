"""docs/cherrylab.md lists every endpoint, fault, action and scenario, and nothing that is not there."""

import re
from pathlib import Path

from cherrylab.api.routes import ENDPOINTS
from cherrylab.cloud.actions import ACTIONS
from cherrylab.cloud.faults import DEFAULT_SECONDS, Kind

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/cherrylab.md").read_text()


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def test_the_table_of_endpoints_is_that_of_the_routes() -> None:
    table = re.findall(r"^\| ([A-Z]+) \| `(\S+)` \| (.+) \| (\d+) \|$", _section("Endpoints"), re.MULTILINE)
    routes = [
        (one.method, one.path, f"{one.summary} (no token)" if one.is_public else one.summary, str(one.status))
        for one in ENDPOINTS
    ]
    assert table == routes


def test_the_table_of_faults_is_that_of_the_kinds() -> None:
    table = re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", _section("Scenarios and faults"), re.MULTILINE)
    assert table == [(kind, kind.meaning) for kind in Kind]
    assert all(f"`{kind}`" in _section("Scenarios and faults").split("`moment` counts")[1] for kind in DEFAULT_SECONDS)


def test_every_action_is_named() -> None:
    named = set(re.findall(r"`([a-z-]+)`", _section("Endpoints").split("Actions, as")[1]))
    assert named - {"type"} == ACTIONS.keys()


def test_every_scenario_is_named() -> None:
    shipped = {path.stem for path in (ROOT / "provisioning/cherrylab/scenarios").glob("*.yaml")}
    told = PAGE.split("These ship in `provisioning/cherrylab/scenarios`:")[1].split(".\n")[0]
    assert set(re.findall(r"`([a-z-]+)`", told)) == shipped


def test_no_two_routes_answer_the_same_request() -> None:
    assert len({(one.method, re.sub(r"\{\w+\}", "*", one.path)) for one in ENDPOINTS}) == len(ENDPOINTS)


def test_the_example_of_a_scenario_is_one(tmp_path: Path) -> None:
    from cherrylab.cloud.scenario import load_scenario
    from tests.unit.cherrylab.books import CATALOGUE

    example = _section("Scenarios and faults").split("```yaml\n")[1].split("```")[0]
    path = tmp_path / "example.yaml"
    path.write_text(example)
    assert load_scenario(path, CATALOGUE).faults[0].probability == 0.5
