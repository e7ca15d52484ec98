"""Whom an apply and a rollback may disturb, and which applies must be confirmed though nobody asked for it."""

from dataclasses import replace

import pytest

from nodeagent.model.change import Deferred, Risk
from nodeagent.model.errors import RefusedError
from nodeagent.model.profile import Profile, ValidatorSetting
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.disruption import default_window, risks_to_allow
from nodeagent.tune.rollback import RollbackResult, rollback
from nodeagent.tune.session import open_session
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.toys import KnobTunable, World, profile_of

A = "/proc/sys/a"
PROCS = "/sys/fs/cgroup/system.slice/sol.service/cgroup.procs"
VALIDATOR = ValidatorSetting(unit="sol.service", also=("relayer.service",))
EVERY = frozenset(Risk)


def profile(**tune: dict[str, str]) -> Profile:
    return replace(profile_of(**tune), validator=VALIDATOR)


ONE = profile(knobs={A: "10"})


def world_of(make_world: MakeWorld, risk: Risk, *, running: bool = True) -> World:
    world = make_world(tunables=(KnobTunable(risk=risk),))
    world.set("/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "700\n")
    if running:
        world.set(PROCS, "4711\n4712\n")
    return world


def roll_back(world: World, *, force: bool = False) -> RollbackResult:
    with open_session(world.host, world.state, command="tune rollback", clock=world.clock) as session:
        return rollback(session, force=force)


@pytest.mark.parametrize("risk", [risk for risk in Risk if risk is not Risk.LIVE])
def test_every_risk_but_live_is_refused_while_the_validator_runs(make_world: MakeWorld, risk: Risk) -> None:
    world = world_of(make_world, risk)
    with pytest.raises(RefusedError) as caught:
        world.apply(ONE, allow=EVERY)
    assert "sol.service runs (2 processes: 4711, 4712)" in caught.value.message
    assert f"knob:{A} ({risk})" in caught.value.message
    assert "--force" in (caught.value.remedy or "")
    assert world.value(A) == "1\n"
    assert world.apply(ONE, allow=EVERY, force=True).outcome is ApplyOutcome.APPLIED


def test_live_steps_are_made_while_it_runs(make_world: MakeWorld) -> None:
    assert world_of(make_world, Risk.LIVE).apply(ONE).outcome is ApplyOutcome.APPLIED


def test_force_alone_allows_no_risk(make_world: MakeWorld) -> None:
    with pytest.raises(RefusedError, match="carry a risk that was not allowed"):
        world_of(make_world, Risk.LINK_FLAP).apply(ONE, force=True)


def test_nothing_is_refused_while_it_does_not_run(make_world: MakeWorld) -> None:
    world = world_of(make_world, Risk.LINK_FLAP, running=False)
    assert world.apply(ONE, allow=EVERY).outcome is ApplyOutcome.APPLIED


def test_a_profile_that_names_no_validator_protects_none(make_world: MakeWorld) -> None:
    world = world_of(make_world, Risk.LINK_FLAP)
    assert world.apply(profile_of(knobs={A: "10"}), allow=EVERY).outcome is ApplyOutcome.APPLIED


def test_other_units_that_are_named_are_protected_too(make_world: MakeWorld) -> None:
    world = world_of(make_world, Risk.LINK_FLAP, running=False)
    world.set("/sys/fs/cgroup/system.slice/relayer.service/cgroup.procs", "9\n")
    with pytest.raises(RefusedError, match=r"relayer\.service runs \(1 process: 9\)"):
        world.apply(ONE, allow=EVERY)


def test_not_knowing_is_taken_for_running(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(risk=Risk.LINK_FLAP),))
    with pytest.raises(RefusedError, match=r"nobody can say whether sol\.service runs"):
        world.apply(ONE, allow=EVERY)
    assert world.apply(ONE, allow=EVERY, force=True).outcome is ApplyOutcome.APPLIED


def test_what_turns_out_to_disturb_it_during_the_apply_undoes_the_apply(make_world: MakeWorld) -> None:
    later = KnobTunable(name="later", follows=("knobs",), risk=Risk.LINK_FLAP)
    world = make_world(tunables=(KnobTunable(), later))
    world.set(PROCS, "4711\n")
    result = world.apply(profile(knobs={A: "10"}, later={"/proc/sys/b": "20"}), allow=EVERY)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "sol.service runs" in result.problem
    assert (world.value(A).strip(), world.value("/proc/sys/b").strip()) == ("1", "2")


def test_a_validator_that_started_between_plan_and_apply_is_seen(make_world: MakeWorld) -> None:
    world = world_of(make_world, Risk.LINK_FLAP, running=False)
    plan = world.plan(ONE)
    world.set(PROCS, "4711\n")
    with pytest.raises(RefusedError, match="4711"):
        world.apply(ONE, plan, allow=EVERY)


@pytest.mark.parametrize("risk", [Risk.LIVE, Risk.LINK_FLAP])
def test_a_rollback_always_restores_links_and_live_settings(make_world: MakeWorld, risk: Risk) -> None:
    world = world_of(make_world, risk, running=False)
    world.apply(ONE, allow=EVERY)
    world.set(PROCS, "4711\n")
    roll_back(world)
    assert world.value(A).strip() == "1"


@pytest.mark.parametrize("risk", [Risk.VF_DESTROYING, Risk.SERVICE_RESTART, Risk.REBOOT])
def test_a_rollback_of_worse_needs_force_while_it_runs(make_world: MakeWorld, risk: Risk) -> None:
    world = world_of(make_world, risk, running=False)
    world.apply(ONE, allow=EVERY)
    world.set(PROCS, "4711\n")
    with pytest.raises(RefusedError, match=r"sol\.service runs"):
        roll_back(world)
    assert world.value(A).strip() == "10"
    roll_back(world, force=True)
    assert world.value(A).strip() == "1"


def test_an_apply_that_fails_is_undone_though_the_validator_runs(make_world: MakeWorld) -> None:
    def one_too_many(items: tuple[object, ...]) -> tuple[object, ...]:
        return (*items, replace(items[-1], key="knob:absent", path="/proc/sys/absent", before="")) if items else ()  # type: ignore[type-var]

    world = make_world(tunables=(KnobTunable(risk=Risk.VF_DESTROYING, cheats=one_too_many),))  # type: ignore[arg-type]
    world.set(PROCS, "4711\n")
    result = world.apply(ONE, allow=EVERY, force=True)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert world.value(A).strip() == "1"


def test_an_unanswered_window_is_undone_though_the_validator_runs(make_world: MakeWorld) -> None:
    world = world_of(make_world, Risk.VF_DESTROYING)
    guard = {"kind": "none"}
    world.apply(ONE, allow=EVERY, force=True, confirm_within_seconds=30.0, start_guard=lambda _watch: guard)
    world.clock.boottime += 31.0
    roll_back(world)
    assert world.value(A).strip() == "1"


def _knob(risk: Risk) -> tuple[KnobTunable, ...]:
    return (KnobTunable(risk=risk),)


@pytest.mark.parametrize(
    ("risk", "window"),
    [(Risk.LIVE, None), (Risk.LINK_FLAP, 120.0), (Risk.VF_DESTROYING, 120.0), (Risk.REBOOT, None)],
)
def test_what_affects_links_is_confirmed_by_default(make_world: MakeWorld, risk: Risk, window: float | None) -> None:
    world = make_world(tunables=_knob(risk))
    items = world.plan(ONE).items
    assert default_window(items, world.tunables) == window
    assert risks_to_allow(items) == (() if risk is Risk.LIVE else (risk,))


def test_a_tunable_known_only_after_apply_counts_with_the_worst_it_declares() -> None:
    whole = Deferred(key="knobs", tunable="knobs", waits_for="x", summary="later", whole=True)
    assert default_window([whole], _knob(Risk.LINK_FLAP)) == 120.0
    assert default_window([whole], _knob(Risk.LIVE)) is None
    assert default_window([replace(whole, whole=False)], _knob(Risk.LINK_FLAP)) is None
