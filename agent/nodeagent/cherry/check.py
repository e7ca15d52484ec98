"""The console check: what the API shows of every server, against what was asked.

It replaces comparing the web console with the configuration by eye, and finds what Terraform doesn't look at: power,
deployment status, and servers of the deployment that it doesn't know.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api
from nodeagent.cherry.inventory import Inventory, Wanted
from nodeagent.cherry.server import Server, power_of, servers_of
from nodeagent.cherry.shape import text
from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.node import REGION_NAMES


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One attribute that isn't as it was asked for."""

    hostname: str
    what: str
    wanted: str
    got: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A server as the API shows it, with its power."""

    server: Server
    power: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All servers that were found, and what differs."""

    deployment_id: str
    wanted: int
    seen: tuple[Seen, ...]
    differences: tuple[Difference, ...]


def check(api: Api, inventory: Inventory, projects: Sequence[Project]) -> Report:
    """One request a project and one a server, for its power. NodeagentError for an inventory without servers."""
    if not inventory.servers:
        raise NodeagentError(
            "the inventory has no server, so there is nothing to compare",
            remedy="give the outputs or the state of an environment that was applied: terraform output -json",
        )
    slugs = _Slugs(api)
    servers = {str(one.id): replace(one, image=slugs.of(one)) for one in servers_of(api, projects)}
    there = {one.server_id: servers[one.server_id] for one in inventory.servers if one.server_id in servers}
    seen = {
        number: Seen(server=one, power=power_of(api, one.id) if one.billed else "off") for number, one in there.items()
    }
    differences = [difference for one in inventory.servers for difference in _compare(one, seen.get(one.server_id))]
    strangers = [
        one
        for one in servers.values()
        if one.billed
        and inventory.deployment_id
        and one.deployment == inventory.deployment_id
        and str(one.id) not in inventory.ids
    ]
    differences += [
        Difference(hostname=one.hostname, what="server", wanted="none", got=f"server {one.id}, unknown to Terraform")
        for one in strangers
    ]
    return Report(
        deployment_id=inventory.deployment_id,
        wanted=len(inventory.servers),
        seen=tuple(seen.values()),
        differences=tuple(differences),
    )


class _Slugs:
    """Images by slug. The API tells the slug of newer servers, and of others the name, which its plan's list knows."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._by_plan: dict[str, dict[str, str]] = {}

    def of(self, server: Server) -> str:
        if " " not in server.image or not server.plan:
            return server.image
        if server.plan not in self._by_plan:
            images = self._api.get_list(f"/plans/{server.plan}/images")
            self._by_plan[server.plan] = {text(one, "name"): text(one, "slug") for one in images}
        return self._by_plan[server.plan].get(server.image, server.image)


def _compare(wanted: Wanted, seen: Seen | None) -> Iterator[Difference]:
    if seen is None:
        yield Difference(hostname=wanted.hostname, what="server", wanted=f"server {wanted.server_id}", got="none")
        return
    got = seen.server
    rows = (
        ("hostname", wanted.hostname, got.hostname),
        ("plan", wanted.plan, got.plan),
        ("region", REGION_NAMES.get(wanted.region, wanted.region), got.region),
        ("image", wanted.image, got.image),
        ("public address", wanted.public_ip, got.public_ip),
        ("private address", wanted.private_ip, got.private_ip),
        ("state", "active", got.state),
        ("status", "deployed", got.status),
        ("power", "on", seen.power),
        *((f"tag {name}", value, got.tags.get(name, "")) for name, value in sorted(wanted.tags.items())),
    )
    for what, asked, shown in rows:
        if asked and asked != shown:
            yield Difference(hostname=wanted.hostname, what=what, wanted=asked, got=shown or "nothing")
