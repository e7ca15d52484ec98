"""Wherever a profile meets a machine, tunables see the map that its section asks for: planning, verifying, applying."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from nodeagent.model.change import PlanItem
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.placement import CpuRole
from nodeagent.model.profile import Profile
from nodeagent.tune.apply import apply
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.placement import placed
from nodeagent.tune.plan import make_plan
from nodeagent.tune.session import open_session
from nodeagent.tune.verify import verify
from tests.fixtures.generate_host import Port
from tests.fixtures.machines import epyc
from tests.unit.placement.sections import section
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import A
from tests.unit.tune.toys import KnobTunable, World, facts_of, profile_of


@dataclass
class Witness(KnobTunable):
    """A toy that remembers on which CPUs it was told that PoH runs."""

    seen: list[str | None] = field(default_factory=list)

    def observe(self, host: HostReader, settings: Mapping[str, str], facts: HostFacts) -> dict[str, str | None]:
        self.seen.append(str(facts.placement.cpus(CpuRole.POH)) if facts.placement else None)
        return super().observe(host, settings, facts)

    def plan(
        self, observed: Mapping[str, str | None], settings: Mapping[str, str], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        assert (facts.placement is None) is (self.seen[-1] is None)
        return super().plan(observed, settings, facts)


def _facts(world: World) -> HostFacts:
    server = epyc("9454P", ports=(Port(name="eth0"),))
    return replace(server, platform=facts_of(world.host).platform)


def _seen_by_all(world: World, profile: Profile) -> set[str | None]:
    witness = world.tunables[0]
    assert isinstance(witness, Witness)
    facts = _facts(world)
    plan = make_plan(world.host, profile, facts, world.tunables)
    order: Any = replace(world.order(profile, plan), read_facts=lambda: _facts(world))
    with open_session(world.host, world.state, command="tune apply", clock=world.clock) as session:
        assert apply(session, order).outcome is ApplyOutcome.APPLIED
    verify(world.host, profile, facts, world.tunables)
    return set(witness.seen)


def test_every_question_is_asked_with_the_map(make_world: MakeWorld) -> None:
    profile = replace(profile_of(knobs={A: "10"}), placement=section())
    assert _seen_by_all(make_world(tunables=(Witness(),)), profile) == {"47,95"}


def test_none_is_asked_with_a_map_where_the_profile_has_no_section(make_world: MakeWorld) -> None:
    assert _seen_by_all(make_world(tunables=(Witness(),)), profile_of(knobs={A: "10"})) == {None}


def test_a_map_of_another_profile_does_not_stay() -> None:
    facts = epyc("9454P", ports=(Port(name="eth0"),))
    with_section = replace(profile_of(), placement=section())
    assert placed(facts, with_section).placement is not None
    assert placed(placed(facts, with_section), profile_of()).placement is None
    other = placed(placed(facts, with_section), replace(profile_of(), placement=section(poh=0)))
    assert other.placement is not None
    assert other.placement.cpus(CpuRole.POH) == CpuSet()
