"""All endpoints there are, noun by noun; docs/cherrylab.md has the same table."""

from cherrylab.api import (
    backup_storages,
    ips,
    plans,
    projects,
    regions,
    servers,
    ssh_keys,
    storages,
    teams,
    users,
)
from cherrylab.api.endpoint import Endpoint

ENDPOINTS: tuple[Endpoint, ...] = (
    *teams.ENDPOINTS,
    *users.ENDPOINTS,
    *projects.ENDPOINTS,
    *ssh_keys.ENDPOINTS,
    *regions.ENDPOINTS,
    *plans.ENDPOINTS,
    *servers.ENDPOINTS,
    *ips.ENDPOINTS,
    *storages.ENDPOINTS,
    *backup_storages.ENDPOINTS,
)
