"""Commit-confirm: armed before the first change, undone when nobody answers, also after a power cut."""

from pathlib import Path
from typing import Any

import pytest

from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import ExitCode, HostError, RefusedError, UsageError
from nodeagent.tune import confirm, guard
from nodeagent.tune.apply_result import ApplyOutcome, ApplyResult
from nodeagent.tune.guard import Watch, unit_command
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.recover import recover
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate, UndoStep
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import MAKER, A, B, C, appear, maker_world, types_of
from tests.unit.tune.test_rollback import Crash, crash_at, roll_back, values
from tests.unit.tune.toys import World, profile_of

THREE = profile_of(knobs={A: "10", B: "20", C: "30"})


class Guards:
    """Plays the guards: remembers who was started and ended."""

    def __init__(self) -> None:
        self.started: list[Watch] = []
        self.ended: list[Any] = []

    def start(self, watch: Watch) -> dict[str, Any]:
        self.started.append(watch)
        return {"kind": "toy", "number": len(self.started)}

    def end(self, told: Any) -> None:
        self.ended.append(told)


@pytest.fixture
def guards(monkeypatch: pytest.MonkeyPatch) -> Guards:
    toys = Guards()
    monkeypatch.setattr(confirm, "end", toys.end)
    return toys


def apply_guarded(world: World, guards: Guards, *, within: float = 120.0, **more: Any) -> ApplyResult:
    profile = more.pop("profile", THREE)
    return world.apply(profile, confirm_within_seconds=within, start_guard=guards.start, end_guard=guards.end, **more)


def confirm_it(world: World, transaction: str | None = None) -> str:
    with open_session(world.host, world.state, command="confirm", clock=world.clock) as session:
        return confirm.confirm(session, transaction)


def next_start(world: World) -> tuple[UndoStep, ...]:
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        return recover(session).steps


def test_the_guard_is_armed_before_the_first_change(world: World, guards: Guards) -> None:
    seen: list[tuple[int, str]] = []

    def look(event: Event) -> None:
        if event.step is Step.ARMED:
            seen.append((len(guards.started), world.value(A)))

    apply_guarded(world, guards, listener=look)
    assert seen == [(1, "1\n")]
    assert types_of(world)[:3] == ["begin", "confirm-armed", "intent"]
    assert guards.started[0].deadline_seconds == 220.0


def test_without_a_guard_nothing_is_changed(world: World, guards: Guards) -> None:
    def fails(_watch: Watch) -> dict[str, Any]:
        raise HostError("the guard did not start")

    with pytest.raises(RefusedError, match="did not start"):
        world.apply(THREE, confirm_within_seconds=60.0, start_guard=fails)
    assert values(world) == ["1", "2", "3"]
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED


def test_what_is_confirmed_stays(world: World, guards: Guards) -> None:
    result = apply_guarded(world, guards)
    assert confirm_it(world) == result.transaction
    assert guards.ended == [{"kind": "toy", "number": 1}]
    world.clock.boottime += 1000
    assert next_start(world) == ()
    assert values(world) == ["10", "20", "30"]
    with pytest.raises(RefusedError, match="is confirmed already"):
        confirm_it(world)


def test_what_nobody_confirms_is_undone(world: World, guards: Guards) -> None:
    apply_guarded(world, guards)
    world.clock.boottime += 121
    assert {step.fate for step in next_start(world)} == {Fate.RESTORED}
    assert values(world) == ["1", "2", "3"]
    assert next_start(world) == ()
    with pytest.raises(RefusedError, match="it is too late") as caught:
        confirm_it(world)
    assert caught.value.exit_code is ExitCode.REFUSED


def test_it_is_too_late_even_before_it_is_undone(world: World, guards: Guards) -> None:
    apply_guarded(world, guards)
    world.clock.boottime += 121
    with pytest.raises(RefusedError, match="too late"):
        confirm_it(world)


def test_while_it_waits_nothing_else_is_applied(world: World, guards: Guards) -> None:
    apply_guarded(world, guards)
    with pytest.raises(RefusedError, match="still waits for its confirmation"):
        world.apply(profile_of(knobs={A: "11"}))
    assert values(world) == ["10", "20", "30"]
    confirm_it(world)
    assert world.apply(profile_of(knobs={A: "11"})).outcome is ApplyOutcome.APPLIED


def test_a_rollback_on_request_ends_the_wait(world: World, guards: Guards) -> None:
    result = apply_guarded(world, guards)
    roll_back(world)
    with open_session(world.host, world.state, command="rollback", clock=world.clock) as session:
        confirm.end_guards(session)
    assert guards.ended == [{"kind": "toy", "number": 1}]
    with pytest.raises(RefusedError, match=f"{result.transaction} was undone already"):
        confirm_it(world)
    assert world.apply(THREE).outcome is ApplyOutcome.APPLIED


def test_a_power_cut_ends_the_window_and_files_are_undone(make_world: MakeWorld, guards: Guards) -> None:
    world = maker_world(make_world)
    apply_guarded(world, guards, profile=profile_of(maker=MAKER), listener=appear(world), within=3600.0)
    world.reboot()
    fates = {step.key: step.fate for step in next_start(world)}
    assert fates["file:/etc/made/made.conf"] is Fate.RESTORED
    assert fates["knob:/proc/sys/late"] is Fate.LAPSED
    assert not (world.root / "etc/made").exists()


def test_an_apply_that_was_killed_in_its_window_is_undone(world: World, guards: Guards) -> None:
    with pytest.raises(Crash):
        apply_guarded(world, guards, listener=crash_at(Step.DONE, f"knob:{B}"))
    with pytest.raises(RefusedError, match="was cut off"):
        confirm_it(world)
    next_start(world)
    assert values(world) == ["1", "2", "3"]


def test_an_apply_that_outlasts_its_window_undoes_itself(world: World, guards: Guards) -> None:
    def slow(event: Event) -> None:
        if event.step is Step.DONE:
            world.clock.boottime += 100

    result = apply_guarded(world, guards, listener=slow)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "time to confirm was over" in result.problem
    assert values(world) == ["1", "2", "3"]
    assert guards.ended == [{"kind": "toy", "number": 1}]


def test_a_conflict_does_not_keep_an_unconfirmed_apply_for_ever(world: World, guards: Guards) -> None:
    apply_guarded(world, guards)
    world.set(B, "99\n")
    world.clock.boottime += 121
    assert [step.fate for step in next_start(world)] == [Fate.RESTORED, Fate.CONFLICT, Fate.RESTORED]
    assert next_start(world) == ()
    assert world.apply(profile_of(knobs={A: "10"})).outcome is ApplyOutcome.APPLIED


def test_nothing_waits_where_nothing_was_armed(world: World, guards: Guards) -> None:
    result = world.apply(THREE)
    with pytest.raises(RefusedError, match="no apply waits"):
        confirm_it(world)
    with pytest.raises(RefusedError, match="not made with --confirm-within"):
        confirm_it(world, result.transaction)
    with pytest.raises(UsageError, match="no transaction 't9'"):
        confirm_it(world, "t9")


@pytest.mark.parametrize("seconds", [0.0, 9.9, 86401.0, float("nan"), -5.0])
def test_a_window_in_which_nobody_can_answer_is_refused(seconds: float) -> None:
    with pytest.raises(UsageError, match="out of range"):
        confirm.check_window(seconds)


def test_the_timer_of_systemd_is_told_everything_on_its_command_line(tmp_path: Path) -> None:
    watch = Watch(
        state_directory=tmp_path, root=Path("/"), transaction="t1", deadline_seconds=220.0, within_seconds=120.0
    )
    argv = unit_command(watch).argv
    assert argv[0] == "systemd-run"
    assert "--on-active=60.000s" in argv  # it is loaded when the window ends, and waits for the rest
    assert "--unit=nodeagent-confirm-t1" in argv
    assert argv[-4:] == (str(tmp_path), "/", "t1", "220.000")
    assert "-P" in argv


def test_the_timer_of_a_short_window_starts_the_guard_at_once(tmp_path: Path) -> None:
    watch = Watch(
        state_directory=tmp_path, root=Path("/"), transaction="t1", deadline_seconds=110.0, within_seconds=10.0
    )
    assert "--on-active=0.100s" in unit_command(watch).argv


def test_a_guard_that_is_told_of_nothing_ends_nothing() -> None:
    assert not guard.end({})
    assert not guard.end({"kind": "process", "pid": 2**22 + 1, "start_ticks": 5})


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Command]:
    """Plays a machine that systemd runs: remembers the commands, and all of them succeed."""
    commands: list[Command] = []

    def run(command: Command) -> Completed:
        commands.append(command)
        code = 1 if "refused" in str(command) else 0
        return Completed(
            command=command, exit_code=code, stdout=b"", stderr=b"no", started_at=0.0, duration_seconds=0.0
        )

    monkeypatch.setattr(guard, "_SYSTEMD_RUNS", tmp_path)
    monkeypatch.setattr(guard, "find_program", lambda name: Path("/usr/bin") / name)
    monkeypatch.setattr(guard, "run", run)
    return commands


def test_where_systemd_runs_the_guard_is_a_timer_of_it(tmp_path: Path, systemd: list[Command]) -> None:
    watch = Watch(
        state_directory=tmp_path / "s", root=Path("/"), transaction="t1", deadline_seconds=9.0, within_seconds=60.0
    )
    told = guard.start(watch)
    assert told == {"kind": "unit", "name": "nodeagent-confirm-t1"}
    assert guard.end(told)
    assert [command.argv[:3] for command in systemd] == [
        ("systemd-run", "--unit=nodeagent-confirm-t1", systemd[0].argv[2]),
        ("systemctl", "stop", "nodeagent-confirm-t1.*"),
    ]


def test_a_timer_that_does_not_start_is_no_guard(tmp_path: Path, systemd: list[Command]) -> None:
    watch = Watch(
        state_directory=tmp_path / "s", root=Path("/"), transaction="refused", deadline_seconds=9.0, within_seconds=60.0
    )
    with pytest.raises(HostError, match="did not start: no"):
        guard.start(watch)
