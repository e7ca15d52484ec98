"""Which file set which value: every file that says something of it, in the order they are merged."""

from pathlib import Path

import pytest

from nodeagent.model.errors import ProfileError
from nodeagent.profiles.explain import Explanation, explain
from tests.unit.profiles.toys import SETTINGS_TYPES, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "base", """tune:
  knobs: {a.b: {value: 1, why: first}, c: 1, gone: 1}
  entries: [{name: x, depth: 8, options: [p, q]}]
places: [{role: ledger, directory: /var/tmp}]
""")  # fmt: skip
    write(tmp_path, "top", """extends: [base]
leave_out: [tune.knobs.gone]
tune:
  knobs: {a.b: {mode: warn}, c: {value: ">=2", why: second, source: there}}
  entries: [{name: x, depth: 16}]
""")  # fmt: skip
    return tmp_path


def _explain(folder: Path, key: str = "") -> Explanation:
    return explain("top", settings_types=SETTINGS_TYPES, search=[folder], key=key)


def test_every_value_is_told_with_what_it_stands_over(folder: Path) -> None:
    found = {value.path: value for value in _explain(folder).values}
    assert sorted(found) == [
        "places.ledger.directory", "places.ledger.role", "tune.entries.x.depth", "tune.entries.x.name",
        "tune.entries.x.options", "tune.knobs.a.b", "tune.knobs.c",
    ]  # fmt: skip
    told = {path: [(Path(said.mark.file).stem, said.text) for said in value.said] for path, value in found.items()}
    assert told["tune.knobs.a.b"] == [("base", "1"), ("top", "(warn)")]
    assert told["tune.knobs.c"] == [("base", "1"), ("top", ">=2")]
    assert told["tune.entries.x.depth"] == [("base", "8"), ("top", "16")]
    assert told["tune.entries.x.options"] == [("base", "[p, q]")]


def test_the_value_in_force_has_its_reason(folder: Path) -> None:
    (refined,) = _explain(folder, "tune.knobs.a.b").values
    assert (refined.value, refined.why) == ("1 (warn)", "first")
    (replaced,) = _explain(folder, "tune.knobs.c").values
    assert (replaced.value, replaced.why, replaced.source) == (">=2", "second", "there")


def test_a_key_is_everything_below_it(folder: Path) -> None:
    assert len(_explain(folder, "tune.entries.x").values) == 3
    assert len(_explain(folder, "tune").values) == 5


def test_a_key_that_nothing_has_is_told_with_the_nearest(folder: Path) -> None:
    with pytest.raises(ProfileError, match=r"sets nothing named 'tune.knobs.a.bb'; did you mean 'tune.knobs.a.b'"):
        _explain(folder, "tune.knobs.a.bb")


def test_the_files_are_named_in_merge_order(folder: Path) -> None:
    assert [Path(file).stem for file in _explain(folder).files] == ["base", "top"]
