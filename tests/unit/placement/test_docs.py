"""The example of docs/placement.md is what the planner says, and its table names every key and default."""

import re
from dataclasses import fields
from pathlib import Path

from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.setting import Setting
from nodeagent.tune.placement import plan_placement
from tests.fixtures.generate_host import Port
from tests.fixtures.machines import epyc
from tests.unit.placement.sections import VALIDATOR

_PAGE = (Path(__file__).parents[3] / "docs" / "placement.md").read_text()


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
