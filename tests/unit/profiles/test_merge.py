"""`extends`: what stands over what, what is forgotten, and faults in files that are only extended."""

from pathlib import Path

import pytest

from nodeagent.model.setting import Mode
from nodeagent.profiles import load_profile
from nodeagent.profiles.layers import CHAIN_LIMIT
from tests.unit.profiles.toys import SETTINGS_TYPES, load, problems_of, write


def _values(directory: Path, text: str) -> dict[str, str]:
    return {key: setting.value for key, setting in load(directory, text).tune["knobs"].items()}


def test_a_later_file_stands_over_an_earlier_one_key_by_key(tmp_path: Path) -> None:
    write(tmp_path, "one", "tune: {knobs: {a: 1, b: 1, c: 1}}")
    write(tmp_path, "two", "tune: {knobs: {b: 2, c: 2}}")
    assert _values(tmp_path, "extends: [one, two]\ntune: {knobs: {c: 3}}") == {"a": "1", "b": "2", "c": "3"}


def test_what_is_reached_twice_counts_where_it_is_met_first(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {knobs: {a: base}}")
    write(tmp_path, "one", "extends: [base]\ntune: {knobs: {a: one}}")
    write(tmp_path, "two", "extends: [base]\ntune: {knobs: {b: two}}")
    profile = load(tmp_path, "extends: [one, two]")
    assert profile.tune["knobs"]["a"].value == "one"
    assert [Path(file).stem for file in profile.files] == ["base", "one", "two", "top"]


def test_a_new_value_takes_no_old_reason_along(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {knobs: {a: {value: 1, why: old, source: old, mode: warn}}}")
    setting = load(tmp_path, "extends: [base]\ntune: {knobs: {a: {value: 2}}}").tune["knobs"]["a"]
    assert (setting.value, setting.why, setting.source, setting.mode) == ("2", "", "", Mode.ENFORCE)


@pytest.mark.parametrize("base", ["1", "{value: 1}"])
def test_a_mapping_without_a_value_refines_the_earlier_setting(tmp_path: Path, base: str) -> None:
    write(tmp_path, "base", f"tune: {{knobs: {{a: {base}}}}}")
    setting = load(tmp_path, "extends: [base]\ntune: {knobs: {a: {mode: warn}}}").tune["knobs"]["a"]
    assert (setting.value, setting.mode) == ("1", Mode.WARN)
    assert setting.origin.startswith(f"{tmp_path}/base.yaml:")


def test_list_entries_are_merged_by_their_name_and_new_ones_come_last(tmp_path: Path) -> None:
    write(
        tmp_path,
        "base",
        "tune: {entries: [{name: x, depth: 4, word: a}, {name: y, depth: 5}]}".replace(", word: a", ""),
    )
    entries = load(tmp_path, "extends: [base]\ntune: {entries: [{name: z, depth: 7}, {name: x, depth: 6}]}").tune[
        "entries"
    ]
    assert [(entry.name, entry.depth.value) for entry in entries] == [("x", 6), ("y", 5), ("z", 7)]


def test_other_lists_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {entries: [{name: x, options: [a, b]}]}")
    (entry,) = load(tmp_path, "extends: [base]\ntune: {entries: [{name: x, options: [c]}]}").tune["entries"]
    assert entry.options.value == ("c",)


def test_places_are_merged_by_role_and_benchmarks_by_what_and_where(tmp_path: Path) -> None:
    write(tmp_path, "base", """
places: [{role: ledger, directory: /var/tmp}, {role: network, peer: loopback}]
benchmarks: [{benchmark: a, place: ledger, options: {size: 1MiB, runtime: 5s}}, {benchmark: b, place: ledger}]
""")  # fmt: skip
    profile = load(tmp_path, """extends: [base]
places: [{role: ledger, directory: /mnt/ledger}]
benchmarks: [{benchmark: a, place: network}, {benchmark: a, place: ledger, options: {runtime: 1s}}]
""")  # fmt: skip
    assert [(place.role, place.directory) for place in profile.places] == [("ledger", "/mnt/ledger"), ("network", None)]
    assert [(item.benchmark, item.place) for item in profile.benchmarks] == [
        ("a", "ledger"),
        ("b", "ledger"),
        ("a", "network"),
    ]
    assert profile.benchmarks[0].options == {"size": "1MiB", "runtime": "1s"}


def test_the_same_identity_twice_in_one_file_is_a_fault(tmp_path: Path) -> None:
    told = problems_of(tmp_path, "places:\n  - {role: ledger, directory: /a}\n  - {role: ledger, directory: /b}\n")
    assert told == ["top.yaml:5:5: places: a second entry of the same identity, got 'ledger'"]


@pytest.mark.parametrize(
    ("path", "left"),
    [
        ("tune.knobs.a.b", {"knobs": ["c"], "entries": ["x", "y"]}),
        ("tune.knobs", {"entries": ["x", "y"]}),
        ("tune.entries.x", {"knobs": ["a.b", "c"], "entries": ["y"]}),
        ("tune.entries", {"knobs": ["a.b", "c"]}),
    ],
)
def test_leave_out_forgets_what_is_extended(tmp_path: Path, path: str, left: dict[str, list[str]]) -> None:
    write(tmp_path, "base", "tune: {knobs: {a.b: 1, c: 2}, entries: [{name: x}, {name: y}]}")
    profile = load(tmp_path, f"extends: [base]\nleave_out: [{path}]")
    names = {
        key: list(value) if isinstance(value, dict) else [e.name for e in value] for key, value in profile.tune.items()
    }
    assert names == left
    assert profile.left_out == (path,)


def test_leave_out_does_not_touch_the_file_itself(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {knobs: {a: {value: 1, why: old}}}")
    setting = load(tmp_path, "extends: [base]\nleave_out: [tune.knobs.a]\ntune: {knobs: {a: {value: 2}}}").tune[
        "knobs"
    ]["a"]
    assert (setting.value, setting.why) == ("2", "")


def test_leaving_out_what_nobody_sets_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {knobs: {vm.swappiness: 1}}")
    assert problems_of(tmp_path, "extends: [base]\nleave_out: [tune.knobs.vm.swapiness]") == [
        "top.yaml:4:13: leave_out: nothing that is extended sets this, got 'tune.knobs.vm.swapiness', "
        "did you mean 'tune.knobs.vm.swappiness'?"
    ]


def test_faults_in_extended_files_are_told_even_where_a_later_file_hides_them(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {entries: [{name: x, depth: 1000, wrod: a}]}\nplaces: 7\n")
    assert problems_of(tmp_path, "extends: [base]\ntune: {entries: [{name: x, depth: 8}]}\nplaces: []\n") == [
        "base.yaml:3:35: tune.entries[0].depth: wanted 64 or less, got '1000'",
        "base.yaml:3:41: tune.entries[0].wrod: is not known here, got 'wrod', did you mean 'word'?",
        "base.yaml:4:9: places: wanted a list, got '7'",
    ]


def test_a_file_may_be_completed_by_one_that_extends_it(tmp_path: Path) -> None:
    write(tmp_path, "base", "tune: {knobs: {a: {mode: warn}}}")
    setting = load(tmp_path, "extends: [base]\ntune: {knobs: {a: {value: 5}}}").tune["knobs"]["a"]
    assert setting.value == "5"


@pytest.mark.parametrize("names", [["top"], ["one", "top"], ["one", "two", "top"]])
def test_a_circle_is_told_where_it_closes(tmp_path: Path, names: list[str]) -> None:
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        write(tmp_path, name, f"extends: [{following}]")
    told = problems_of(tmp_path, f"extends: [{names[0]}]")
    if names == ["top"]:
        assert told == [
            "top.yaml:3:11: extends: extends itself, and there is no other document of this name, got 'top'"
        ]
    else:
        assert len(told) == 1
        assert "extends in a circle: " in told[0]


def test_a_chain_that_is_too_long_is_told(tmp_path: Path) -> None:
    for at in range(CHAIN_LIMIT + 2):
        write(tmp_path, f"p{at}", f"extends: [p{at + 1}]")
    write(tmp_path, f"p{CHAIN_LIMIT + 2}", "")
    told = problems_of(tmp_path, "extends: [p0]")
    assert len(told) == 1
    assert "extends more than 8 documents in a row" in told[0]


def test_extending_what_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "workstation", "")
    assert problems_of(tmp_path, "extends: [workstaton, ../etc]") == [
        "top.yaml:3:11: extends: there is no document of this name, got 'workstaton', did you mean 'workstation'?",
        "top.yaml:3:23: extends[1]: wanted a name of small letters, digits and '-', got '../etc'",
    ]


def test_a_machine_may_adjust_a_shipped_profile_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "shipped").mkdir()
    write(tmp_path / "shipped", "base", "tune: {knobs: {a: shipped, b: shipped}}")
    write(tmp_path / "etc", "base", "extends: [base]\ntune: {knobs: {b: own}}")
    profile = load_profile("base", settings_types=SETTINGS_TYPES, search=[tmp_path / "etc", tmp_path / "shipped"])
    assert {key: setting.value for key, setting in profile.tune["knobs"].items()} == {"a": "shipped", "b": "own"}


def test_summary_and_name_are_never_inherited(tmp_path: Path) -> None:
    write(tmp_path, "base", "")
    assert problems_of(tmp_path, "schema: 1\nextends: [base]\n", head=False) == ["top.yaml:1:1: summary: is missing"]
