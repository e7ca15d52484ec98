"""The plugin's side of protocol 6: one method a call of Terraform, each a few lines around pure code.

Protocol: https://github.com/hashicorp/terraform/blob/main/docs/plugin-protocol/tfplugin6.proto
"""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from tf.gen import tfplugin_pb2 as protocol
from tf.gen import tfplugin_pb2_grpc as service

from tests.terraform.provider import schema as schemas
from tests.terraform.provider.diagnostics import Diagnostic, DiagnosticError, attribute_path
from tests.terraform.provider.planning import Rules, plan
from tests.terraform.provider.plugin import Provider, Resource
from tests.terraform.provider.values import UNKNOWN, Object, decode, encode

_Call = TypeVar("_Call", bound=Callable[..., Any])


def _answers(response: type[Any]) -> Callable[[_Call], Callable[..., Any]]:
    """Turn a DiagnosticError of a call into a response that holds the diagnostic and nothing else."""

    def decorate(call: _Call) -> Callable[..., Any]:
        @functools.wraps(call)
        def answer(self: "Servicer", request: Any, context: Any) -> Any:
            try:
                return call(self, request, context)
            except DiagnosticError as error:
                return response(diagnostics=[error.diagnostic.message()])

        return answer

    return decorate


class Servicer(service.ProviderServicer):  # type: ignore[misc]  # generated code without types
    """Serves one provider to one Terraform."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._client: Any = None

    def GetMetadata(self, request: Any, context: Any) -> Any:
        """Nothing here, so that Terraform asks for the whole schema."""
        return protocol.GetMetadata.Response(server_capabilities=_capabilities())

    def GetProviderSchema(self, request: Any, context: Any) -> Any:
        """Everything the provider declares."""
        schema = self._provider.schema
        return protocol.GetProviderSchema.Response(
            provider=schemas.message(schema.provider),
            resource_schemas={name: schemas.message(block) for name, block in schema.resources.items()},
            data_source_schemas={name: schemas.message(block) for name, block in schema.data_sources.items()},
            server_capabilities=_capabilities(),
        )

    def ValidateProviderConfig(self, request: Any, context: Any) -> Any:
        """Terraform has held it against the schema already."""
        return protocol.ValidateProviderConfig.Response()

    def ValidateResourceConfig(self, request: Any, context: Any) -> Any:
        """Attributes that exclude each other."""
        config = decode(request.config)
        messages = [
            _conflict(one, other)
            for one, other in self._rules(request.type_name).conflicts
            if config.get(one) is not None and config.get(other) is not None
        ]
        return protocol.ValidateResourceConfig.Response(diagnostics=[message.message() for message in messages])

    def ValidateDataResourceConfig(self, request: Any, context: Any) -> Any:
        """Arguments of which one must be given."""
        source = self._provider.data_sources.get(request.type_name)
        wanted = source.exactly_one_of if source is not None else ()
        messages = _exactly_one(wanted, decode(request.config)) if wanted else []
        return protocol.ValidateDataResourceConfig.Response(diagnostics=[message.message() for message in messages])

    @_answers(protocol.ConfigureProvider.Response)
    def ConfigureProvider(self, request: Any, context: Any) -> Any:
        """Make the client that every later call uses."""
        self._client = self._provider.configure(decode(request.config) or {})
        return protocol.ConfigureProvider.Response()

    def UpgradeResourceState(self, request: Any, context: Any) -> Any:
        """A state of this version, from any other: what it lacks is null, what it has too much is dropped."""
        state = schemas.complete(self._provider.schema.resources[request.type_name], json.loads(request.raw_state.json))
        return protocol.UpgradeResourceState.Response(upgraded_state=encode(state))

    @_answers(protocol.ReadResource.Response)
    def ReadResource(self, request: Any, context: Any) -> Any:
        """The resource as it is now; null where it is gone."""
        state = self._resource(request.type_name).read(self._client, decode(request.current_state))
        return protocol.ReadResource.Response(new_state=self._state(request.type_name, state))

    def PlanResourceChange(self, request: Any, context: Any) -> Any:
        """What an apply would do."""
        planned = plan(
            self._provider.schema.resources[request.type_name],
            self._rules(request.type_name),
            config=decode(request.config) or {},
            prior=decode(request.prior_state),
            proposed=decode(request.proposed_new_state),
        )
        return protocol.PlanResourceChange.Response(
            planned_state=encode(planned.state),
            requires_replace=[attribute_path(name) for name in planned.replaces],
            diagnostics=[_reinstall_warning(name).message() for name in planned.reinstalls],
        )

    def ApplyResourceChange(self, request: Any, context: Any) -> Any:
        """Do what was planned. After an error the state is the one before: nothing, if it was to be created."""
        prior, planned = decode(request.prior_state), decode(request.planned_state)
        try:
            state = self._applied(self._resource(request.type_name), prior, planned)
        except DiagnosticError as error:
            return protocol.ApplyResourceChange.Response(
                new_state=self._state(request.type_name, error.state or prior), diagnostics=[error.diagnostic.message()]
            )
        return protocol.ApplyResourceChange.Response(new_state=self._state(request.type_name, state))

    def _applied(self, resource: Resource, prior: Object | None, planned: Object | None) -> Object | None:
        if planned is None:
            resource.delete(self._client, prior or {})
            return None
        if prior is None:
            return resource.create(self._client, planned)
        return resource.update(self._client, prior, planned)

    @_answers(protocol.ImportResourceState.Response)
    def ImportResourceState(self, request: Any, context: Any) -> Any:
        """Start a state from an identifier; Terraform reads the rest afterwards."""
        found = self._resource(request.type_name).imported(request.id)
        imported = protocol.ImportResourceState.ImportedResource(
            type_name=request.type_name, state=self._state(request.type_name, found)
        )
        return protocol.ImportResourceState.Response(imported_resources=[imported])

    @_answers(protocol.ReadDataSource.Response)
    def ReadDataSource(self, request: Any, context: Any) -> Any:
        """Look something up."""
        source = self._provider.data_sources.get(request.type_name)
        if source is None:
            raise _schema_only(request.type_name)
        block = self._provider.schema.data_sources[request.type_name]
        state = source.read(self._client, decode(request.config))
        return protocol.ReadDataSource.Response(state=encode(schemas.complete(block, state)))

    def GetFunctions(self, request: Any, context: Any) -> Any:
        """None."""
        return protocol.GetFunctions.Response()

    def StopProvider(self, request: Any, context: Any) -> Any:
        """Nothing: the client of the real plugin doesn't hear of it either, and finishes what it is at."""
        return protocol.StopProvider.Response()

    def _resource(self, type_name: str) -> Resource:
        resource = self._provider.resources.get(type_name)
        if resource is None:
            raise _schema_only(type_name)
        return resource

    def _rules(self, type_name: str) -> Rules:
        resource = self._provider.resources.get(type_name)
        return resource.rules if resource is not None else Rules()

    def _state(self, type_name: str, state: Object | None) -> protocol.DynamicValue:
        return encode(state and schemas.complete(self._provider.schema.resources[type_name], state))


def _capabilities() -> protocol.ServerCapabilities:
    return protocol.ServerCapabilities(get_provider_schema_optional=True)


def _conflict(one: str, other: str) -> Diagnostic:
    detail = f'Attribute "{other}" cannot be specified when "{one}" is specified'
    return Diagnostic(summary="Invalid Attribute Combination", detail=detail, attribute=one)


def _exactly_one(names: tuple[str, ...], config: Object) -> Iterator[Diagnostic]:
    values = [config[name] for name in names if config[name] is not None]
    listed = ",".join(names)
    if not values:
        yield Diagnostic(
            summary="Missing Attribute Configuration",
            detail=f"Exactly one of these attributes must be configured: [{listed}]",
        )
    elif len(values) > 1 and UNKNOWN not in values:
        yield Diagnostic(
            summary="Invalid Attribute Combination",
            detail=f"Exactly one of these attributes must be configured: [{listed}]",
        )


def _reinstall_warning(attribute: str) -> Diagnostic:
    return Diagnostic(
        summary="Server re-install required.",
        detail="This change reinstalls the server, which wipes all of its data.",
        attribute=attribute,
        is_warning=True,
    )


def _schema_only(type_name: str) -> DiagnosticError:
    return DiagnosticError(
        f"{type_name} has a schema and nothing else here",
        "This plugin stands in for one that could not be downloaded. Use mock_provider in tests, or the real plugin.",
    )
