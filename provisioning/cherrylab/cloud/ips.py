"""IP addresses: the two that come with a server, and floating ones that are ordered for themselves.

Public addresses are of 198.18.0.0/15, which RFC 2544 keeps for rehearsals: no packet sent to one ever reaches a
stranger. Private ones are of a /24 for each project and region.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING

from cherrylab.cloud import projects
from cherrylab.cloud.errors import InvalidError, NotFoundError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

_PUBLIC = IPv4Network("198.18.0.0/16")
_FLOATING = IPv4Network("198.19.0.0/16")
_BITS_OF_REGION = 20
_BITS_OF_SEGMENT = 26
_FIRST_VLAN = 2_000


class IpType(StrEnum):
    """The API's words."""

    PRIMARY = "primary-ip"
    PRIVATE = "private-ip"
    FLOATING = "floating-ip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ip:
    """`region` is a slug; `server_id` and `routed_to` (an address's id) are None while it is attached to nothing."""

    id: str
    address: str
    cidr: str
    gateway: str | None
    type: IpType
    region: str
    project_id: int
    server_id: int | None = None
    routed_to: str | None = None
    ptr_record: str = ""
    a_record: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    vlan_id: int | None = None

    @property
    def is_floating(self) -> bool:
        return self.type is IpType.FLOATING


@dataclass(frozen=True, slots=True, kw_only=True)
class IpRequest:
    """What a client may say of an address; None is unsaid. `targeted_to` 0 means no server."""

    region: str | None = None
    ptr_record: str | None = None
    a_record: str | None = None
    routed_to: str | None = None
    targeted_to: int | None = None
    tags: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An address in its network."""

    address: str
    cidr: str
    gateway: str | None = None


def find(cloud: "Cloud", identity: str) -> Ip:
    ip = cloud.store.ips.get(identity)
    if ip is None:
        raise NotFoundError("IP address was not found.")
    return ip


def of_project(cloud: "Cloud", project_id: int) -> tuple[Ip, ...]:
    project = projects.find(cloud, project_id)
    return tuple(ip for ip in cloud.store.ips.all() if ip.project_id == project.id)


def of_server(cloud: "Cloud", server_id: int) -> tuple[Ip, ...]:
    return tuple(ip for ip in cloud.store.ips.all() if ip.server_id == server_id)


def create(cloud: "Cloud", project_id: int, request: IpRequest) -> Ip:
    """Order a floating address."""
    project = projects.find(cloud, project_id)
    region = cloud.catalogue.region(request.region or "")
    if region is None:
        raise InvalidError("Given region was not found.")
    place = _floating_place(cloud, int(region["id"]))
    ip = Ip(
        id=new_id(),
        address=place.address,
        cidr=place.cidr,
        gateway=None,
        type=IpType.FLOATING,
        region=region["slug"],
        project_id=project.id,
    )
    return cloud.store.ips.put(_changed(cloud, ip, request))


def update(cloud: "Cloud", identity: str, request: IpRequest) -> Ip:
    return cloud.store.ips.put(_changed(cloud, find(cloud, identity), request))


def delete(cloud: "Cloud", identity: str) -> None:
    ip = find(cloud, identity)
    if not ip.is_floating:
        raise InvalidError("IP address belongs to a server and can not be deleted.")
    if ip.server_id is not None or ip.routed_to is not None:
        raise InvalidError("IP address is attached and can not be deleted.")
    cloud.store.ips.remove(ip.id)


def detach_from(cloud: "Cloud", server_id: int) -> None:
    """A server goes: its own addresses go with it, floating ones stay behind."""
    own = of_server(cloud, server_id)
    gone = {ip.id for ip in own if not ip.is_floating}
    for ip in cloud.store.ips.all():
        if ip.id in gone:
            cloud.store.ips.remove(ip.id)
        elif ip.server_id == server_id or ip.routed_to in gone:
            cloud.store.ips.put(replace(ip, server_id=None, routed_to=None))


def add(cloud: "Cloud", place: Place, *, kind: IpType, server_id: int, project_id: int, region: str) -> Ip:
    """An address that comes with a server."""
    number = place.address.replace(".", "-")
    return cloud.store.ips.put(
        Ip(
            id=new_id(),
            address=place.address,
            cidr=place.cidr,
            gateway=place.gateway,
            type=kind,
            region=region,
            project_id=project_id,
            server_id=server_id,
            ptr_record=f"ip-{number}.ptr.cherryservers.net." if kind is IpType.PRIMARY else "",
            vlan_id=None if kind is IpType.PRIMARY else vlan_of(cloud, project_id, region),
        )
    )


def new_id() -> str:
    return str(uuid.uuid4())


def free_public(cloud: "Cloud", region_id: int) -> Place:
    """The first free public address of a region, in its segment of 64."""
    taken = _taken(cloud)
    region = _part(_PUBLIC, region_id)
    for segment in region.subnets(new_prefix=_BITS_OF_SEGMENT):
        gateway, *usable = segment.hosts()
        for address in usable:
            if str(address) not in taken:
                return Place(address=str(address), cidr=str(segment), gateway=str(gateway))
    raise InvalidError("There are no free IP addresses in the region.")


def free_private(cloud: "Cloud", project_id: int, region_id: int, *, but: str = "") -> Place:
    """The first free private address of a project in a region, other than `but`."""
    taken = {*_taken(cloud), but}
    network = _private_network(project_id, region_id)
    for address in _after_gateway(network):
        if str(address) not in taken:
            return Place(address=str(address), cidr=str(network))
    raise InvalidError("There are no free private IP addresses in the project.")


def vlan_of(cloud: "Cloud", project_id: int, region: str) -> int:
    """The VLAN of a project in a region, of its private network."""
    entry = cloud.catalogue.region(region)
    return _FIRST_VLAN + (project_id * 8 + int(entry["id"] if entry else 0)) % 2_000


def _changed(cloud: "Cloud", ip: Ip, request: IpRequest) -> Ip:
    ip = _attached(cloud, ip, request)
    return replace(
        ip,
        ptr_record=ip.ptr_record if request.ptr_record is None else _dotted(request.ptr_record),
        a_record=ip.a_record if request.a_record is None else _of_cloud(request.a_record),
        tags=ip.tags if request.tags is None else request.tags,
    )


def _attached(cloud: "Cloud", ip: Ip, request: IpRequest) -> Ip:
    if request.routed_to:
        other = cloud.store.ips.get(request.routed_to)
        if other is None or other.server_id is None:
            raise InvalidError("Given IP address to route to was not found.")
        return replace(ip, routed_to=other.id, server_id=other.server_id)
    if request.targeted_to is None:
        return ip
    if request.targeted_to == 0:
        return replace(ip, server_id=None, routed_to=None)
    server = cloud.store.servers.get(request.targeted_to)
    if server is None or server.deleted_at is not None:
        raise InvalidError("Given server to target to was not found.")
    if server.region != ip.region:
        raise InvalidError("Given server to target to is in another region.")
    primary = next((one for one in of_server(cloud, server.id) if one.type is IpType.PRIMARY), None)
    return replace(ip, server_id=server.id, routed_to=primary.id if primary else None)


def _dotted(name: str) -> str:
    return f"{name.rstrip('.')}." if name else ""


def _of_cloud(name: str) -> str:
    return f"{name.rstrip('.').removesuffix('.cloud.cherryservers.net')}.cloud.cherryservers.net." if name else ""


def _taken(cloud: "Cloud") -> set[str]:
    return {ip.address for ip in cloud.store.ips.all()}


def _floating_place(cloud: "Cloud", region_id: int) -> Place:
    taken = _taken(cloud)
    for address in _part(_FLOATING, region_id).hosts():
        if str(address) not in taken:
            return Place(address=str(address), cidr=f"{address}/32")
    raise InvalidError("There are no free IP addresses in the region.")


def _part(network: IPv4Network, region_id: int) -> IPv4Network:
    """A region's share: one of 16 equal parts."""
    return list(network.subnets(new_prefix=_BITS_OF_REGION))[region_id]


def _private_network(project_id: int, region_id: int) -> IPv4Network:
    # One of 16 numbers for the region, so that no two regions of a project overlap; 10.16 upwards.
    number = (project_id % 3_584) * 16 + region_id
    return IPv4Network(f"10.{16 + number // 256}.{number % 256}.0/24")


def _after_gateway(network: IPv4Network) -> Iterator[IPv4Address]:
    hosts = network.hosts()
    next(hosts)
    return hosts
