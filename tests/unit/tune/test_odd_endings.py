"""Endings that are rare: what can't be looked at, what vanishes, what stays unknown, chains of other kinds."""

from dataclasses import replace
from typing import Any

import pytest

from nodeagent.host import Host, changes
from nodeagent.host.changes import Observation
from nodeagent.model.change import Change, Deferred, DirectoryState, PlanItem, SetDirectory, WriteFile
from nodeagent.model.errors import ExitCode, HostError, RefusedError
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.undo.undo import Fate
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import MAKER, A, B, C, appear, maker_world
from tests.unit.tune.test_rollback import Crash, crash_at, roll_back, values
from tests.unit.tune.toys import FileTunable, KnobTunable, World, profile_of

THREE = profile_of(knobs={A: "10", B: "20", C: "30"})


def blind_to(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A knob that answers EIO."""
    real = changes.observe

    def observe(host: Host, change: Change) -> Observation:
        if isinstance(change, WriteFile) and change.path == path:
            raise HostError(f"cannot read {path}: EIO")
        return real(host, change)

    monkeypatch.setattr(changes, "observe", observe)


def test_what_cannot_be_looked_at_is_not_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(THREE)
    blind_to(monkeypatch, B)
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.FAILED, Fate.RESTORED]
    assert "EIO" in result.steps[1].detail
    assert values(world) == ["1", "20", "3"]
    monkeypatch.undo()
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]


def test_leftovers_that_cannot_be_undone_stop_the_next_apply(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Crash):
        world.apply(THREE, listener=crash_at(Step.DONE, f"knob:{B}"))
    blind_to(monkeypatch, B)
    with pytest.raises(RefusedError, match="leftovers of an earlier run could not be undone: knob:/proc/sys/b"):
        world.apply(profile_of(knobs={C: "30"}))
    assert values(world) == ["1", "20", "3"]
    monkeypatch.undo()
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]


def test_a_read_back_that_fails_is_no_success(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def break_it(event: Event) -> None:
        if event.step is Step.PERFORMED and event.key == f"knob:{B}":
            blind_to(monkeypatch, B)

    result = world.apply(THREE, listener=break_it)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "can't be read any more" in result.problem
    assert [step.fate for step in result.undone] == [Fate.FAILED, Fate.RESTORED]
    monkeypatch.undo()
    roll_back(world)
    assert values(world) == ["1", "2", "3"]


def test_a_knob_that_vanishes_before_its_write_stops_the_apply(world: World) -> None:
    def unplug(event: Event) -> None:
        if event.step is Step.DONE and event.key == f"knob:{A}":
            (world.root / B.lstrip("/")).unlink()

    result = world.apply(THREE, listener=unplug)
    assert result.problem == f"knob:{B}: it is gone"
    assert not (world.root / B.lstrip("/")).exists()
    assert world.value(A) == "1\n"


def test_a_restore_that_cannot_be_read_back_is_tried_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(profile_of(knobs={A: "10"}))

    def break_it(event: Event) -> None:
        if event.step is Step.RESTORED:
            blind_to(monkeypatch, A)

    assert [step.fate for step in roll_back(world, listener=break_it).steps] == [Fate.FAILED]
    monkeypatch.undo()
    assert [step.fate for step in roll_back(world).steps] == [Fate.ALREADY_ORIGINAL]
    assert world.value(A) == "1\n"


def test_a_deferred_step_that_stays_unknown_stops_the_apply(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    late = Deferred(key="late", tunable="maker", waits_for="file:/etc/made/made.conf", summary="never known")
    real = world.tunables[0].plan

    def plan(*arguments: Any) -> tuple[PlanItem, ...]:
        return (*(item for item in real(*arguments) if not isinstance(item, Deferred)), late)

    world.tunables[0].plan = plan  # type: ignore[assignment, method-assign]
    result = world.apply(profile_of(maker=MAKER))
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert result.problem == "late is still not known after file:/etc/made/made.conf was set"
    assert not (world.root / "etc/made").exists()


def test_a_tunable_that_wants_more_once_it_began_is_stopped(make_world: MakeWorld) -> None:
    """plan(observe(after apply)) == () is the contract; one that breaks it can't go on for ever."""
    wants = iter(range(100, 200))

    def restless(items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
        return tuple(replace(item, after=str(next(wants))) for item in items if isinstance(item, WriteFile))

    world = make_world(tunables=(KnobTunable(cheats=restless),))
    with pytest.raises(RefusedError, match="does not fit any more"):
        world.apply(THREE)
    assert values(world) == ["1", "2", "3"]


def test_a_defect_in_a_later_tunable_undoes_the_earlier_ones(make_world: MakeWorld) -> None:
    calls = [0]

    def breaks(items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
        calls[0] += 1
        if calls[0] > 2:
            raise ZeroDivisionError("late")
        return items

    world = make_world(tunables=(KnobTunable(name="first"), KnobTunable(name="second", cheats=breaks)))
    result = world.apply(profile_of(first={A: "10"}, second={B: "20"}))
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "tunable second failed to plan: ZeroDivisionError: late" in result.problem
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert values(world) == ["1", "2", "3"]


def test_a_listener_that_breaks_undoes_the_apply(world: World) -> None:
    def breaks(event: Event) -> None:
        if event.step is Step.DONE:
            raise RuntimeError("the view is broken")

    result = world.apply(THREE, listener=breaks)
    assert "RuntimeError: the view is broken" in result.problem
    assert values(world) == ["1", "2", "3"]


@pytest.mark.parametrize("before", [None, "old\n"])
def test_several_versions_of_a_file_go_back_to_the_first(make_world: MakeWorld, before: str | None) -> None:
    world = make_world({"/etc/x": ""} | ({"/etc/made.conf": before} if before else {}), tunables=(FileTunable(),))
    for content in ("a\n", "b\n", "c\n"):
        world.apply(profile_of(files={"/etc/made.conf": content}))
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED]
    assert (world.root / "etc/made.conf").exists() == (before is not None)
    assert before is None or world.value("/etc/made.conf") == before


def test_a_directory_that_was_made_and_then_changed_is_removed(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    world.apply(profile_of(maker=MAKER), listener=appear(world))
    maker = world.tunables[0]
    real = maker.plan

    def plan(*arguments: Any) -> tuple[PlanItem, ...]:
        mode = (world.root / "etc/made").stat().st_mode & 0o777
        wanted = DirectoryState(mode=0o700, uid=maker.uid, gid=maker.gid)  # type: ignore[attr-defined]
        found = replace(wanted, mode=mode)
        change = SetDirectory(key="dir:/etc/made", tunable="maker", path="/etc/made", before=found, after=wanted)
        return (*([change] if found != wanted else []), *real(*arguments))

    maker.plan = plan  # type: ignore[assignment, method-assign]
    world.apply(profile_of(maker=MAKER))
    assert (world.root / "etc/made").stat().st_mode & 0o777 == 0o700
    assert {step.fate for step in roll_back(world).steps} == {Fate.RESTORED}
    assert not (world.root / "etc/made").exists()
