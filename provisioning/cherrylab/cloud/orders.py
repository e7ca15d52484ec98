"""Ordering a server: everything that an order may say, checked before anything is written."""

import base64
import binascii
import secrets
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cherrylab.cloud import hostnames, ips, pricing, projects, stock, storages
from cherrylab.cloud.errors import InvalidError
from cherrylab.cloud.faults import Kind, Strike
from cherrylab.cloud.ips import IpType
from cherrylab.cloud.lifecycle import Progress, Work
from cherrylab.cloud.projects import Project
from cherrylab.cloud.servers import Bmc, Server
from cherrylab.cloud.tasks import Job, Task
from cherrylab.drivers.driver import Addresses, DriverError

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

DEFAULT_IMAGE = "ubuntu_24_04_64bit"
_USER_DATA_LIMIT = 16 * 1024
_SOLD_OUT = "Given server plan is out of stock in the given region."


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The body of an order; None is unsaid. `user_data` and `ipxe` are base64, `os_partition_size` is in GB."""

    plan: str
    region: str
    project_id: int | None = None
    hostname: str | None = None
    image: str | None = None
    ssh_keys: list[int] | None = None
    ip_addresses: list[str] | None = None
    user_data: str | None = None
    ipxe: str | None = None
    tags: dict[str, str] | None = None
    spot_market: bool = False
    os_partition_size: int | None = None
    cycle: str | None = None
    discount: str | None = None
    storage_id: int | None = None
    prebuilt_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """An order in the terms of the catalogue."""

    order: Order
    project: Project
    plan: dict[str, Any]
    region: dict[str, Any]
    image: dict[str, Any]
    cycle: str
    extra_ips: tuple[ips.Ip, ...] = field(default=())


def create(cloud: "Cloud", project_id: int, order: Order, *, effect: Strike | None = None) -> Server:
    """Write a server into the books; its deployment begins when they are closed.

    InvalidError, and nothing written, where the order can't be met.
    """
    checked = _checked(cloud, projects.find(cloud, project_id), order)
    if effect is not None and effect.kind is Kind.OUT_OF_STOCK:
        raise InvalidError(_SOLD_OUT)
    number = cloud.store.servers.next_id()
    places = _places(cloud, checked, number)
    server = _server(cloud, checked, number, places, effect)
    cloud.store.servers.put(server)
    for place, kind in ((places.public, IpType.PRIMARY), (places.private, IpType.PRIVATE)):
        ips.add(cloud, place, kind=kind, server_id=number, project_id=project_id, region=server.region)
    _attach(cloud, checked, server)
    cloud.tasks.append(Task(server_id=number, job=Job.CREATE))
    return server


def check_image(cloud: "Cloud", plan: dict[str, Any], slug: str) -> dict[str, Any]:
    """The image of that slug, which the plan may have."""
    image = next((one for one in cloud.catalogue.images_of(plan) if one["slug"] == slug), None)
    if image is None:
        raise InvalidError("Given image was not found.")
    return image


def check_ssh_keys(cloud: "Cloud", numbers: list[int]) -> tuple[int, ...]:
    if any(cloud.store.ssh_keys.get(number) is None for number in numbers):
        raise InvalidError("Given SSH key was not found.")
    return tuple(dict.fromkeys(numbers))


def check_base64(text: str, *, name: str) -> str:
    """The text itself, once it is known to be base64 of no more than the API takes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidError(f"{name}: This value should be base64 encoded.") from error
    if len(decoded) > _USER_DATA_LIMIT:
        raise InvalidError(f"{name}: This value is longer than {_USER_DATA_LIMIT} bytes.")
    return text


def _checked(cloud: "Cloud", project: Project, order: Order) -> _Checked:
    plan = cloud.catalogue.plan(order.plan)
    if plan is None:
        raise InvalidError("Given server plan was not found.")
    region = cloud.catalogue.region(order.region)
    if region is None:
        raise InvalidError("Given region was not found.")
    if stock.available(cloud, plan, region["slug"], spot=order.spot_market) < 1:
        raise InvalidError(_SOLD_OUT)
    cycle = order.cycle or "hourly"
    if pricing.price_of(plan, cycle=cycle, spot=order.spot_market) is None:
        raise InvalidError("Given billing cycle is not available for the given server plan.")
    if order.hostname:
        hostnames.check(order.hostname)
    check_base64(order.user_data or "", name="user_data")
    check_base64(order.ipxe or "", name="ipxe")
    check_ssh_keys(cloud, order.ssh_keys or [])
    _check_prebuilt(cloud, plan, order)
    if order.discount:
        raise InvalidError("Given discount code is not valid.")
    return _Checked(
        order=order,
        project=project,
        plan=plan,
        region=region,
        image=check_image(cloud, plan, order.image or DEFAULT_IMAGE),
        cycle=cycle,
        extra_ips=tuple(_free_ip(cloud, project, region["slug"], one) for one in order.ip_addresses or []),
    )


def _check_prebuilt(cloud: "Cloud", plan: dict[str, Any], order: Order) -> None:
    if order.prebuilt_id is None:
        return
    known = cloud.catalogue.prebuilts_of(plan, region=order.region)
    if order.prebuilt_id not in {one["id"] for one in known}:
        raise InvalidError("Given prebuilt server was not found.")


def _free_ip(cloud: "Cloud", project: Project, region: str, identity: str) -> ips.Ip:
    ip = cloud.store.ips.get(identity)
    if ip is None or ip.project_id != project.id or ip.region != region:
        raise InvalidError("Given IP address was not found.")
    if ip.server_id is not None:
        raise InvalidError("Given IP address is already attached.")
    return ip


def _places(cloud: "Cloud", checked: _Checked, number: int) -> Addresses:
    try:
        told = cloud.driver.addresses(number, project_id=checked.project.id, plan=checked.plan)
    except DriverError as error:
        raise InvalidError(f"{_SOLD_OUT} ({error})") from error
    if told is not None:
        return told
    region_id = int(checked.region["id"])
    public = ips.free_public(cloud, region_id)
    return Addresses(
        public=public, private=ips.free_private(cloud, checked.project.id, region_id), bmc=_bmc_address(number)
    )


def _bmc_address(number: int) -> str:
    """Somewhere that nobody is: 198.51.100.0/24 is for documentation (RFC 5737)."""
    return f"198.51.100.{1 + number % 254}"


def _server(cloud: "Cloud", checked: _Checked, number: int, places: Addresses, effect: Strike | None) -> Server:
    order, now, delays = checked.order, cloud.clock.now(), cloud.delays
    kind = None if effect is None else effect.kind
    own_name = hostnames.for_server(number)
    pending_until = now + delays.pending_seconds
    return Server(
        id=number,
        project_id=checked.project.id,
        name=checked.plan["name"],
        hostname=own_name if kind is Kind.HOSTNAME_REWRITTEN else order.hostname or own_name,
        plan=checked.plan["slug"],
        region=checked.region["slug"],
        image=checked.image["slug"],
        cycle=checked.cycle,
        created_at=now,
        progress=Progress(
            work=Work.DEPLOY,
            pending_until=pending_until,
            ready_at=pending_until + delays.provisioning_seconds,
            failed=kind is Kind.DEPLOY_FAILS,
        ),
        bmc=Bmc(user="kuser", password=secrets.token_urlsafe(12), ip=places.bmc, made_at=now),
        password=secrets.token_urlsafe(15),
        password_made_at=now,
        spot=order.spot_market,
        prebuilt_id=order.prebuilt_id,
        ssh_key_ids=check_ssh_keys(cloud, order.ssh_keys or []),
        tags=order.tags or {},
        user_data=order.user_data or "",
        os_partition_gigabytes=order.os_partition_size,
    )


def _attach(cloud: "Cloud", checked: _Checked, server: Server) -> None:
    for ip in checked.extra_ips:
        cloud.store.ips.put(replace(ip, server_id=server.id))
    if checked.order.storage_id is not None:
        storages.attach(cloud, checked.order.storage_id, storages.AttachRequest(attach_to=server.id))
