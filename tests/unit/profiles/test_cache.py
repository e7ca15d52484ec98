"""A kept profile is used only while all it was made from is unchanged; anything odd about it and it is made anew."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.errors import ProfileError
from nodeagent.model.profile import Profile
from nodeagent.model.setting import Mode, Setting
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.cache import Entry as Kept
from nodeagent.profiles.layers import Layer
from nodeagent.profiles.plain import from_plain, to_plain
from nodeagent.tune.tunables import TUNABLES
from tests.needs import need_root
from tests.unit.profiles.toys import SETTINGS_TYPES, Entry, Inner, write

_TEXT = """tune:
  knobs: {a: ">=1", b: {value: x, mode: warn, why: because}}
  entries: [{name: x, depth: 8, options: [a, b], inner: {interval_seconds: 1s, on: true}}]
match: {cores_at_least: 4}
places: [{role: ledger, directory: /x}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "base", "tune: {knobs: {z: 1}}")
    write(tmp_path, "top", f"extends: [base]\n{_TEXT}")
    return tmp_path


def _load(folder: Path, *more: Path) -> Profile:
    cache = folder / "cache"
    return load_profile("top", settings_types=SETTINGS_TYPES, search=[*more, folder], cache=cache)


def _entry(folder: Path) -> Path:
    (path,) = (folder / "cache").glob("profile-*.json")
    return path


def _poison(folder: Path) -> None:
    """Make a kept entry tell on itself, its checksum right: whoever uses it sees `poisoned`."""
    from hashlib import sha256

    kept = json.loads(_entry(folder).read_text())
    kept["profile"] = json.dumps(json.loads(kept["profile"]) | {"summary": "poisoned"})
    kept["digest"] = sha256(kept["profile"].encode()).hexdigest()
    _entry(folder).write_text(json.dumps(kept))


def test_a_kept_profile_is_the_same_profile(folder: Path) -> None:
    first = _load(folder)
    assert _load(folder) == first
    _poison(folder)
    assert _load(folder).summary == "poisoned"


@pytest.mark.parametrize("name", ["top", "base"])
def test_a_changed_file_makes_it_anew(folder: Path, name: str) -> None:
    _load(folder)
    _poison(folder)
    path = folder / f"{name}.yaml"
    path.write_text(path.read_text() + "\n# touched\n")
    assert _load(folder).summary != "poisoned"


def test_a_file_that_now_comes_first_makes_it_anew(folder: Path) -> None:
    earlier = folder / "earlier"
    earlier.mkdir()
    _load(folder, earlier)
    _poison(folder)
    assert _load(folder, earlier).summary == "poisoned"
    write(earlier, "base", "tune: {knobs: {z: 2}}")
    assert _load(folder, earlier).summary != "poisoned"


def test_an_entry_whose_checksum_does_not_fit_is_made_anew(folder: Path) -> None:
    _load(folder)
    kept = json.loads(_entry(folder).read_text())
    kept["profile"] = kept["profile"].replace("the profile top", "something else")
    _entry(folder).write_text(json.dumps(kept))
    assert _load(folder).summary == "the profile top"


@pytest.mark.parametrize("name", ["own/top", "earlier/base"])
def test_what_changes_while_it_is_being_kept_is_not_kept(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is written between reading the profile and keeping it must not lend it its digest."""
    folders = [tmp_path / folder for folder in ("own", "earlier", "later")]
    for folder in folders:
        folder.mkdir()
    write(tmp_path, "own/top", "extends: [base]")
    write(tmp_path, "later/base", "tune: {knobs: {z: 1}}")
    put = Kept.put

    def changed_first(entry: Kept, profile: Profile, layers: Sequence[Layer]) -> None:
        write(tmp_path, name, "tune: {knobs: {z: 99}}")
        put(entry, profile, layers)

    def load_top() -> str:
        profile = load_profile("top", settings_types=SETTINGS_TYPES, search=folders, cache=tmp_path / "cache")
        return str(profile.tune["knobs"]["z"].value)

    monkeypatch.setattr(Kept, "put", changed_first)
    assert load_top() == "1"
    monkeypatch.setattr(Kept, "put", put)
    assert load_top() == "99"
    assert load_top() == "99"


def test_changed_code_of_the_settings_makes_it_anew(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _load(folder)
    _poison(folder)
    monkeypatch.setattr("nodeagent.profiles.cache.VERSION", "99.0")
    assert _load(folder).summary != "poisoned"


def test_an_entry_that_was_made_without_knowing_the_benchmarks_is_not_used_where_they_are_checked(folder: Path) -> None:
    write(folder, "top", "benchmarks: [{benchmark: nonsense, place: x}]")
    _load(folder)
    with pytest.raises(ProfileError, match="there is no benchmark of this name"):
        load_profile("top", settings_types=SETTINGS_TYPES, search=[folder], benchmarks=["udp"], cache=folder / "cache")


def test_without_keep_an_entry_is_used_but_none_is_made(folder: Path) -> None:
    cache = folder / "cache"
    load_profile("top", settings_types=SETTINGS_TYPES, search=[folder], cache=cache, keep=False)
    assert not cache.exists()
    _load(folder)
    _poison(folder)
    used = load_profile("top", settings_types=SETTINGS_TYPES, search=[folder], cache=cache, keep=False)
    assert used.summary == "poisoned"


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "7", '{"made_by": 1}', "\0", "[" * 100_000, '{"a": NaN}'])
def test_a_damaged_entry_is_made_anew(folder: Path, content: str) -> None:
    first = _load(folder)
    _entry(folder).write_text(content)
    assert _load(folder) == first
    assert json.loads(_entry(folder).read_text())["profile"]


@given(at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_an_entry_with_one_byte_changed_is_never_believed(
    tmp_path_factory: pytest.TempPathFactory, at: int, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("bytes")
    write(folder, "base", "tune: {knobs: {z: 1}}")
    write(folder, "top", f"extends: [base]\n{_TEXT}")
    first = _load(folder)
    path = _entry(folder)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] = byte
    path.write_bytes(raw)
    assert _load(folder) == first


def test_a_directory_that_others_may_write_to_is_not_used(folder: Path) -> None:
    _load(folder)
    _poison(folder)
    (folder / "cache").chmod(0o777)
    assert _load(folder).summary != "poisoned"


@need_root  # only root can give a directory away
def test_a_directory_of_somebody_else_is_not_used(folder: Path) -> None:
    _load(folder)
    _poison(folder)
    os.chown(folder / "cache", 12345, 12345)
    assert _load(folder).summary != "poisoned"


def test_a_cache_that_cannot_be_written_is_no_error(folder: Path) -> None:
    (folder / "cache").write_text("in the way")
    assert _load(folder).tune["knobs"]["z"].value == "1"


def test_faults_are_told_with_a_cache_too(folder: Path) -> None:
    _load(folder)
    write(folder, "top", "tune: {knbos: {}}")
    with pytest.raises(ProfileError, match="did you mean 'knobs'"):
        _load(folder)


def test_the_shipped_profile_comes_back_equal_from_the_cache_and_without_pydantic(tmp_path: Path) -> None:
    types = {tunable.name: tunable.Settings for tunable in TUNABLES}

    def load_again() -> Profile:
        return load_profile("workstation", settings_types=types, search=default_search(), cache=tmp_path / "cache")

    first = load_again()
    hidden = {module: sys.modules.pop(module) for module in list(sys.modules) if module.startswith("pydantic")}
    try:
        assert load_again() == first
        assert not any(module.startswith("pydantic") for module in sys.modules)
    finally:
        sys.modules.update(hidden)


_settings = st.builds(
    Setting,
    value=st.text(max_size=9),
    mode=st.sampled_from(list(Mode)),
    why=st.text(max_size=9),
    origin=st.just("f:1:1"),
)
_entries = st.builds(
    Entry,
    name=st.text(max_size=5),
    word=st.none() | _settings,
    options=st.none() | st.builds(Setting, value=st.lists(st.text(max_size=4)).map(tuple)),
    inner=st.none()
    | st.builds(Inner, interval_seconds=st.none() | st.builds(Setting, value=st.floats(0, 9)), on=st.booleans()),
)


@given(st.lists(_entries).map(tuple))
def test_plain_and_back_is_the_same(entries: tuple[Entry, ...]) -> None:
    plain = json.loads(json.dumps(to_plain(entries)))
    assert from_plain(tuple[Entry, ...], plain) == entries
