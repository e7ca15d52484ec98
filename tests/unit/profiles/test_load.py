"""Loading a profile: typed values with their origin, or every fault at its place with the nearest name."""

from pathlib import Path

import pytest

from nodeagent.model.errors import ProfileError
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.profiles import default_search, load_profile
from nodeagent.tune.tunables import TUNABLES
from tests.unit.profiles.toys import SETTINGS_TYPES, Entry, Inner, load, problems_of, write


def test_a_bare_scalar_is_a_setting_with_its_origin(tmp_path: Path) -> None:
    profile = load(tmp_path, "tune:\n  knobs:\n    a.b: off\n")
    assert profile.tune == {"knobs": {"a.b": Setting(value="off", origin=f"{tmp_path}/top.yaml:5:10")}}


@pytest.mark.parametrize("text", ['">=1000000"', '">= 1000000"', "'>=  1000000'"])
def test_a_bound_is_part_of_the_scalar(tmp_path: Path, text: str) -> None:
    setting = load(tmp_path, f"tune: {{knobs: {{a: {text}}}}}").tune["knobs"]["a"]
    assert (setting.value, setting.bound) == ("1000000", Bound.AT_LEAST)


def test_the_long_form_carries_mode_why_and_source(tmp_path: Path) -> None:
    text = 'tune: {knobs: {a: {value: "<= 10", mode: warn, why: because, source: there}}}'
    assert load(tmp_path, text).tune["knobs"]["a"] == Setting(
        value="10", bound=Bound.AT_MOST, mode=Mode.WARN, why="because", source="there",
        origin=f"{tmp_path}/top.yaml:3:27",
    )  # fmt: skip


def test_values_get_the_types_of_the_settings(tmp_path: Path) -> None:
    text = """
tune:
  entries:
    - name: x
      devices: {rotational: false, size_at_least_bytes: 15TB, count: 2}
      depth: ">=8"
      options: [noatime, discard]
      size_bytes: 256MiB
      inner: {interval_seconds: 250ms, on: true}
    - {name: y, options: {value: [a], mode: warn}}
"""
    first, second = load(tmp_path, text).tune["entries"]
    assert first == Entry(
        name="x",
        devices=DeviceSelector(rotational=False, size_at_least_bytes=15 * 10**12, count=2),
        depth=Setting(value=8, bound=Bound.AT_LEAST, origin=f"{tmp_path}/top.yaml:8:14"),
        options=Setting(value=("noatime", "discard"), origin=f"{tmp_path}/top.yaml:9:16"),
        size_bytes=Setting(value=2**28, origin=f"{tmp_path}/top.yaml:10:19"),
        inner=Inner(interval_seconds=Setting(value=0.25, origin=f"{tmp_path}/top.yaml:11:33"), on=True),
    )
    assert second.options == Setting(value=("a",), mode=Mode.WARN, origin=f"{tmp_path}/top.yaml:12:34")


def test_places_benchmarks_and_match_are_typed(tmp_path: Path) -> None:
    text = """
match: {cpu_model: "*EPYC*", cores_at_least: 48, memory_at_least_bytes: 500GiB, virtualisation: false}
places: [{role: ledger, directory: /mnt/ledger}, {role: network, peer: loopback}]
benchmarks: [{benchmark: randread-4k, place: ledger, options: {runtime: 5s}}]
"""
    profile = load(tmp_path, text, benchmarks=["randread-4k"])
    assert (profile.match.cores_at_least, profile.match.memory_at_least_bytes) == (48, 500 * 2**30)
    assert [place.role for place in profile.places] == ["ledger", "network"]
    assert profile.benchmarks[0].options == {"runtime": "5s"}


def test_every_fault_of_a_file_is_told_at_once_with_its_place(tmp_path: Path) -> None:
    text = """schema: 2
sumary: one
extends: base
match: {cores_at_least: 4x, memory_at_least_bytes: 12GX, virtualisation: off}
tune:
  knobs:
    a: ">=10O"
    b: {value: 1, mod: warn, mode: wran}
    c: [1, 2]
    d: {mode: warn}
  entriess: []
  entries:
    - {name: x, depth: 2, word: 9z, devices: {serail: S1}}
    - {depth: ">=65"}
    - text
    - {name: forbidden, word: a, depth: 4, inner: {interval_seconds: soon, on: 1}}
places: {}
"""
    assert problems_of(tmp_path, text, head=False) == [
        "top.yaml:1:1: summary: is missing",
        "top.yaml:1:9: schema: wanted '1', got '2'",
        "top.yaml:2:1: sumary: is not known here, got 'sumary', did you mean 'summary'?",
        "top.yaml:3:10: extends: wanted a list, got 'base'",
        "top.yaml:4:25: match.cores_at_least: wanted a whole number, got '4x'",
        "top.yaml:4:52: match.memory_at_least_bytes: wanted a size such as 4096, 256MiB or 15TB, got '12GX'",
        "top.yaml:4:74: match.virtualisation: wanted true or false, got 'off'",
        "top.yaml:7:8: tune.knobs.a: wanted a number after >=, got '>=10O'",
        "top.yaml:8:19: tune.knobs.b.mod: is not known here, got 'mod', did you mean 'mode'?",
        "top.yaml:8:36: tune.knobs.b.mode: wanted 'enforce', 'warn' or 'ignore', got 'wran', did you mean 'warn'?",
        "top.yaml:9:8: tune.knobs.c.value: wanted a text, got a list",
        "top.yaml:10:5: tune.knobs.d.value: is missing",
        "top.yaml:11:3: tune.entriess: there is no tunable of this name, got 'entriess', did you mean 'entries'?",
        "top.yaml:13:24: tune.entries[0].depth: wanted 4 or more, got '2'",
        "top.yaml:13:33: tune.entries[0].word: wanted a word of small letters, got '9z'",
        "top.yaml:13:47: tune.entries[0].devices.serail: is not known here, got 'serail', did you mean 'serial'?",
        "top.yaml:14:7: tune.entries[1].name: is missing",
        "top.yaml:14:15: tune.entries[1].depth: wanted 64 or less, got '>=65'",
        "top.yaml:15:7: tune.entries[2]: wanted a mapping of keys and values, got 'text'",
        "top.yaml:16:70: tune.entries[3].inner.interval_seconds: wanted a time such as 5s or 250ms, got 'soon'",
        "top.yaml:16:80: tune.entries[3].inner.on: wanted true or false, got '1'",
        "top.yaml:17:9: places: wanted a list, got a mapping",
    ]


def test_what_only_the_whole_can_tell_is_told_at_its_place(tmp_path: Path) -> None:
    text = "tune:\n  entries:\n    - {name: forbidden, word: a, depth: 4}\n"
    assert problems_of(tmp_path, text) == [
        "top.yaml:5:14: tune.entries[0].name: is forbidden, got 'forbidden', did you mean 'allowed'?",
        "top.yaml:5:25: tune.entries[0].word: not together with depth, got 'word'",
    ]


@pytest.mark.parametrize(
    ("text", "wanted"), [("1_000", "a whole number"), ("7.0", "a whole number"), ("0x10", "a whole number")]
)
def test_numbers_are_written_plainly(tmp_path: Path, text: str, wanted: str) -> None:
    told = problems_of(tmp_path, f"tune: {{entries: [{{name: x, depth: {text}}}]}}")
    assert told == [f"top.yaml:3:35: tune.entries[0].depth: wanted {wanted}, got '{text}'"]


@pytest.mark.parametrize("text", ["NaN", ".inf", "1e400", "-.inf"])
def test_no_number_is_infinite_or_none(tmp_path: Path, text: str) -> None:
    told = problems_of(tmp_path, f"tune: {{entries: [{{name: x, inner: {{interval_seconds: {text}}}}}]}}")
    assert len(told) == 1
    assert "wanted a time" in told[0]


def test_an_unknown_benchmark_is_told_with_the_nearest(tmp_path: Path) -> None:
    path = write(tmp_path, "top", "benchmarks: [{benchmark: randraed-4k, place: ledger}]\n")
    with pytest.raises(ProfileError, match=r"3:26: benchmarks\[0\].benchmark: .*did you mean 'randread-4k'"):
        load_profile(path, settings_types=SETTINGS_TYPES, search=[], benchmarks=["randread-4k", "udp"])


def test_a_profile_is_found_by_name_in_the_first_directory_that_has_it(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "base", f"tune: {{knobs: {{a: {folder}}}}}")
    search = [tmp_path / "none", tmp_path / "one", tmp_path / "two"]
    assert load_profile("base", settings_types=SETTINGS_TYPES, search=search).tune["knobs"]["a"].value == "one"


@pytest.mark.parametrize("name", ["Base", "", "a b", ".", "-a", "ä", "a\0b", "a;reboot", "x" * 64, "a_b"])
def test_a_text_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProfileError, match="is no name of a profile"):
        load_profile(name, settings_types=SETTINGS_TYPES, search=[tmp_path])


def test_an_absent_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, "workstation", "")
    with pytest.raises(ProfileError, match=r"there is no profile 'workstatoin' in .*did you mean 'workstation'\?"):
        load_profile("workstatoin", settings_types=SETTINGS_TYPES, search=[tmp_path])


def test_a_found_profile_must_have_the_name_it_was_found_by(tmp_path: Path) -> None:
    write(tmp_path, "one", "name: two\n")
    with pytest.raises(ProfileError, match="is found as 'one', so its name must be that, got 'two'"):
        load_profile("one", settings_types=SETTINGS_TYPES, search=[tmp_path])


def test_a_file_whose_name_is_no_profile_name_needs_one(tmp_path: Path) -> None:
    assert load(tmp_path, "name: fine\n", name="My Profile_1").name == "fine"
    assert problems_of(tmp_path, "", name="My Profile_1") == [
        "My Profile_1.yaml:1:1: the file's name is no profile name; give it one with 'name:', got 'My Profile_1'"
    ]


def test_the_digest_is_of_what_is_wanted_and_of_nothing_else(tmp_path: Path) -> None:
    one = load(tmp_path, "tune: {knobs: {a: 1, b: 2}}\n", name="one")
    two = load(tmp_path, "tune:\n  knobs:\n    b: {value: 2, why: said}\n    a: '1'\n", name="two")
    other = load(tmp_path, "tune: {knobs: {a: 1, b: 3}}\n", name="three")
    told = load(tmp_path, "tune: {knobs: {a: 1, b: {value: 2, mode: warn}}}\n", name="four")
    assert one.digest == two.digest
    assert len({one.digest, other.digest, told.digest}) == 3


def test_every_shipped_profile_loads_and_gives_a_reason_and_a_source_for_every_value() -> None:
    settings_types = {tunable.name: tunable.Settings for tunable in TUNABLES}
    profile = load_profile("workstation", settings_types=settings_types, search=default_search())
    found = list(_settings(profile.tune))
    assert len(found) > 10
    assert [setting.origin for setting in found if not setting.why or not setting.source] == []


def _settings(value: object) -> list[Setting[object]]:
    if isinstance(value, Setting):
        return [value]
    if isinstance(value, dict):
        return [setting for item in value.values() for setting in _settings(item)]
    if isinstance(value, tuple):
        return [setting for item in value for setting in _settings(item)]
    fields = getattr(type(value), "__dataclass_fields__", {})
    return [setting for name in fields for setting in _settings(getattr(value, name))]
