"""Steps that would work against each other: the same key or object twice, half of a coupled pair, a missing ground.

Found in the plan, before anything is written, because each such apply would end in a read-back that does not fit or,
worse, in a rollback that restores the wrong half (vm.dirty_bytes reads 0 while the ratio is in force: writing that 0
back is EINVAL).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from nodeagent.model.array_change import MakeArray
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import (
    Change,
    Deferred,
    MakeFilesystem,
    PlanItem,
    SetDirectory,
    SetMount,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.firewall_change import SetFirewallTable
from nodeagent.model.network_change import SetLink, SetVfCount
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap
from nodeagent.tune.kernel import sysctl_name
from nodeagent.tune.kernel.sysctl_rules import COUPLED

_COUPLES = tuple(frozenset(map(sysctl_name.path, pair)) for pair in COUPLED.items())
"""Knobs of which writing one sets the other to 0."""

_SECOND_THREADS = "/sys/devices/system/cpu/smt/control"
_POLICIES = "/sys/devices/system/cpu/cpufreq/policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Why a plan is not applied as it stands; `keys` are the steps it is about.

    `id` is stable, with its heading in docs/conflicts.md. `override` is what to say to apply it all the same, empty
    for a contradiction, which nobody can mean; `overridden` is why the profile overrides it already.
    """

    id: str
    keys: tuple[str, ...]
    reason: str
    remedy: str = ""
    override: str = ""
    overridden: str = ""


def find_conflicts(items: Sequence[PlanItem]) -> tuple[Conflict, ...]:
    """All of them, in the order of the plan; empty for a plan that can be applied."""
    return (*_twice(items), *_torn_couples(items), *_without_ground(items), *_moving_ground(items))


def revealed_conflicts(applied: Sequence[PlanItem], revealed: Sequence[PlanItem]) -> tuple[Conflict, ...]:
    """Those that steps have which are known only now, with each other or with what was made before them.

    What was made may name one object twice, as the switch of a card is set again after its VFs were made: the plan was
    agreed to so.
    """
    keys = {item.key for item in revealed}
    return tuple(found for found in find_conflicts([*applied, *revealed]) if keys.intersection(found.keys))


def unanswered(conflicts: Sequence[Conflict], overrides: Collection[str]) -> tuple[Conflict, ...]:
    """Those that refuse an apply: contradictions always, others unless their id or the profile overrides them."""
    return tuple(found for found in conflicts if not (found.overridden or (found.override and found.id in overrides)))


def _twice(items: Sequence[PlanItem]) -> Iterator[Conflict]:
    keys: dict[str, PlanItem] = {}
    objects: dict[str, PlanItem] = {}
    for item in items:
        if item.key in keys:
            by = f"{keys[item.key].tunable} and {item.tunable}"
            yield Conflict(id="NA-PLAN-001", keys=(item.key,), reason=f"{item.key} is set twice, by {by}")
            continue
        keys[item.key] = item
        for name in dict.fromkeys(_objects(item)):  # a group may write one knob on both ways
            if name in objects:
                other = objects[name]
                reason = f"{other.key} and {item.key} both set {name}"
                yield Conflict(id="NA-PLAN-001", keys=(other.key, item.key), reason=reason)
            objects.setdefault(name, item)


def _objects(item: PlanItem) -> tuple[str, ...]:  # noqa: PLR0911, PLR0912 - one a kind
    """What a step writes, so that two steps with different keys can be told to write the same."""
    match item:
        case WriteFile() | WriteConfig() | SetBootParameters():
            return (item.path,)
        case WriteCoupled():
            return tuple(member.path for member in item.members)
        case SetDirectory():
            return (f"directory {item.path}",)
        case SetMount():
            return (f"mount point {item.target}",)
        case MakeFilesystem():
            return (f"drive {item.device}",)
        case MakeArray():
            return tuple(f"drive {member}" for member in item.members)
        case SetVfCount():
            return (f"the number of VFs of {item.address}",)
        case SetFirewallTable():
            return ("the firewall",)
        case SetChannels() | SetRings() | SetCoalescing() | SetFeatures() | SetFlowHash():
            return tuple(f"{what} of {item.address}" for what in _port_objects(item))
        case SetLink():
            return (f"the MTU of {item.address}" + ("" if item.index is None else f", VF {item.index}"),)
        case SetNvmeFeature():
            return (f"feature {item.feature} of the NVMe drive at {item.address}",)
        case SetUnit():
            return (f"the unit {item.unit}",)
        case SetSwap():
            return (f"the swap area {item.path}",)
        case _:
            return ()


def _port_objects(item: SetChannels | SetRings | SetCoalescing | SetFeatures | SetFlowHash) -> tuple[str, ...]:
    match item:
        case SetFeatures():
            return tuple(f"the flag {flag.name}" for flag in item.after)
        case SetCoalescing():
            return tuple(item.after.given())
        case SetFlowHash():
            return (f"the hash of {item.flow}",)
        case SetChannels():
            return ("the number of queues",)
        case SetRings():
            return ("the rings",)


def _torn_couples(items: Sequence[PlanItem]) -> Iterator[Conflict]:
    for item in items:
        if not isinstance(item, WriteFile | WriteCoupled):
            continue
        paths = {item.path} if isinstance(item, WriteFile) else {member.path for member in item.members}
        for couple in _COUPLES:
            if paths & couple and not couple <= paths:
                other = ", ".join(sorted(couple - paths))
                reason = f"{item.key} would change {other} too, which it does not record"
                yield Conflict(id="NA-PLAN-002", keys=(item.key,), reason=reason)


def _without_ground(items: Sequence[PlanItem]) -> Iterator[Conflict]:
    earlier: set[str] = set()
    for item in items:
        if isinstance(item, Deferred) and item.waits_for not in earlier:
            reason = f"{item.key} waits for {item.waits_for}, which no earlier step sets"
            yield Conflict(id="NA-PLAN-003", keys=(item.key,), reason=reason)
        if isinstance(item, Change):
            earlier.add(item.key)


def _moving_ground(items: Sequence[PlanItem]) -> Iterator[Conflict]:
    """Knobs of frequency policies, which leave and come with the CPUs that a switch of second threads moves."""
    switch = next((item for item in items if isinstance(item, WriteFile) and item.path == _SECOND_THREADS), None)
    policies = [item for item in items if any(name.startswith(_POLICIES) for name in _objects(item))]
    if switch and policies:
        more = f" and {len(policies) - 1} more" if len(policies) > 1 else ""
        yield Conflict(
            id="NA-PLAN-004",
            keys=(switch.key, *(item.key for item in policies)),
            reason=f"{switch.key} changes which CPUs there are, and {policies[0].key}{more} would not be the planned "
            f"steps any more: apply it by itself first (nodeagent tune apply --only {switch.tunable})",
        )
