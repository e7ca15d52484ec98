"""What Terraform asked for: the output `inventory`, or a state, in any form in which Terraform prints them.

Known forms: the value of the output, all of `terraform output -json`, `terraform show -json` of a state, and a state
file itself. A state knows more than the output: every server that Terraform keeps, also one that no output names.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.cherry.api import Json
from nodeagent.cherry.server import DEPLOYMENT
from nodeagent.cherry.shape import part, parts, tags, text
from nodeagent.model.errors import NodeagentError

_TYPE = "cherryservers_server"
_REMEDY = "terraform output -json > inventory.json, or terraform show -json > state.json, and give that"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One server as it was asked for; "" for what isn't said."""

    hostname: str
    server_id: str
    plan: str
    region: str
    image: str
    public_ip: str
    private_ip: str
    tags: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """All servers of one deployment; `deployment_id` is "" where neither output nor tags tell it."""

    deployment_id: str
    servers: tuple[Wanted, ...]

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(server.server_id for server in self.servers)


def parse_inventory(content: str | bytes, *, where: str) -> Inventory:
    """NodeagentError for what is none of the known forms."""
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NodeagentError(f"{where} is no JSON: {error}", remedy=_REMEDY) from error
    if not isinstance(document, dict):
        raise NodeagentError(f"{where}: wanted an object, got {type(document).__name__}", remedy=_REMEDY)
    if "nodes" in document:
        return _of_output(document)
    if "inventory" in document:
        return _of_output(part(part(document, "inventory"), "value"))
    if "values" in document or document.get("version") == 4 or document.get("format_version"):
        return _of_state(document)
    raise NodeagentError(f"{where} is neither an inventory nor a state of Terraform", remedy=_REMEDY)


def _of_output(value: Json) -> Inventory:
    nodes = part(value, "nodes")
    servers = tuple(_wanted(part(nodes, name), hostname=name) for name in nodes)
    return Inventory(deployment_id=text(value, "deployment_id"), servers=servers)


def _of_state(document: Json) -> Inventory:
    servers = tuple(_wanted(values) for values in (*_shown(part(document, "values")), *_kept(document)))
    deployments = sorted({server.tags.get(DEPLOYMENT, "") for server in servers} - {""})
    return Inventory(deployment_id=deployments[0] if len(deployments) == 1 else "", servers=servers)


def _shown(values: Json) -> Iterator[Json]:
    """`terraform show -json`: resources of the root module and of those below it."""
    modules = [part(values, "root_module")]
    while modules:
        module = modules.pop()
        modules += parts(module, "child_modules")
        yield from (part(one, "values") for one in parts(module, "resources") if _is_server(one))


def _kept(document: Json) -> Iterator[Json]:
    """A state file of version 4."""
    for resource in parts(document, "resources"):
        if _is_server(resource):
            yield from (part(instance, "attributes") for instance in parts(resource, "instances"))


def _is_server(resource: Json) -> bool:
    return resource.get("type") == _TYPE and resource.get("mode", "managed") == "managed"


def _wanted(values: Json, *, hostname: str = "") -> Wanted:
    addresses = {text(one, "type"): text(one, "address") for one in parts(values, "ip_addresses")}
    number = values.get("server_id", values.get("id"))
    return Wanted(
        hostname=text(values, "hostname") or hostname,
        server_id=str(number) if number is not None else "",
        plan=text(values, "plan"),
        region=text(values, "region"),
        image=text(values, "image"),
        public_ip=text(values, "public_ip") or addresses.get("primary-ip", ""),
        private_ip=text(values, "private_ip") or addresses.get("private-ip", ""),
        tags=tags(values),
    )
