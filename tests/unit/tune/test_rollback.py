"""A rollback restores what was there before we came, only where the value is still ours, and says what it kept."""

import os
from dataclasses import replace
from typing import Any

import pytest

from nodeagent.host import Host, changes
from nodeagent.host.changes import unit
from nodeagent.model.change import Change, WriteFile
from nodeagent.model.errors import ExitCode, HostError, JournalError, RefusedError, UsageError
from nodeagent.tune.apply import apply
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.journal import Journal
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.record import RecordType
from nodeagent.tune.recover import recover
from nodeagent.tune.rollback import RollbackResult, Selection, rollback
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import MAKER, A, B, C, appear, ledger_of, maker_world, types_of
from tests.unit.tune.toys import CoupledTunable, FileTunable, World, profile_of

THREE = profile_of(knobs={A: "10", B: "20", C: "30"})


class Crash(BaseException):
    """The process is gone: nothing of ours may handle this."""


def crash_at(step: Step, key: str = "") -> Any:
    def listener(event: Event) -> None:
        if event.step is step and key in ("", event.key):
            raise Crash

    return listener


def roll_back(world: World, selection: Selection | None = None, *, listener: Any = None, **more: Any) -> RollbackResult:
    quiet = listener or (lambda _event: None)
    with open_session(
        world.host, world.state, command="rollback", clock=world.clock, listener=quiet, spend_reserve=True
    ) as session:
        return rollback(session, selection, **more)


def values(world: World) -> list[str]:
    return [world.value(path).strip() for path in (A, B, C)]


def test_everything_goes_back_newest_first(world: World) -> None:
    world.apply(THREE)
    result = roll_back(world)
    assert [step.key for step in result.steps] == [f"knob:{C}", f"knob:{B}", f"knob:{A}"]
    assert {step.fate for step in result.steps} == {Fate.RESTORED}
    assert result.exit_code is ExitCode.OK
    assert values(world) == ["1", "2", "3"]


def test_a_second_rollback_has_nothing_to_do(world: World) -> None:
    world.apply(THREE)
    roll_back(world)
    before = types_of(world)
    assert roll_back(world).steps == ()
    assert types_of(world) == before


def test_several_applies_go_back_to_the_first_original(world: World) -> None:
    for wanted in ("10", "11", "12"):
        world.apply(profile_of(knobs={A: wanted}))
    result = roll_back(world)
    assert [(step.original, step.ours, step.fate) for step in result.steps] == [("1", "12", Fate.RESTORED)]
    assert values(world)[0] == "1"
    assert not ledger_of(world).owned()


def test_drift_that_an_apply_wrote_over_does_not_become_the_original(world: World) -> None:
    world.apply(profile_of(knobs={A: "10"}))
    world.set(A, "55\n")
    world.apply(profile_of(knobs={A: "10"}))
    roll_back(world)
    assert values(world)[0] == "1"


def test_a_value_that_somebody_else_set_is_kept_and_told(world: World) -> None:
    world.apply(THREE)
    world.set(B, "99\n")
    result = roll_back(world)
    kept = next(step for step in result.steps if step.fate is Fate.CONFLICT)
    assert (kept.key, kept.original, kept.ours, kept.current) == (f"knob:{B}", "2", "20", "99")
    assert values(world) == ["1", "99", "3"]
    assert result.exit_code is ExitCode.DIFFERS


def test_a_conflict_is_told_again_and_restored_once_it_is_ours_again(world: World) -> None:
    world.apply(THREE)
    world.set(B, "99\n")
    roll_back(world)
    conflicts = types_of(world).count("conflict")
    assert [step.fate for step in roll_back(world).steps] == [Fate.CONFLICT]
    assert types_of(world).count("conflict") == conflicts
    world.set(B, "20\n")
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]
    assert values(world) == ["1", "2", "3"]


def test_a_conflict_can_be_given_up(world: World) -> None:
    world.apply(THREE)
    world.set(B, "99\n")
    result = roll_back(world, disown=True)
    assert result.disowned == (f"knob:{B}",)
    assert result.exit_code is ExitCode.OK
    assert roll_back(world).steps == ()
    world.apply(profile_of(knobs={B: "20"}))
    roll_back(world)
    assert values(world)[1] == "99"


def test_a_value_that_is_back_already_is_only_recorded(world: World) -> None:
    world.apply(THREE)
    world.set(B, "2\n")
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.ALREADY_ORIGINAL, Fate.RESTORED]


def test_systemd_hears_of_a_drop_in_whose_removal_was_cut_off(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file was gone, its directory could not be synced, and so PID 1 was never told."""
    drop_in = "/etc/systemd/system/x.service.d/50-nodeagent.conf"
    world = make_world({"/etc/systemd/system/x.service.d/other.conf": ""}, tunables=(FileTunable(),))
    world.apply(profile_of(files={drop_in: "[Service]\n"}))
    (world.root / drop_in.lstrip("/")).unlink()
    told: list[Host] = []
    monkeypatch.setattr(unit, "reload_units", told.append)
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.ALREADY_ORIGINAL]
    assert told == [world.host]


def test_a_knob_that_is_gone_is_an_orphan(world: World) -> None:
    world.apply(THREE)
    (world.root / B.lstrip("/")).unlink()
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.ORPHAN, Fate.RESTORED]
    assert result.exit_code is ExitCode.DIFFERS
    assert not (world.root / B.lstrip("/")).exists()


QUEUE = "/sys/block/sda/queue/nr_requests"


def test_another_drive_of_the_same_name_is_never_written(make_world: MakeWorld) -> None:
    world = make_world({QUEUE: "64\n", "/sys/block/sda/diskseq": "7\n"})
    world.apply(profile_of(knobs={QUEUE: "128"}))
    world.set("/sys/block/sda/diskseq", "8\n")
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.ORPHAN]
    assert "another object has its name now" in result.steps[0].detail
    assert world.value(QUEUE) == "128\n"
    world.set("/sys/block/sda/diskseq", "7\n")
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]


def test_settings_of_another_boot_lapse_and_are_never_written(world: World) -> None:
    world.apply(THREE)
    world.reboot()
    result = roll_back(world)
    assert [step.fate for step in result.recovered] == [Fate.LAPSED] * 3
    assert result.exit_code is ExitCode.OK
    assert values(world) == ["10", "20", "30"]
    assert roll_back(world).recovered == ()


def test_files_and_directories_are_undone_after_a_reboot(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    world.apply(profile_of(maker=MAKER), listener=appear(world))
    world.reboot()
    result = roll_back(world)
    assert [step.fate for step in result.recovered] == [Fate.LAPSED]
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.RESTORED]
    assert not (world.root / "etc/made").exists()


def test_a_replaced_file_comes_back_with_its_mode(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    world.set("/etc/made/made.conf", "old\n")
    (world.root / "etc/made/made.conf").chmod(0o600)
    world.apply(profile_of(maker=MAKER), listener=appear(world))
    assert (world.root / "etc/made/made.conf").stat().st_mode & 0o777 == 0o640
    roll_back(world)
    assert world.value("/etc/made/made.conf") == "old\n"
    assert (world.root / "etc/made/made.conf").stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_not_empty_any_more_is_a_failure_that_can_be_tried_again(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    world.apply(profile_of(maker=MAKER), listener=appear(world))
    world.set("/etc/made/of-somebody", "")
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.RESTORED, Fate.FAILED]
    assert "ENOTEMPTY" in result.steps[-1].detail
    assert result.exit_code is ExitCode.ERROR
    (world.root / "etc/made/of-somebody").unlink()
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]


def test_a_coupled_group_writes_back_what_was_in_force(make_world: MakeWorld) -> None:
    paths = {"/proc/sys/vm/bytes": "0", "/proc/sys/vm/ratio": "20"}
    world = make_world({path: f"{value}\n" for path, value in paths.items()}, tunables=(CoupledTunable(),))
    world.apply(profile_of(coupled={"/proc/sys/vm/bytes": "4096", "/proc/sys/vm/ratio": "0"}))
    roll_back(world)
    assert {path: world.value(path).strip() for path in paths} == paths


def test_one_apply_is_undone_alone(world: World) -> None:
    first = world.apply(profile_of(knobs={A: "10"}))
    second = world.apply(profile_of(knobs={B: "20"}))
    roll_back(world, Selection(transaction=first.transaction))
    assert values(world) == ["1", "20", "3"]
    roll_back(world, Selection(transaction=second.transaction))
    assert values(world) == ["1", "2", "3"]


def test_an_apply_under_a_later_one_is_not_pulled_away(world: World) -> None:
    first = world.apply(profile_of(knobs={A: "10"}))
    second = world.apply(profile_of(knobs={A: "11"}))
    with pytest.raises(RefusedError, match=f"changed again by {second.transaction}") as caught:
        roll_back(world, Selection(transaction=first.transaction))
    assert caught.value.remedy == f"nodeagent tune rollback --txn {second.transaction}"
    roll_back(world, Selection(transaction=second.transaction))
    assert values(world)[0] == "10"
    roll_back(world, Selection(transaction=first.transaction))
    assert values(world)[0] == "1"


def test_one_key_and_one_tunable_can_be_chosen(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    world.apply(profile_of(maker=MAKER, knobs={A: "10"}), listener=appear(world))
    roll_back(world, Selection(key=f"knob:{A}"))
    assert world.value(A).strip() == "1"
    assert (world.root / "etc/made").exists()
    roll_back(world, Selection(tunable="maker"))
    assert not (world.root / "etc/made").exists()


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (Selection(transaction="t9"), "no transaction 't9'"),
        (Selection(key="knob:x"), "no key 'knob:x'"),
        (Selection(tunable="fans"), "tunable 'fans'"),
    ],
)
def test_a_selection_of_nothing_known_is_an_error(world: World, selection: Selection, message: str) -> None:
    world.apply(THREE)
    with pytest.raises(UsageError, match=message):
        roll_back(world, selection)
    assert values(world) == ["10", "20", "30"]


def test_one_failure_does_not_stop_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(THREE)
    real = changes.perform

    def refuse_one(host: Any, change: Change) -> None:
        if isinstance(change, WriteFile) and change.path == B:
            raise HostError("cannot write: EBUSY")
        real(host, change)

    monkeypatch.setattr(changes, "perform", refuse_one)
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.RESTORED, Fate.FAILED, Fate.RESTORED]
    monkeypatch.undo()
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]
    assert values(world) == ["1", "2", "3"]


def test_what_a_failed_restore_left_is_still_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel that trims the original on the way back: the next rollback may try again."""
    world.apply(profile_of(knobs={A: "10"}))
    real = changes.perform
    monkeypatch.setattr(changes, "perform", lambda host, change: real(host, replace(change, after="7")))
    assert [step.fate for step in roll_back(world).steps] == [Fate.FAILED]
    assert values(world)[0] == "7"
    monkeypatch.undo()
    assert [step.fate for step in roll_back(world).steps] == [Fate.RESTORED]
    assert values(world)[0] == "1"


APPLY_STEPS = [Step.BEGUN, Step.OBSERVED, Step.INTENDED, Step.PERFORMED, Step.DONE, Step.TUNABLE_DONE, Step.VERIFIED]


@pytest.mark.parametrize("step", APPLY_STEPS)
@pytest.mark.parametrize("key", [f"knob:{A}", f"knob:{C}", ""])
def test_an_apply_that_was_killed_is_undone_at_the_next_start(world: World, step: Step, key: str) -> None:
    with pytest.raises(Crash):
        world.apply(THREE, listener=crash_at(step, key if step in APPLY_STEPS[1:5] else ""))
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        recover(session)
    assert values(world) == ["1", "2", "3"]
    assert not ledger_of(world).owned()
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED
    roll_back(world)
    assert values(world) == ["1", "2", "3"]


@pytest.mark.parametrize("step", [Step.BEGUN, Step.ROLLING, Step.RESTORED, Step.ROLLED])
def test_a_rollback_that_was_killed_can_be_finished(world: World, step: Step) -> None:
    world.apply(THREE)
    with pytest.raises(Crash):
        roll_back(world, listener=crash_at(step))
    roll_back(world)
    assert values(world) == ["1", "2", "3"]
    assert not ledger_of(world).owned()


def test_a_recovery_that_was_killed_again_and_again_gets_there(world: World) -> None:
    with pytest.raises(Crash):
        world.apply(THREE, listener=crash_at(Step.PERFORMED, f"knob:{C}"))
    for step in (Step.ROLLING, Step.RESTORED, Step.ROLLED, Step.ROLLING):
        with (
            pytest.raises(Crash),
            open_session(
                world.host, world.state, command="next", clock=world.clock, listener=crash_at(step)
            ) as session,
        ):
            recover(session)
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        recover(session)
        before = session.journal.head
        assert recover(session).steps == ()
        assert session.journal.head == before
    assert values(world) == ["1", "2", "3"]


def test_a_reboot_in_an_open_apply_writes_no_stale_value(make_world: MakeWorld) -> None:
    world = maker_world(make_world)
    with pytest.raises(Crash):
        world.apply(profile_of(knobs={A: "10"}, maker=MAKER), listener=crash_at(Step.DONE, f"knob:{A}"))
    world.reboot()
    world.set(A, "42\n")
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        steps = recover(session).steps
    assert {step.key: step.fate for step in steps} == {
        f"knob:{A}": Fate.LAPSED,
        "dir:/etc/made": Fate.RESTORED,
        "file:/etc/made/made.conf": Fate.RESTORED,
    }
    assert world.value(A) == "42\n"
    assert not (world.root / "etc/made").exists()


def test_what_a_cut_off_directory_looks_like_is_ours_to_remove(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between mkdir and chown: neither absent nor as planned, yet nobody else's."""
    world = maker_world(make_world)
    from nodeagent.host.changes import directory

    def killed(*_arguments: Any) -> None:
        raise Crash

    monkeypatch.setattr(directory, "_set", killed)
    with pytest.raises(Crash):
        world.apply(profile_of(maker=MAKER), listener=appear(world))
    monkeypatch.undo()
    assert (world.root / "etc/made").stat().st_mode & 0o777 == 0o700
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        assert [step.fate for step in recover(session).steps] == [Fate.RESTORED]
    assert not (world.root / "etc/made").exists()


def test_a_temporary_file_of_a_cut_off_write_is_removed(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world = maker_world(make_world)
    world.set("/etc/made/made.conf", "old\n")

    def killed(_old: Any, _new: Any) -> None:
        raise Crash

    monkeypatch.setattr("pathlib.Path.replace", _only_below(world, killed))
    with pytest.raises(Crash):
        world.apply(profile_of(maker=MAKER), listener=appear(world))
    monkeypatch.undo()
    assert len(list((world.root / "etc/made").iterdir())) == 2
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        recover(session)
    assert [path.name for path in (world.root / "etc/made").iterdir()] == ["made.conf"]
    assert world.value("/etc/made/made.conf") == "old\n"


def _only_below(world: World, killed: Any) -> Any:
    real = type(world.root).replace

    def replace_or_die(self: Any, target: Any) -> Any:
        return killed(self, target) if self.is_relative_to(world.root) else real(self, target)

    return replace_or_die


def test_a_rollback_stops_writing_when_a_record_cannot_be_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(THREE)

    def full(event: Event) -> None:
        if event.step is Step.ROLLED:
            monkeypatch.setattr(Journal, "append_all", refuse)

    def refuse(_journal: Journal, _drafts: object) -> None:
        raise JournalError("disk full")

    with pytest.raises(JournalError):
        roll_back(world, listener=full)
    assert values(world) == ["10", "20", "3"]
    monkeypatch.undo()
    roll_back(world)
    assert values(world) == ["1", "2", "3"]


def test_a_full_disk_gives_its_reserve_to_the_rollback(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.apply(THREE)
    assert (world.state / "reserve").exists()
    real = os.statvfs

    class Full:
        f_bavail = f_bfree = 0
        f_frsize = 4096

    monkeypatch.setattr(os, "statvfs", lambda path: Full() if str(path).startswith(str(world.state)) else real(path))
    roll_back(world)
    assert not (world.state / "reserve").exists()
    assert values(world) == ["1", "2", "3"]


def test_a_failed_apply_over_an_older_one_goes_back_to_the_older_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Undoing one apply is not undoing all: A keeps what the first apply gave it."""
    world.apply(profile_of(knobs={A: "10"}))
    real = changes.perform

    def refuse_one(host: Any, change: Change) -> None:
        if isinstance(change, WriteFile) and change.path == B and change.after == "20":
            raise HostError("cannot write: EINVAL")
        real(host, change)

    monkeypatch.setattr(changes, "perform", refuse_one)
    result = world.apply(profile_of(knobs={A: "11", B: "20"}))
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert values(world) == ["10", "2", "3"]
    monkeypatch.undo()
    roll_back(world)
    assert values(world) == ["1", "2", "3"]


def test_recovering_tells_what_it_did_to_the_next_apply(world: World) -> None:
    with pytest.raises(Crash):
        world.apply(THREE, listener=crash_at(Step.DONE, f"knob:{B}"))
    plan = world.plan(THREE)
    with (
        open_session(world.host, world.state, command="next", clock=world.clock) as session,
        pytest.raises(RefusedError, match="does not fit any more"),
    ):
        apply(session, world.order(THREE, plan))
    assert values(world) == ["1", "2", "3"]
    assert types_of(world).count(RecordType.END.value) == 1
