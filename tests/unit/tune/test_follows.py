"""A tunable whose objects an earlier one remakes: known after apply as a whole, then planned and held to the rules."""

from dataclasses import replace

import pytest

from nodeagent.model.change import Deferred, Risk
from nodeagent.model.facts import HostFacts
from nodeagent.tune.apply import apply
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.session import open_session
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import A, B, C
from tests.unit.tune.test_rollback import roll_back, values
from tests.unit.tune.toys import KnobTunable, World, facts_of, profile_of


@pytest.fixture
def followed(make_world: MakeWorld) -> World:
    return make_world(tunables=(KnobTunable(), KnobTunable(name="later", follows=("knobs",))))


BOTH = profile_of(knobs={A: "10"}, later={B: "20", C: "30"})


def test_it_is_known_after_apply_where_the_other_has_steps(followed: World) -> None:
    plan = followed.plan(BOTH)
    first, second = plan.items
    assert first.key == f"knob:{A}"
    assert isinstance(second, Deferred)
    assert (second.key, second.waits_for, second.whole) == ("later", f"knob:{A}", True)
    assert not plan.conflicts


def test_it_is_planned_step_by_step_where_the_other_has_none(followed: World) -> None:
    items = followed.plan(profile_of(knobs={A: "1"}, later={B: "20", C: "30"})).items
    assert [item.key for item in items] == [f"knob:{B}", f"knob:{C}"]


def test_an_apply_reveals_and_makes_its_steps_and_a_rollback_undoes_them(followed: World) -> None:
    result = followed.apply(BOTH)
    assert result.outcome is ApplyOutcome.APPLIED
    assert values(followed) == ["10", "20", "30"]
    assert result.total == 3
    assert result.undo_script is not None
    assert B in result.undo_script.read_text()
    roll_back(followed)
    assert values(followed) == ["1", "2", "3"]


def test_nothing_to_do_after_all_is_fine(followed: World) -> None:
    result = followed.apply(profile_of(knobs={A: "10"}, later={B: "2"}))
    assert result.outcome is ApplyOutcome.APPLIED
    assert [change.key for change in result.applied] == [f"knob:{A}"]


def test_a_risk_that_shows_only_then_and_was_not_allowed_undoes_everything(make_world: MakeWorld) -> None:
    risky = KnobTunable(name="later", follows=("knobs",), risk=Risk.LINK_FLAP)
    world = make_world(tunables=(KnobTunable(), risky))
    result = world.apply(BOTH)
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "link-flap" in result.problem
    assert values(world) == ["1", "2", "3"]


def test_both_setting_one_knob_is_seen_when_it_is_known(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(), KnobTunable(name="later", follows=("knobs",))))
    result = world.apply(profile_of(knobs={A: "10"}, later={A: "11"}))
    assert result.outcome is ApplyOutcome.ROLLED_BACK
    assert "contradicts the plan" in result.problem
    assert values(world) == ["1", "2", "3"]


def test_facts_are_read_again_after_a_step_that_somebody_waits_for(followed: World) -> None:
    """A switch such as SMT is one write, and takes CPUs away from everything that is placed after it."""
    seen: list[list[str]] = []

    def read_facts() -> HostFacts:
        seen.append(values(followed))
        return facts_of(followed.host)

    order = replace(followed.order(BOTH), read_facts=read_facts)
    with open_session(followed.host, followed.state, command="tune apply", clock=followed.clock) as session:
        assert apply(session, order).outcome is ApplyOutcome.APPLIED
    assert ["10", "2", "3"] in seen
