"""What a change would do to a resource: defaults, what is known only after apply, what needs a new resource.

The order is that of terraform-plugin-framework 1.17 (`internal/fwserver/server_planresourcechange.go`): defaults;
then, if anything differs from the state, every computed attribute without a configured value becomes unknown; then
the plan modifiers of each attribute.
"""

import copy
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from tests.terraform.provider.schema import Attribute, Block, same
from tests.terraform.provider.values import UNKNOWN, Object, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The plan modifiers and validators of one resource, as data."""

    defaults: Mapping[str, Value] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    """Computed attributes that a change leaves as they are (UseStateForUnknown); `a.b` for one inside an object."""
    replacing: frozenset[str] = frozenset()
    """Attributes whose change needs a new resource (RequiresReplace)."""
    reinstalling: frozenset[str] = frozenset()
    """Attributes whose change wipes the machine in place, which the plan only warns of."""
    renewed_by_reinstall: frozenset[str] = frozenset()
    conflicts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The planned state, what forces a replacement, and what a reinstall is planned for."""

    state: Object | None
    replaces: tuple[str, ...] = ()
    reinstalls: tuple[str, ...] = ()


def plan(block: Block, rules: Rules, *, config: Object, prior: Object | None, proposed: Object | None) -> Plan:
    """Plan a create (`prior` is None), an update or a destroy (`proposed` is None)."""
    if proposed is None:
        return Plan(state=None)
    state = copy.deepcopy(proposed)
    for name, default in rules.defaults.items():
        if config[name] is None:
            state[name] = copy.deepcopy(default)
    if prior is None or _changed(block, prior, state):
        _mark_unknown(block.attributes, config, state, except_for=rules.defaults.keys())
    if prior is None:
        return Plan(state=state)
    _keep(rules.kept, prior, state)
    reinstalls = _changed(block, prior, state, among=rules.reinstalling)
    if reinstalls:
        state.update(dict.fromkeys(rules.renewed_by_reinstall, UNKNOWN))
    return Plan(state=state, replaces=_changed(block, prior, state, among=rules.replacing), reinstalls=reinstalls)


def _changed(block: Block, prior: Object, state: Object, *, among: frozenset[str] | None = None) -> tuple[str, ...]:
    """Names of the attributes and blocks that differ."""
    names = [name for name in (*block.attributes, *block.blocks) if among is None or name in among]
    plain = Attribute(nested={})
    return tuple(name for name in names if not same(block.attributes.get(name, plain), prior[name], state[name]))


def _mark_unknown(attributes: Mapping[str, Attribute], config: Object, state: Object, *, except_for: Set[str]) -> None:
    for name, attribute in attributes.items():
        configured = config.get(name)
        if configured is None and attribute.computed and name not in except_for:
            state[name] = UNKNOWN
        elif attribute.nesting == "single" and isinstance(configured, dict):
            _mark_unknown(attribute.nested, configured, state[name], except_for=frozenset())


def _keep(kept: frozenset[str], prior: Object, state: Object) -> None:
    for path in kept:
        *parents, name = path.split(".")
        before: Value = prior
        after: Value = state
        for parent in parents:
            before, after = before and before[parent], after[parent]
        if isinstance(after, dict) and after[name] is UNKNOWN and before and before[name] is not None:
            after[name] = before[name]
