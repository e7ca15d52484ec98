"""An apply does what its plan says, keeps every original, and undoes itself when anything is not as planned."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import changes
from nodeagent.model.change import PlanItem, Risk, WriteFile
from nodeagent.model.errors import BusyError, ExitCode, HostError, JournalError, NodeagentError, RefusedError
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.journal import Journal
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.toys import CoupledTunable, KnobTunable, MakerTunable, World, profile_of

A, B, C = "/proc/sys/a", "/proc/sys/b", "/proc/sys/c"
THREE = profile_of(knobs={A: "10", B: "20", C: "30"})


def ledger_of(world: World) -> Ledger:
    with Journal(world.state, boot_id="reader") as journal:
        return journal.ledger


def types_of(world: World) -> list[str]:
    connection = sqlite3.connect(world.state / "journal.db")
    try:
        return [row[0] for row in connection.execute("SELECT type FROM records ORDER BY seq")]
    finally:
        connection.close()


def test_a_plan_is_carried_out_and_nothing_is_left_to_plan(world: World) -> None:
    result = world.apply(THREE)
    assert result.outcome is ApplyOutcome.APPLIED
    assert result.exit_code is ExitCode.OK
    assert [world.value(path) for path in (A, B, C)] == ["10\n", "20\n", "30\n"]
    assert world.plan(THREE).items == ()
    assert world.apply(THREE).outcome is ApplyOutcome.NOTHING


def test_the_records_tell_the_story_in_order(world: World) -> None:
    world.apply(profile_of(knobs={A: "10", B: "20"}))
    assert types_of(world) == ["begin", "intent", "done", "intent", "done", "verified", "end"]


def test_the_old_value_is_on_disk_before_the_write(world: World) -> None:
    """The events come after what they name: at INTENDED the row is there and the knob untouched."""
    seen: list[tuple[str, str]] = []

    def look(event: Event) -> None:
        if event.step is Step.INTENDED:
            connection = sqlite3.connect(f"file:{world.state / 'journal.db'}?mode=ro", uri=True)
            body = connection.execute("SELECT body FROM records WHERE type = 'intent' ORDER BY seq DESC").fetchone()[0]
            connection.close()
            seen.append((body, world.value(event.key.removeprefix("knob:"))))

    world.apply(profile_of(knobs={A: "10"}), listener=look)
    (body, value) = seen[0]
    assert '"state":"1"' in body
    assert value == "1\n"


def test_a_saved_plan_is_refused_when_a_value_moved(world: World) -> None:
    plan = world.plan(THREE)
    world.set(B, "77\n")
    with pytest.raises(RefusedError, match=r"knob:/proc/sys/b: planned 2 -> 20, now it would be 77 -> 20"):
        world.apply(THREE, plan)
    assert world.value(A) == "1\n"
    assert not ledger_of(world).transactions


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine_id": "another"}, "made for the machine"),
        ({"boot_id": "boot-0"}, "started again"),
        ({"profile_digest": "sha256:old"}, "says something else"),
    ],
)
def test_a_plan_of_another_machine_boot_or_profile_is_refused(
    world: World, change: dict[str, str], reason: str
) -> None:
    plan = replace(world.plan(THREE), **change)  # type: ignore[arg-type]
    with pytest.raises(RefusedError, match=reason) as caught:
        world.apply(THREE, plan)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert world.value(A) == "1\n"


def test_a_plan_that_contradicts_itself_is_refused(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(), KnobTunable(name="again")))
    profile = profile_of(knobs={A: "10"}, again={A: "11"})
    assert len(world.plan(profile).conflicts) == 1
    with pytest.raises(RefusedError, match="knob:/proc/sys/a is set twice, by knobs and again"):
        world.apply(profile)


def test_a_risk_must_be_allowed(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(risk=Risk.LINK_FLAP),))
    with pytest.raises(RefusedError, match="link-flap") as caught:
        world.apply(THREE)
    assert caught.value.remedy is not None
    assert "--allow link-flap" in caught.value.remedy
    assert world.apply(THREE, allow=[Risk.LINK_FLAP]).outcome is ApplyOutcome.APPLIED


def _refusing(monkeypatch: pytest.MonkeyPatch, path: str, problem: Exception) -> None:
    """A kernel that does not take a value for one knob."""
    real = changes.perform

    def perform(host: Any, change: Any) -> None:
        if isinstance(change, WriteFile) and change.path == path and change.after not in ("1", "2", "3"):
            raise problem
        real(host, change)

    monkeypatch.setattr(changes, "perform", perform)


@pytest.mark.parametrize("problem", [HostError("cannot write: EINVAL", remedy="look"), TypeError("our own defect")])
def test_a_refused_write_undoes_what_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    _refusing(monkeypatch, B, problem)
    result = world.apply(THREE)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert result.exit_code is ExitCode.ROLLED_BACK
    assert str(problem) in result.problem
    assert [(step.key, step.fate) for step in result.undone] == [
        (f"knob:{B}", Fate.ALREADY_ORIGINAL),
        (f"knob:{A}", Fate.RESTORED),
    ]
    assert [world.value(path) for path in (A, B, C)] == ["1\n", "2\n", "3\n"]
    assert not ledger_of(world).owned()


def test_a_value_that_the_kernel_trims_is_undone_too(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = changes.perform

    def trimming(host: Any, change: Any) -> None:
        real(host, replace(change, after="19") if change.after == "20" else change)

    monkeypatch.setattr(changes, "perform", trimming)
    result = world.apply(THREE)
    assert "'20' was written, it reads '19'" in result.problem
    assert [world.value(path) for path in (A, B, C)] == ["1\n", "2\n", "3\n"]


def test_a_value_that_moves_during_the_apply_stops_it(world: World) -> None:
    def meddle(event: Event) -> None:
        if event.step is Step.DONE and event.key == f"knob:{A}":
            world.set(B, "99\n")

    result = world.apply(THREE, listener=meddle)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "planned from '2', found '99'" in result.problem
    assert [world.value(path) for path in (A, B, C)] == ["1\n", "99\n", "3\n"]


def test_drift_right_after_the_apply_undoes_it(world: World) -> None:
    def meddle(event: Event) -> None:
        if event.step is Step.TUNABLE_DONE:
            world.set(A, "10\n20\n")

    result = world.apply(THREE, listener=meddle)
    assert "verify found drift right after the apply" in result.problem
    assert [(step.key, step.fate) for step in result.undone][-1] == (f"knob:{A}", Fate.CONFLICT)
    assert world.value(B) == "2\n"


def test_an_interrupted_apply_stops_between_two_steps_and_keeps_what_it_did(world: World) -> None:
    done: list[str] = []

    def count(event: Event) -> None:
        if event.step is Step.DONE:
            done.append(event.key)

    result = world.apply(THREE, listener=count, interrupted=lambda: len(done) >= 2)
    assert result.outcome is ApplyOutcome.INTERRUPTED
    assert result.exit_code is ExitCode.INTERRUPTED
    assert [world.value(path) for path in (A, B, C)] == ["10\n", "20\n", "3\n"]
    assert types_of(world)[-1] == "end"
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED


def test_a_journal_that_fails_stops_everything_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is undone either: an undo without a record could not be told from a foreign change later."""

    def full(event: Event) -> None:
        if event.step is Step.DONE and event.key == f"knob:{A}":
            monkeypatch.setattr(Journal, "append_all", refuse)

    def refuse(journal: Journal, _drafts: object) -> None:
        raise JournalError("cannot write the journal: disk full")

    with pytest.raises(JournalError):
        world.apply(THREE, listener=full)
    assert [world.value(path) for path in (A, B, C)] == ["10\n", "2\n", "3\n"]
    monkeypatch.undo()
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED
    assert ledger_of(world).original(f"knob:{A}", boot_id="boot-1") == "1"


def test_a_second_apply_finds_the_lock_taken(world: World) -> None:
    with (
        open_session(world.host, world.state, command="tune apply --profile x", clock=world.clock),
        pytest.raises(BusyError, match=r"process \d+ \(nodeagent tune apply --profile x\)") as caught,
    ):
        world.apply(THREE)
    assert caught.value.exit_code is ExitCode.BUSY
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED


MAKER = {"directory": "/etc/made", "content": "made\n", "knob": "/proc/sys/late", "value": "5"}


def maker_world(make_world: MakeWorld, **more: Any) -> World:
    import os

    return make_world(
        {"/etc/x": "", A: "1\n"}, tunables=(MakerTunable(uid=os.geteuid(), gid=os.getegid(), **more), KnobTunable())
    )


def appear(world: World, value: str = "4\n") -> Any:
    def kernel(event: Event) -> None:
        if event.step is Step.DONE and event.key == "file:/etc/made/made.conf":
            world.set("/proc/sys/late", value)

    return kernel


def test_a_deferred_step_is_filled_in_once_its_ground_is_there(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    profile = profile_of(maker=MAKER)
    assert [item.key for item in world.plan(profile).deferred] == ["knob:/proc/sys/late"]
    result = world.apply(profile, listener=appear(world))
    assert result.outcome is ApplyOutcome.APPLIED
    assert world.value("/proc/sys/late") == "5\n"
    assert (world.root / "etc/made").stat().st_mode & 0o777 == 0o750
    assert (world.root / "etc/made/made.conf").stat().st_mode & 0o777 == 0o640


def test_a_deferred_step_that_proves_needless_is_left_out(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    result = world.apply(profile_of(maker=MAKER), listener=appear(world, "5\n"))
    assert result.outcome is ApplyOutcome.APPLIED
    assert [change.key for change in result.applied] == ["dir:/etc/made", "file:/etc/made/made.conf"]


def test_a_deferred_step_of_another_risk_is_not_taken_unasked(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    maker = world.tunables[0]
    real = maker.plan

    def plan(*arguments: Any) -> tuple[PlanItem, ...]:
        return tuple(
            replace(item, risk=Risk.REBOOT) if isinstance(item, WriteFile) else item for item in real(*arguments)
        )

    maker.plan = plan  # type: ignore[assignment, method-assign]
    result = world.apply(profile_of(maker=MAKER), listener=appear(world))
    assert "risk reboot" in result.problem
    assert not (world.root / "etc/made").exists()


def test_directories_and_files_are_undone_as_well(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = maker_world(make_world)
    _refusing(monkeypatch, A, HostError("no"))
    before = sorted(path.name for path in (world.root / "etc").iterdir())
    result = world.apply(profile_of(maker=MAKER, knobs={A: "10"}), listener=appear(world))
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert {step.fate for step in result.undone} == {Fate.RESTORED, Fate.ALREADY_ORIGINAL}
    assert sorted(path.name for path in (world.root / "etc").iterdir()) == before


def test_a_coupled_group_is_one_step(make_world: MakeWorld) -> None:
    world = make_world({"/proc/sys/vm/bytes": "0\n", "/proc/sys/vm/ratio": "20\n"}, tunables=(CoupledTunable(),))
    profile = profile_of(coupled={"/proc/sys/vm/bytes": "4096", "/proc/sys/vm/ratio": "0"})
    assert world.apply(profile).outcome is ApplyOutcome.APPLIED
    assert world.plan(profile).items == ()
    assert ledger_of(world).original("couple", boot_id="boot-1") == ("/proc/sys/vm/bytes='0' /proc/sys/vm/ratio='20'")


def test_a_tunable_that_fails_is_named(make_world: MakeWorld) -> None:
    def broken(_items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
        raise ZeroDivisionError("division by zero")

    world = make_world(tunables=(KnobTunable(cheats=broken),))
    with pytest.raises(NodeagentError, match="tunable knobs failed to plan: ZeroDivisionError: division by zero"):
        world.plan(THREE)


def test_a_step_of_somebody_else_is_a_defect(make_world: MakeWorld) -> None:
    world = make_world(
        tunables=(KnobTunable(cheats=lambda items: tuple(replace(item, tunable="other") for item in items)),)
    )
    with pytest.raises(NodeagentError, match="not one of its own changes"):
        world.plan(THREE)


def test_an_undo_script_is_there_before_the_first_change(world: World) -> None:
    seen: list[tuple[bool, str]] = []

    def look(event: Event) -> None:
        if event.step is Step.INTENDED:
            scripts = list((world.state / "undo").glob("*.sh"))
            seen.append((bool(scripts), world.value(A)))

    result = world.apply(profile_of(knobs={A: "10"}), listener=look)
    assert seen == [(True, "1\n")]
    assert result.undo_script is not None
    assert result.undo_script.stat().st_mode & 0o777 == 0o700


def test_an_apply_without_room_for_its_records_does_not_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno
    import os

    def full(_descriptor: int, _offset: int, _length: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(RefusedError, match="no room"):
        world.apply(THREE)
    assert world.value(A) == "1\n"


def test_the_state_directory_is_all_that_is_written_besides_the_plan(world: World, tmp_path: Path) -> None:
    before = {path for path in world.root.rglob("*") if path.is_file()}
    world.apply(THREE)
    assert {path for path in world.root.rglob("*") if path.is_file()} == before
    assert {path.name for path in world.state.iterdir()} == {"boot", "journal.db", "lock", "reserve", "undo"}


def test_verified_is_recorded_with_the_states(world: World) -> None:
    world.apply(THREE)
    transaction = next(iter(ledger_of(world).transactions.values()))
    assert transaction.verified
    assert transaction.ended == ApplyOutcome.APPLIED.value
    assert RecordType.VERIFIED.value in types_of(world)


def test_what_a_crash_left_of_an_undo_script_goes_with_the_next_apply(world: World) -> None:
    directory = world.state / "undo"
    directory.mkdir(parents=True)
    left = directory / ".20260101T000000-dead.sh.new"
    left.write_text("#!/bin/sh\n")
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED
    assert not left.exists()
    assert len(list(directory.iterdir())) == 1
