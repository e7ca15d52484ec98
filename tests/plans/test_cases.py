"""Every case below tests/plans, one test each."""

from pathlib import Path
from typing import Any

import pytest

from tests.plans import cases


@pytest.mark.parametrize("case", cases.find_cases(), ids=str)
def test_case(case: cases.Case, tmp_path: Path) -> None:
    document = case.read()
    outcome = cases.run(document, cases.TUNABLES_BY_NAME[case.tunable], tmp_path)
    _compare(document["expect_changes"], cases.told_items(outcome.items))
    _compare(document["expect_verdict"]["findings"], cases.told_findings(outcome.verdict))
    assert outcome.verdict.state == document["expect_verdict"]["state"]


def test_every_tunable_has_a_dozen_cases_whose_names_are_sentences() -> None:
    names = {
        name: [case.sentence for case in cases.find_cases() if case.tunable == name] for name in cases.TUNABLES_BY_NAME
    }
    assert {name: len(found) >= 12 for name, found in names.items()} == dict.fromkeys(names, True)
    assert all(sentence.count("_") >= 3 for found in names.values() for sentence in found)


def _compare(expected: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
    named = [
        {key: value for key, value in item.items() if key in wanted}
        for item, wanted in zip(told, expected, strict=False)
    ]
    assert named == expected, told
    assert len(told) == len(expected), told
