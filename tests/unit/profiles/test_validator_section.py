"""`validator:` in a profile: which units are not to be disturbed."""

from pathlib import Path

import pytest

from nodeagent.model.profile import ValidatorSetting
from tests.unit.profiles.toys import load, problems_of, write


def test_a_profile_names_the_units_not_to_disturb(tmp_path: Path) -> None:
    validator = load(tmp_path, "validator: {unit: sol.service, also: [relayer.service, sol.service]}").validator
    assert validator == ValidatorSetting(unit="sol.service", also=("relayer.service", "sol.service"))
    assert validator.units == ("sol.service", "relayer.service")


def test_a_profile_without_the_section_names_none(tmp_path: Path) -> None:
    assert load(tmp_path, "").validator.units == ()


@pytest.mark.parametrize("unit", ["sol", "sol.timer", "../sol.service", "sol service.service"])
def test_what_is_no_unit_with_processes_is_refused(tmp_path: Path, unit: str) -> None:
    (problem,) = problems_of(tmp_path, f"validator: {{unit: {unit!r}}}")
    assert "the name of a systemd unit, such as sol.service" in problem


def test_it_is_inherited_and_refined(tmp_path: Path) -> None:
    write(tmp_path, "base", "validator: {unit: sol.service}\n")
    validator = load(tmp_path, "extends: [base]\nvalidator: {also: [relayer.service]}").validator
    assert validator.units == ("sol.service", "relayer.service")


def test_it_is_part_of_what_is_wanted(tmp_path: Path) -> None:
    without = load(tmp_path, "tune: {knobs: {a: b}}").digest
    assert load(tmp_path, "tune: {knobs: {a: b}}\nvalidator: {unit: sol.service}").digest != without
