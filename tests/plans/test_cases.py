"""Every case below tests/plans/<tunable>/, one test each."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.plans import cases


@pytest.mark.parametrize("path", cases.find_cases(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text())
    outcome = cases.run(case, cases.TUNABLES_BY_NAME[path.parent.name], tmp_path)
    _compare(case["expect_changes"], cases.told_items(outcome.items))
    _compare(case["expect_verdict"]["findings"], cases.told_findings(outcome.verdict))
    assert outcome.verdict.state == case["expect_verdict"]["state"]


def test_every_tunable_has_a_dozen_cases_whose_names_are_sentences() -> None:
    names = {
        name: [path.stem for path in cases.find_cases() if path.parent.name == name] for name in cases.TUNABLES_BY_NAME
    }
    assert {name: len(found) >= 12 for name, found in names.items()} == dict.fromkeys(names, True)
    assert all(stem.count("_") >= 3 for found in names.values() for stem in found)


def _compare(expected: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
    named = [
        {key: value for key, value in item.items() if key in wanted}
        for item, wanted in zip(told, expected, strict=False)
    ]
    assert named == expected, told
    assert len(told) == len(expected), told
