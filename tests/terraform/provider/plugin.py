"""What a provider is made of: a schema, and what stands behind each resource and data source."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.terraform.provider.planning import Rules
from tests.terraform.provider.schema import ProviderSchema
from tests.terraform.provider.values import Object


class Resource(Protocol):
    """The life of one kind of resource. A call that raises DiagnosticError leaves the state as it was before it."""

    rules: Rules

    def create(self, client: Any, planned: Object) -> Object:
        """Make it and return its state."""

    def read(self, client: Any, state: Object) -> Object | None:
        """The state now; None where it is gone."""

    def update(self, client: Any, prior: Object, planned: Object) -> Object:
        """Change it in place and return its state."""

    def delete(self, client: Any, state: Object) -> None:
        """Remove it."""

    def imported(self, identifier: str) -> Object:
        """The few attributes from which `read` finds the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSource:
    """One kind of lookup; `exactly_one_of` names arguments of which one, and only one, must be given."""

    read: Callable[[Any, Object], Object]
    exactly_one_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One plugin. Types that have no entry can be planned, but neither applied nor read."""

    schema: ProviderSchema
    configure: Callable[[Object], Any]
    resources: Mapping[str, Resource] = field(default_factory=dict)
    data_sources: Mapping[str, DataSource] = field(default_factory=dict)
