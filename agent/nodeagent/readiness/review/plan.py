"""A Terraform plan as `terraform show -json` prints it, read strictly where we rely on it.

Keys that this review doesn't use are let pass, since the format may gain some within one major version. The values of
resources stay JSON: their attributes belong to providers, and `attributes.py` reads them without trusting their types.

Source: https://developer.hashicorp.com/terraform/internals/json-format
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from nodeagent.model.errors import NodeagentError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_MAJOR_VERSIONS = ("0", "1")
_REMEDY = "make it with `terraform plan -out=plan.tfplan` and `terraform show -json plan.tfplan > plan.json`"
_FAULTS_TOLD = 5


class Fate(StrEnum):
    """What becomes of a resource, in the words of a plan."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    KEEP = "keep"
    FORGET = "forget"


_FATES = {
    frozenset({"create"}): Fate.CREATE,
    frozenset({"update"}): Fate.UPDATE,
    frozenset({"delete", "create"}): Fate.REPLACE,
    frozenset({"forget", "create"}): Fate.REPLACE,
    frozenset({"delete"}): Fate.DELETE,
    frozenset({"forget"}): Fate.FORGET,
}
"""Actions of a plan. What isn't here (no-op, read) leaves the resource as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Before and after of one resource; `before` is null for a new one, `after` for one that goes.

    `after_unknown` has the same shape as `after` and holds true at everything that is known after apply.
    """

    actions: tuple[str, ...]
    before: dict[str, object] | None = None
    after: dict[str, object] | None = None
    after_unknown: dict[str, object] | bool = False

    @property
    def fate(self) -> Fate:
        return _FATES.get(frozenset(self.actions), Fate.KEEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceChange:
    """One resource of the plan; `address` is how Terraform names it."""

    address: str
    type: str
    change: Change
    mode: str = "managed"
    action_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A root variable as it was given."""

    value: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderConfiguration:
    """A provider that the configuration names, with the versions that it allows."""

    full_name: str = ""
    version_constraint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleCall:
    """A `module` block: where the module comes from, and what is inside."""

    source: str = ""
    version_constraint: str = ""
    module: "Module"


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """The part of a module's configuration that is reviewed: the modules it calls."""

    module_calls: dict[str, ModuleCall] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """The configuration behind the plan. Backends are no part of it, see workspace.py."""

    provider_config: dict[str, ProviderConfiguration] = field(default_factory=dict)
    root_module: Module = field(default_factory=Module)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckAddress:
    """How Terraform names a check, a precondition or the condition of an output."""

    to_display: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """The error message of a condition that doesn't hold."""

    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckInstance:
    """One instance of a check; `status` is pass, fail, error or unknown."""

    address: CheckAddress = field(default_factory=CheckAddress)
    status: str = "unknown"
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """All instances of one check, precondition or postcondition."""

    address: CheckAddress = field(default_factory=CheckAddress)
    status: str = "unknown"
    instances: tuple[CheckInstance, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole plan. `complete` is false where Terraform deferred changes; `errored` where planning stopped."""

    format_version: str
    terraform_version: str = ""
    timestamp: str = ""
    variables: dict[str, Variable] = field(default_factory=dict)
    resource_changes: tuple[ResourceChange, ...] = ()
    configuration: Configuration = field(default_factory=Configuration)
    checks: tuple[Check, ...] = ()
    errored: bool = False
    complete: bool = True

    def managed(self, *types: str) -> tuple[ResourceChange, ...]:
        """The resources of these types, or all; data sources are left out."""
        return tuple(r for r in self.resource_changes if r.mode == "managed" and (not types or r.type in types))

    def variable(self, name: str) -> object:
        """What a root variable was set to; None where there is none of this name."""
        return self.variables[name].value if name in self.variables else None


def parse_plan(text: str | bytes, *, where: str) -> Plan:
    """Read plan JSON; NodeagentError with the first faults and their places for anything else. `where` is the file."""
    from pydantic import ValidationError

    try:
        plan = _adapter().validate_json(text)
    except ValidationError as error:
        told = [f"{'.'.join(map(str, fault['loc'])) or 'document'}: {fault['msg']}" for fault in error.errors()]
        more = f"; and {len(told) - _FAULTS_TOLD} more" if len(told) > _FAULTS_TOLD else ""
        raise NodeagentError(
            f"{where} is no Terraform plan in JSON: {'; '.join(told[:_FAULTS_TOLD])}{more}", remedy=_REMEDY
        ) from error
    if plan.format_version.split(".")[0] not in _MAJOR_VERSIONS:
        raise NodeagentError(
            f"{where} has plan format {plan.format_version}; this nodeagent reads {' and '.join(_MAJOR_VERSIONS)}.x",
            remedy="use a nodeagent that knows this Terraform, or make the plan with Terraform 1.x",
        )
    return plan


@cache
def _adapter() -> "TypeAdapter[Plan]":
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)


def unknown(resource: ResourceChange, key: str) -> bool:
    """Whether an attribute is known only after apply."""
    marks = resource.change.after_unknown
    return marks if isinstance(marks, bool) else _any_true(marks.get(key))


def _any_true(mark: object) -> bool:
    match mark:
        case bool():
            return mark
        case Mapping():
            return any(_any_true(item) for item in mark.values())
        case list():
            return any(_any_true(item) for item in mark)
        case _:
            return False
