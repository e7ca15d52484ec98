"""The section `placement`: typed, merged through extends, in the digest, told by show and explain, refused when odd."""

from pathlib import Path

import pytest

from nodeagent.cli.main import main
from nodeagent.model.errors import ExitCode, ProfileError
from nodeagent.model.placement_settings import PlacementSettings, SmtSiblings
from nodeagent.model.profile import Profile
from nodeagent.model.selector import NicSelector
from nodeagent.profiles import load_profile

_HEAD = "schema: 1\nsummary: a test\n"
_SECTION = """\
placement:
  nic: {driver: ice, count: 1}
  housekeeping: 2
  interrupts:
    value: 4
    why: one queue a core
    source: https://docs.kernel.org/networking/scaling.html
  node: 1
  smt_siblings: keep
"""


def _load(directory: Path, section: str = "", *, name: str = "own", cache: Path | None = None) -> Profile:
    path = directory / f"{name}.yaml"
    path.write_text(_HEAD + section)
    return load_profile(path, settings_types={}, search=(directory,), cache=cache)


def _section(profile: Profile) -> PlacementSettings:
    assert profile.placement is not None
    return profile.placement


def test_a_profile_without_the_section_places_nothing(tmp_path: Path) -> None:
    assert _load(tmp_path).placement is None


def test_the_values_are_typed_and_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    section = _section(_load(tmp_path, _SECTION))
    assert section.nic == NicSelector(driver="ice", count=1)
    assert (section.housekeeping.value, section.interrupts.value) == (2, 4)
    assert (section.poh.value, section.xdp.value) == (1, 0)
    assert section.node.value == "1"
    assert section.smt_siblings.value is SmtSiblings.KEEP


def test_a_value_carries_its_reason_source_and_origin(tmp_path: Path) -> None:
    interrupts = _section(_load(tmp_path, _SECTION)).interrupts
    assert interrupts.why == "one queue a core"
    assert interrupts.source == "https://docs.kernel.org/networking/scaling.html"
    assert interrupts.origin == f"{tmp_path}/own.yaml:7:12"


def test_a_profile_stands_over_the_section_of_the_one_it_extends(tmp_path: Path) -> None:
    _load(tmp_path, _SECTION, name="base")
    section = _section(_load(tmp_path, "extends: [base]\nplacement: {nic: {driver: bnxt_en}, poh: 0}\n"))
    assert section.nic == NicSelector(driver="bnxt_en", count=1)
    assert (section.housekeeping.value, section.poh.value) == (2, 0)


def test_what_is_extended_can_be_left_out(tmp_path: Path) -> None:
    _load(tmp_path, _SECTION, name="base")
    section = _section(_load(tmp_path, "extends: [base]\nleave_out: [placement.nic, placement.housekeeping]\n"))
    assert section.nic is None
    assert section.housekeeping.value == 1


def test_the_digest_covers_what_is_wanted_and_not_why(tmp_path: Path) -> None:
    without = _load(tmp_path).digest
    one = _load(tmp_path, "placement: {interrupts: 4}\n").digest
    same = _load(tmp_path, "placement: {interrupts: {value: 4, why: one a queue}}\n").digest
    other = _load(tmp_path, "placement: {interrupts: 5}\n").digest
    assert one == same
    assert len({without, one, other}) == 3


def test_the_section_comes_back_from_the_cache(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = _load(tmp_path, _SECTION, cache=cache)
    assert list(cache.iterdir())
    assert _load(tmp_path, _SECTION, cache=cache) == first


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ("{housekeeping: 0}", "placement.housekeeping: wanted 1 to 256 physical cores"),
        ("{interrupts: 0}", "placement.interrupts: wanted 1 to 256 physical cores"),
        ("{poh: 2}", "placement.poh: wanted 0 to 1 physical cores"),
        ("{xdp: 65}", "placement.xdp: wanted 0 to 64 physical cores"),
        ("{node: first}", "placement.node: wanted auto or the number of a NUMA node"),
        ("{node: -1}", "placement.node: wanted auto or the number of a NUMA node"),
        ("{smt_siblings: maybe}", "placement.smt_siblings"),
        ("{nic: {}}", "placement.nic: names no property"),
        ("{nic: {count: 1}}", "placement.nic: names no property"),
        ("{nic: {driver: ice, count: 0}}", "placement.nic.count: wanted 1 or more"),
        ("{interrupts: '>=4'}", "a placement is made, not compared"),
        ("{interrupts: {value: 4, mode: warn}}", "placement.interrupts.mode: a placement is made, not compared"),
        ("{pho: 1}", "did you mean 'poh'?"),
        ("[]", "placement: wanted a mapping"),
    ],
)
def test_a_section_that_means_nothing_is_refused_at_its_line(tmp_path: Path, section: str, problem: str) -> None:
    with pytest.raises(ProfileError) as caught:
        _load(tmp_path, f"placement: {section}\n")
    assert problem in caught.value.message
    assert f"{tmp_path}/own.yaml:3:" in caught.value.message


def test_show_and_explain_tell_the_section(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(_HEAD + _SECTION)
    assert main(["profile", "show", str(path), "--resolved"]) == ExitCode.OK
    rows = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "placement.nic driver=ice count=1" in rows
    assert "placement.interrupts 4 own.yaml:7:12" in rows
    assert main(["profile", "explain", str(path), "placement.interrupts"]) == ExitCode.OK
    assert "why: one queue a core" in capsys.readouterr().out
