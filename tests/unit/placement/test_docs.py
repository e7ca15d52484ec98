"""The examples of docs/placement.md and docs/host.md are what the program says, and the table names every key."""

import re
from dataclasses import fields, replace
from pathlib import Path

from nodeagent.cli.host_topology import text_lines
from nodeagent.cli.output import Terminal
from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.setting import Setting
from nodeagent.report.topology import make_topology
from nodeagent.tune.placement.planner import plan_placement
from tests.fixtures.generate_host import Port
from tests.fixtures.machines import epyc
from tests.unit.placement.sections import VALIDATOR

_DOCS = Path(__file__).parents[3] / "docs"
_PAGE = (_DOCS / "placement.md").read_text()


def test_the_example_is_what_the_planner_says() -> None:
    placement = plan_placement(epyc("9454P", ports=(Port(name="eth0"),)), VALIDATOR)
    told = " ".join(_PAGE.split())
    assert placement.problems == ()
    assert [reason for reason in placement.reasons if reason not in told] == []


def test_the_table_names_every_key_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", _PAGE, re.MULTILINE))
    assert list(rows) == [field.name for field in fields(PlacementSettings)]
    for name, default in rows.items():
        setting = getattr(PlacementSettings(), name)
        if isinstance(setting, Setting):
            assert default.strip("`") == str(setting.value), name


def test_the_drawing_in_the_manual_is_what_is_drawn() -> None:
    facts = epyc("9454P", ports=(Port(name="eth0", driver="ice", vfs=4),), nvme=1)
    placed = replace(facts, placement=plan_placement(facts, VALIDATOR))
    lines = list(text_lines(make_topology(placed, profile="solana-validator"), Terminal(), width=80))
    drawn = "\n".join(lines[: lines.index("Why") - 1])
    assert f"```\n$ nodeagent host topology --profile solana-validator\n{drawn}\n```" in (_DOCS / "host.md").read_text()
