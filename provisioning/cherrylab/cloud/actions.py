"""What can be done to a server that runs: power, reinstall, rescue, its BMC, a larger plan.

An action is a function of this module in ACTIONS, under the word that clients send; power words are taken with a dash
and with an underscore, as the Go and the Python client differ there.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address
from typing import TYPE_CHECKING

from cherrylab.cloud import hostnames, ips, orders, servers, stock
from cherrylab.cloud.errors import InvalidError
from cherrylab.cloud.faults import Kind, Strike
from cherrylab.cloud.lifecycle import Work, is_ready
from cherrylab.cloud.servers import Server
from cherrylab.cloud.tasks import Job, Task
from cherrylab.drivers.driver import PowerAction

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

CONSOLE_SECONDS = 3_600.0
"""How long console access stays open."""

_PASSWORD_LENGTHS = range(8, 65)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRequest:
    """The body of an action; which fields count depends on `type`. `user_data` is base64."""

    type: str
    image: str | None = None
    hostname: str | None = None
    password: str | None = None
    ssh_keys: list[int] | None = None
    user_data: str | None = None
    ipxe: str | None = None
    os_partition_size: int | None = None
    allowed_ip: str | None = None
    plan: str | None = None


Action = Callable[["Cloud", Server, ActionRequest, Strike | None], Server]


def act(cloud: "Cloud", identity: int, request: ActionRequest, *, effect: Strike | None = None) -> Server:
    """InvalidError for an unknown action, and while a deployment is under way."""
    action = ACTIONS.get(request.type.replace("_", "-"))
    if action is None:
        raise InvalidError("type: Given action type is not valid.")
    server = servers.find_kept(cloud, identity)
    if not is_ready(server.progress, now=cloud.clock.now()):
        raise InvalidError("Server is not ready: another action is in progress.")
    return cloud.store.servers.put(action(cloud, server, request, effect))


def _power_on(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    return _pressed(cloud, server, PowerAction.ON)


def _power_off(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    return _pressed(cloud, server, PowerAction.OFF)


def _power_cycle(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    return _pressed(cloud, server, PowerAction.CYCLE)


def _reboot(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    return _pressed(cloud, server, PowerAction.REBOOT)


def _pressed(cloud: "Cloud", server: Server, action: PowerAction) -> Server:
    cloud.tasks.append(Task(server_id=server.id, job=Job.POWER, action=action))
    return replace(server, is_on=action is not PowerAction.OFF)


def _reinstall(cloud: "Cloud", server: Server, request: ActionRequest, effect: Strike | None) -> Server:
    image = orders.check_image(cloud, servers.plan_of(cloud, server), request.image or "")
    if request.hostname:
        hostnames.check(request.hostname)
    password = _checked_password(request)
    user_data = orders.check_base64(request.user_data or "", name="user_data")
    keys = server.ssh_key_ids if request.ssh_keys is None else orders.check_ssh_keys(cloud, request.ssh_keys)
    if effect is not None and effect.kind is Kind.PRIVATE_IP_CHANGES:
        _move_private_ip(cloud, server)
    now = cloud.clock.now()
    cloud.tasks.append(Task(server_id=server.id, job=Job.REINSTALL))
    return replace(
        server,
        hostname=request.hostname or server.hostname,
        image=image["slug"],
        password=password,
        password_made_at=now,
        ssh_key_ids=keys,
        user_data=user_data,
        os_partition_gigabytes=request.os_partition_size or server.os_partition_gigabytes,
        is_on=True,
        rescue_password=None,
        progress=replace(
            server.progress,
            work=Work.REINSTALL,
            ready_at=now + cloud.delays.reinstall_seconds,
            reinstalling=True,
            failed=effect is not None and effect.kind is Kind.DEPLOY_FAILS,
        ),
    )


def _enter_rescue_mode(cloud: "Cloud", server: Server, request: ActionRequest, _effect: Strike | None) -> Server:
    _check_bare_metal(cloud, server)
    if server.rescue_password is not None:
        raise InvalidError("Server is already in rescue mode.")
    rescued = replace(server, rescue_password=_checked_password(request))
    return _pressed(cloud, rescued, PowerAction.CYCLE)


def _exit_rescue_mode(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    if server.rescue_password is None:
        raise InvalidError("Server is not in rescue mode.")
    return _pressed(cloud, replace(server, rescue_password=None), PowerAction.CYCLE)


def _reset_bmc_password(cloud: "Cloud", server: Server, _request: ActionRequest, _effect: Strike | None) -> Server:
    _check_bare_metal(cloud, server)
    cloud.tasks.append(Task(server_id=server.id, job=Job.BMC))
    bmc = replace(server.bmc, password=secrets.token_urlsafe(12), made_at=cloud.clock.now())
    return replace(server, bmc=bmc)


def _create_console_access(cloud: "Cloud", server: Server, request: ActionRequest, _effect: Strike | None) -> Server:
    _check_bare_metal(cloud, server)
    allowed = request.allowed_ip or None
    if allowed is not None:
        try:
            IPv4Address(allowed)
        except AddressValueError as error:
            raise InvalidError("allowed_ip: This is not a valid IP address.") from error
    cloud.tasks.append(Task(server_id=server.id, job=Job.BMC))
    bmc = replace(server.bmc, allowed_ip=allowed, open_until=cloud.clock.now() + CONSOLE_SECONDS)
    return replace(server, bmc=bmc)


def _upgrade(cloud: "Cloud", server: Server, request: ActionRequest, _effect: Strike | None) -> Server:
    """Virtual servers only, and only to a larger plan of the same kind."""
    now_plan, wanted = servers.plan_of(cloud, server), cloud.catalogue.plan(request.plan or "")
    if wanted is None:
        raise InvalidError("Given server plan was not found.")
    larger = wanted["specs"]["memory"]["total"] > now_plan["specs"]["memory"]["total"]
    if now_plan["type"] == "baremetal" or wanted["type"] != now_plan["type"] or not larger:
        raise InvalidError("Server can not be upgraded to the given server plan.")
    if stock.available(cloud, wanted, server.region) < 1:
        raise InvalidError("Given server plan is out of stock in the given region.")
    return replace(server, plan=wanted["slug"], name=wanted["name"])


def _check_bare_metal(cloud: "Cloud", server: Server) -> None:
    if servers.plan_of(cloud, server)["type"] != "baremetal":
        raise InvalidError("This action is available for bare metal servers only.")


def _checked_password(request: ActionRequest) -> str:
    """Never part of the message."""
    password = request.password or ""
    if len(password) not in _PASSWORD_LENGTHS:
        raise InvalidError(
            f"password: This value should have {_PASSWORD_LENGTHS[0]} to {_PASSWORD_LENGTHS[-1]} characters."
        )
    return password


def _move_private_ip(cloud: "Cloud", server: Server) -> None:
    region = cloud.catalogue.region(server.region)
    assert region is not None
    for ip in ips.of_server(cloud, server.id):
        if ip.type is ips.IpType.PRIVATE:
            place = ips.free_private(cloud, server.project_id, int(region["id"]), but=ip.address)
            cloud.store.ips.put(replace(ip, address=place.address))


ACTIONS: Mapping[str, Action] = {
    "power-on": _power_on,
    "power-off": _power_off,
    "power-cycle": _power_cycle,
    "reboot": _reboot,
    "reinstall": _reinstall,
    "rebuild": _reinstall,
    "enter-rescue-mode": _enter_rescue_mode,
    "exit-rescue-mode": _exit_rescue_mode,
    "reset-bmc-password": _reset_bmc_password,
    "create-console-access": _create_console_access,
    "upgrade": _upgrade,
}
"""`rebuild` is the Python client's word for reinstall."""
