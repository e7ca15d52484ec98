"""Servers that are billed and that no state knows.

When the creation of a server fails after the order was taken, the provider saves nothing: the server exists, is paid
for, and Terraform would buy a second one. The tag `deployment` finds it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api
from nodeagent.cherry.inventory import Inventory
from nodeagent.cherry.server import Server, servers_of
from nodeagent.model.errors import RefusedError, UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What was found, and which of it was deleted. `missing` are servers of the state that the API doesn't have."""

    deployment_id: str
    known: int
    orphans: tuple[Server, ...]
    missing: tuple[str, ...]
    deleted: tuple[int, ...] = ()

    @property
    def left(self) -> tuple[Server, ...]:
        return tuple(one for one in self.orphans if one.id not in self.deleted)


def sweep(api: Api, inventory: Inventory, projects: Sequence[Project], *, deployment_id: str) -> Sweep:
    """Compare all servers with the tag with those that the state knows; deletes nothing."""
    if not deployment_id:
        raise UsageError("no deployment: the inventory tells none, or several", remedy="name it: --deployment sol-...")
    servers = [one for one in servers_of(api, projects) if one.billed]
    ids = {str(one.id) for one in servers}
    return Sweep(
        deployment_id=deployment_id,
        known=len(inventory.servers),
        orphans=tuple(one for one in servers if one.deployment == deployment_id and str(one.id) not in inventory.ids),
        missing=tuple(sorted(one.hostname or one.server_id for one in inventory.servers if one.server_id not in ids)),
    )


def check_deletable(found: Sweep, wanted: Sequence[int]) -> None:
    """RefusedError for a number that is no orphan of this deployment: nothing else is ever deleted."""
    orphans = {one.id for one in found.orphans}
    if strangers := [number for number in wanted if number not in orphans]:
        raise RefusedError(
            f"server {strangers[0]} is no orphan of {found.deployment_id}; nothing was deleted",
            remedy="run it without --delete, and take the numbers from there",
        )


def delete(api: Api, server_id: int) -> None:
    """Give one server back. Its drives are lost."""
    api.delete(f"/servers/{server_id}")
