"""What comes back with a boot: the last confirmed profile, as far as a boot may, and the machine reachable."""

import errno
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host.reachability import Reach
from nodeagent.model.change import PlanItem, Risk, WriteFile
from nodeagent.model.errors import ExitCode, HostError, NodeagentError
from nodeagent.model.profile import Profile, ValidatorSetting
from nodeagent.tune import boot_profile
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.boot import BootOrder, BootOutcome, BootResult, run_boot
from nodeagent.tune.confirm import confirm
from nodeagent.tune.rollback import Selection, rollback
from nodeagent.tune.session import open_session
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import A, B, C
from tests.unit.tune.test_rollback import values
from tests.unit.tune.toys import FileTunable, KnobTunable, World, facts_of, profile_of

ORIGINAL = ["1", "2", "3"]
UP = Reach(links=frozenset({"eth0"}), routes=frozenset({"eth0 10.0.0.1"}), answering=frozenset({"10.0.0.1"}))
LINK = frozenset({Risk.LINK_FLAP})


@dataclass
class _Guard:
    """Started and never needed."""

    started: int = 0

    def __call__(self, _watch: Any) -> dict[str, Any]:
        self.started += 1
        return {"kind": "none"}


def _astray(item: PlanItem) -> PlanItem:
    """A step that can't be made: its knob is not there."""
    assert isinstance(item, WriteFile)
    return replace(item, key="knob:/proc/sys/none", path="/proc/sys/none")


def _one_astray(items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
    return (*items[:1], *(_astray(item) for item in items[1:]))


def _one_too_many(items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
    return (*items, *(_astray(item) for item in items[-1:]))


def start(world: World) -> None:
    """The next boot: the kernel's settings are what they were born with."""
    world.reboot()
    for path, value in zip((A, B, C), ORIGINAL, strict=True):
        if (world.root / path.lstrip("/")).exists():
            world.set(path, f"{value}\n")


def boot(world: World, *, look: Callable[[], Reach] = lambda: UP, guard: _Guard | None = None) -> BootResult:
    with open_session(world.host, world.state, command="tune boot", clock=world.clock) as session:
        return run_boot(
            session,
            BootOrder(
                tunables=world.tunables,
                read_facts=lambda: facts_of(world.host),
                look=look,
                start_guard=guard or _Guard(),
                pause=lambda _seconds: None,
            ),
        )


def roll_back(world: World, selection: Selection | None = None) -> None:
    with open_session(world.host, world.state, command="tune rollback", clock=world.clock) as session:
        rollback(session, selection)


KNOBS = profile_of(knobs={A: "10", B: "20"})


def test_what_was_applied_comes_back_with_a_boot(world: World) -> None:
    world.apply(KNOBS)
    start(world)
    result = boot(world)
    assert (result.outcome, result.exit_code) == (BootOutcome.APPLIED, ExitCode.OK)
    assert values(world) == ["10", "20", "3"]
    assert boot(world).outcome is BootOutcome.UNCHANGED


def test_a_rollback_after_the_boot_gives_back_what_the_boot_found(world: World) -> None:
    world.apply(KNOBS)
    start(world)
    boot(world)
    roll_back(world)
    assert values(world) == ORIGINAL
    start(world)
    assert boot(world).outcome is BootOutcome.NOTHING_CONFIRMED


def test_without_a_confirmed_profile_nothing_is_done(world: World) -> None:
    assert boot(world).outcome is BootOutcome.NOTHING_CONFIRMED


def test_the_file_of_the_profile_is_not_needed_and_its_later_content_does_not_count(world: World) -> None:
    world.apply(KNOBS)
    kept = json.loads((world.state / "boot" / "profile.json").read_text())
    assert json.loads(kept["profile"])["tune"] == {"knobs": {A: "10", B: "20"}}


def armed(world: World, profile: Profile, **more: Any) -> str:
    result = world.apply(profile, confirm_within_seconds=60.0, start_guard=_Guard(), **more)
    assert result.outcome is ApplyOutcome.APPLIED
    assert result.transaction is not None
    return result.transaction


def test_an_unconfirmed_profile_does_not_come_back(world: World) -> None:
    armed(world, KNOBS)
    start(world)
    assert boot(world).outcome is BootOutcome.NOTHING_CONFIRMED
    assert values(world) == ORIGINAL


def test_the_confirmed_one_before_it_comes_back_instead(world: World) -> None:
    world.apply(profile_of(knobs={A: "10"}))
    armed(world, profile_of(knobs={A: "11"}))
    start(world)
    assert boot(world).outcome is BootOutcome.APPLIED
    assert values(world)[0] == "10"


def test_a_confirmation_makes_it_the_one_that_comes_back(world: World) -> None:
    armed(world, KNOBS)
    with open_session(world.host, world.state, command="tune confirm", clock=world.clock) as session:
        confirm(session)
    start(world)
    assert boot(world).outcome is BootOutcome.APPLIED
    assert values(world) == ["10", "20", "3"]
    assert not list((world.state / "boot").glob("pending-*"))


def test_a_crash_right_after_the_confirmation_loses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    armed(world, KNOBS)
    with open_session(world.host, world.state, command="tune confirm", clock=world.clock) as session:
        monkeypatch.setattr(boot_profile, "settle", lambda _session: None)
        confirm(session)
    monkeypatch.undo()
    start(world)
    assert boot(world).outcome is BootOutcome.APPLIED


def test_a_directory_that_can_not_be_read_is_told_before_anything_changes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _pattern: str) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as broken:
        broken.setattr(Path, "glob", refuse)
        with pytest.raises(HostError, match="cannot look for the profile of the next boot"):
            world.apply(KNOBS)
    assert values(world) == ORIGINAL
    assert world.apply(KNOBS).outcome is ApplyOutcome.APPLIED


def test_an_apply_that_failed_leaves_the_one_before(make_world: MakeWorld) -> None:
    world = make_world()
    world.apply(profile_of(knobs={A: "10"}))
    world.tunables = (KnobTunable(cheats=_one_too_many),)
    assert world.apply(profile_of(knobs={A: "11"})).outcome is ApplyOutcome.ROLLED_BACK
    world.tunables = (KnobTunable(),)
    start(world)
    boot(world)
    assert values(world)[0] == "10"


def test_a_profile_that_needed_nothing_is_remembered_too(world: World) -> None:
    world.set(A, "10\n")
    world.apply(profile_of(knobs={A: "10"}))
    start(world)
    assert boot(world).outcome is BootOutcome.APPLIED


def test_part_of_a_profile_is_added_to_what_was_confirmed(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(), KnobTunable(name="later")))
    both = profile_of(knobs={A: "10"}, later={B: "20"})
    world.apply(both, world.plan(both, only=("knobs",)))
    start(world)
    boot(world)
    assert values(world) == ["10", "2", "3"]
    world.apply(both, world.plan(both, only=("later",)))
    start(world)
    boot(world)
    assert values(world) == ["10", "20", "3"]


def test_a_tunable_that_was_rolled_back_stays_so(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(), KnobTunable(name="later")))
    world.apply(profile_of(knobs={A: "10"}, later={B: "20"}))
    roll_back(world, Selection(tunable="later"))
    start(world)
    boot(world)
    assert values(world) == ["10", "2", "3"]


def test_a_profile_that_can_not_be_forgotten_is_told_before_anything_is_rolled_back(world: World) -> None:
    """A next boot would apply again what a rollback had taken back."""
    world.apply(KNOBS)
    kept = world.state / "boot" / "profile.json"
    kept.unlink()
    kept.mkdir()
    with pytest.raises(HostError, match=r"cannot remove .*profile\.json, so the next boot would apply it"):
        roll_back(world)
    assert values(world) == ["10", "20", "3"]
    kept.rmdir()
    roll_back(world)
    assert values(world) == ORIGINAL


def test_what_lasts_is_looked_at_and_never_made(make_world: MakeWorld) -> None:
    world = make_world({A: "1\n"}, tunables=(KnobTunable(), FileTunable()))
    world.set("/etc/there", "x")
    world.apply(profile_of(knobs={A: "10"}, files={"/etc/made": "content"}))
    start(world)
    (world.root / "etc" / "made").unlink()
    result = boot(world)
    assert result.outcome is BootOutcome.APPLIED
    assert result.left_out == ("file:/etc/made",)
    assert not (world.root / "etc" / "made").exists()


RISKY = [risk for risk in Risk if risk not in (Risk.LIVE, Risk.LINK_FLAP)]


@pytest.mark.parametrize("risk", RISKY)
def test_worse_than_a_flap_is_never_made_at_boot(make_world: MakeWorld, risk: Risk) -> None:
    world = make_world(tunables=(KnobTunable(risk=risk),))
    world.apply(KNOBS, allow=frozenset(Risk))
    start(world)
    result = boot(world)
    assert values(world) == ORIGINAL
    assert result.left_out == (f"knob:{A}", f"knob:{B}")
    assert result.exit_code is ExitCode.DIFFERS


@pytest.fixture
def flapping(make_world: MakeWorld) -> World:
    world = make_world(tunables=(KnobTunable(risk=Risk.LINK_FLAP),))
    world.apply(KNOBS, allow=LINK)
    start(world)
    return world


def test_a_flap_is_made_under_a_guard_and_confirmed_when_all_is_back(flapping: World) -> None:
    guard = _Guard()
    looks = iter([UP, replace(UP, links=frozenset()), UP])
    result = boot(flapping, look=lambda: next(looks), guard=guard)
    assert result.outcome is BootOutcome.APPLIED
    assert guard.started == 1
    assert values(flapping) == ["10", "20", "3"]
    with open_session(flapping.host, flapping.state, command="test", clock=flapping.clock) as session:
        assert session.ledger.transactions[result.transaction or ""].confirmed


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        (replace(UP, links=frozenset()), "no carrier on eth0"),
        (replace(UP, routes=frozenset()), "no default route by eth0 10.0.0.1"),
        (replace(UP, answering=frozenset()), "the gateway 10.0.0.1 does not answer"),
    ],
)
def test_what_cut_the_machine_off_is_undone_and_told(flapping: World, after: Reach, problem: str) -> None:
    looks = iter([UP])
    result = boot(flapping, look=lambda: next(looks, after))
    assert (result.outcome, result.exit_code) == (BootOutcome.UNDONE, ExitCode.ROLLED_BACK)
    assert problem in result.problem
    assert values(flapping) == ORIGINAL
    start(flapping)
    assert boot(flapping).outcome is BootOutcome.APPLIED


def test_a_flap_that_was_not_allowed_then_is_not_made(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(),))
    world.apply(KNOBS)
    world.tunables = (KnobTunable(risk=Risk.LINK_FLAP),)
    start(world)
    assert boot(world).left_out == (f"knob:{A}", f"knob:{B}")
    assert values(world) == ORIGINAL


def test_an_apply_of_live_steps_later_does_not_take_the_permission_away(flapping: World) -> None:
    boot(flapping)
    flapping.apply(KNOBS)
    start(flapping)
    assert boot(flapping).outcome is BootOutcome.APPLIED


def test_without_any_link_nobody_could_tell_so_nothing_flaps(flapping: World) -> None:
    result = boot(flapping, look=Reach)
    assert values(flapping) == ORIGINAL
    assert "no link has carrier" in result.notes[0]
    assert result.exit_code is ExitCode.DIFFERS


def test_beside_a_running_validator_only_live_settings_are_made(make_world: MakeWorld) -> None:
    tunables = (KnobTunable(risk=Risk.LINK_FLAP), KnobTunable(name="later"))
    world = make_world(tunables=tunables)
    profile = replace(profile_of(knobs={A: "10"}, later={B: "20"}), validator=ValidatorSetting(unit="sol.service"))
    world.set("/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "7\n")
    world.apply(profile, allow=LINK)
    start(world)
    world.set("/sys/fs/cgroup/system.slice/sol.service/cgroup.procs", "4711\n")
    result = boot(world)
    assert values(world) == ["1", "20", "3"]
    assert "sol.service runs" in result.notes[0]


def test_a_boot_that_can_not_apply_undoes_what_it_did(world: World) -> None:
    world.apply(KNOBS)
    start(world)
    world.tunables = (KnobTunable(cheats=_one_astray),)
    result = boot(world)
    assert result.outcome in (BootOutcome.UNDONE, BootOutcome.FAILED)
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert result.problem
    assert values(world) == ORIGINAL


@pytest.mark.parametrize("damage", ["", "{", '{"boot_version": 99}', "other"])
def test_a_damaged_file_is_told_with_the_way_out(world: World, damage: str) -> None:
    world.apply(KNOBS)
    file = world.state / "boot" / "profile.json"
    file.write_text(file.read_text().replace("20", "21") if damage == "other" else damage)
    start(world)
    with pytest.raises(NodeagentError, match=r"profile\.json is not what this nodeagent wrote") as caught:
        boot(world)
    assert "nodeagent tune apply" in (caught.value.remedy or "")
    assert values(world) == ORIGINAL
    world.apply(KNOBS)
    start(world)
    assert boot(world).outcome is BootOutcome.APPLIED


def test_a_tunable_that_this_version_lacks_is_told(world: World) -> None:
    world.apply(KNOBS)
    start(world)
    world.tunables = (KnobTunable(name="other"),)
    with pytest.raises(NodeagentError, match="knobs"):
        boot(world)


def test_leftovers_are_undone_first(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world({A: "1\n"}, tunables=(KnobTunable(), FileTunable()))
    (world.root / "etc").mkdir(exist_ok=True)
    armed(world, profile_of(knobs={A: "10"}, files={"/etc/made": "content"}))
    start(world)
    result = boot(world)
    assert "file:/etc/made" in {step.key for step in result.recovered}
    assert not (world.root / "etc" / "made").exists()
