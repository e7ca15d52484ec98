"""The planner: from what a machine is made of and what a profile asks for to one map of CPUs, devices and memory.

Pure, and the same for the same hardware: nothing it looks at is changed by a tunable (no counts of VFs, no interrupt
numbers, no isolated CPUs, no link states), so that planning after an apply gives the map that was applied. The rules
and where they come from: docs/placement.md.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nodeagent.model.facts import HostFacts
    from nodeagent.model.profile import Profile

__all__ = ["placed"]


def placed(facts: "HostFacts", profile: "Profile") -> "HostFacts":
    """The facts with the map that the profile asks for; without one where it has no section `placement`."""
    if profile.placement is None:
        return facts if facts.placement is None else replace(facts, placement=None)
    from nodeagent.tune.placement.planner import plan_placement

    return replace(facts, placement=plan_placement(facts, profile.placement))
