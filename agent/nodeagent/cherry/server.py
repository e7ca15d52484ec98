"""Servers as the API shows them, without the passwords that it shows beside them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodeagent.cherry.account import Project
from nodeagent.cherry.api import Api, CherryError, Json
from nodeagent.cherry.shape import number, optional_number, part, parts, tags, text

DEPLOYMENT = "deployment"
"""The tag that says to which cluster a server belongs."""

_GONE = frozenset({"terminating", "terminated", "deleted"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server. `image` is a slug where the API tells it, else a name. `unit_price` is for one `unit` of time."""

    id: int
    hostname: str
    project_id: int
    plan: str
    region: str
    image: str
    state: str
    status: str
    tags: dict[str, str]
    public_ip: str
    private_ip: str
    ddos_scrubbing: bool
    currency: str
    unit: str
    unit_price: float | None
    taxed: bool
    traffic_bytes: int | None
    bandwidth: str
    created_at: str

    @property
    def deployment(self) -> str:
        return self.tags.get(DEPLOYMENT, "")

    @property
    def billed(self) -> bool:
        """Everything that isn't on its way out is paid for, also what failed to deploy."""
        return self.state not in _GONE


def servers_of(api: Api, projects: Sequence[Project]) -> tuple[Server, ...]:
    """Every server of the projects, one request each."""
    return tuple(
        _server(answer, project_id=project.id)
        for project in projects
        for answer in api.get_list(f"/projects/{project.id}/servers")
    )


def find_server(api: Api, name: str, projects: Sequence[Project]) -> Server:
    """The one server of this hostname (any case) or number; CherryError where there is none, or more than one."""
    found = [
        one for one in servers_of(api, projects) if one.billed and name.lower() in (one.hostname.lower(), str(one.id))
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CherryError(
            f"no server {name!r} in {len(projects)} projects", remedy="nodeagent cherry check lists those there are"
        )
    ids = ", ".join(str(one.id) for one in found)
    raise CherryError(f"{len(found)} servers are named {name!r}", remedy=f"give the number of one of them: {ids}")


def power_of(api: Api, server_id: int) -> str:
    """`on`, `off`, or "" where the API doesn't tell."""
    return text(api.get(f"/servers/{server_id}", fields="power"), "power")


def _server(answer: Json, *, project_id: int) -> Server:
    primary = next(_addresses(answer, "primary-ip"), {})
    pricing, plan = part(answer, "pricing"), part(answer, "plan")
    traffic = optional_number(answer, "traffic_used_bytes")
    return Server(
        id=number(answer, "id", "GET servers"),
        hostname=text(answer, "hostname"),
        project_id=project_id,
        plan=text(plan, "slug"),
        region=text(part(answer, "region"), "slug"),
        image=text(part(answer, "deployed_image"), "slug") or text(answer, "image"),
        state=text(answer, "state"),
        status=text(answer, "status"),
        tags=tags(answer),
        public_ip=text(primary, "address"),
        private_ip=text(next(_addresses(answer, "private-ip"), {}), "address"),
        ddos_scrubbing=primary.get("ddos_scrubbing") is True,
        currency=text(pricing, "currency"),
        unit=text(pricing, "unit"),
        unit_price=optional_number(pricing, "unit_price"),
        taxed=pricing.get("taxed") is True,
        traffic_bytes=int(traffic) if traffic is not None else None,
        bandwidth=text(part(part(plan, "specs"), "bandwidth"), "name"),
        created_at=text(answer, "created_at"),
    )


def _addresses(answer: Json, kind: str) -> Iterator[Json]:
    yield from (one for one in parts(answer, "ip_addresses") if one.get("type") == kind)
