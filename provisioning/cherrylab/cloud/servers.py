"""Servers in the books: to find, change and delete one; orders.py makes them, actions.py acts on them."""

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cherrylab.cloud import backup_storages, hostnames, ips, projects, storages
from cherrylab.cloud.errors import InvalidError, NotFoundError
from cherrylab.cloud.lifecycle import Progress, Shown, Work, is_gone, shown
from cherrylab.cloud.tasks import Job, Task
from cherrylab.drivers.driver import Addresses, BmcAccess, Machine

if TYPE_CHECKING:
    from cherrylab.cloud.cloud import Cloud

SECRETS_SECONDS = 24 * 3_600.0
"""How long the API shows a server's passwords after they were made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bmc:
    """The management controller. `allowed_ip` None with `open_until` set is any address; times are since 1970."""

    user: str
    password: str
    ip: str
    made_at: float
    allowed_ip: str | None = None
    open_until: float | None = None

    def is_open(self, now: float) -> bool:
        return self.open_until is not None and now < self.open_until


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server as the books have it. `plan`, `region`, `image` and `cycle` are slugs, `user_data` is base64."""

    id: int
    project_id: int
    name: str
    hostname: str
    plan: str
    region: str
    image: str
    cycle: str
    created_at: float
    progress: Progress
    bmc: Bmc
    password: str
    password_made_at: float
    spot: bool = False
    prebuilt_id: int | None = None
    ssh_key_ids: tuple[int, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    user_data: str = ""
    os_partition_gigabytes: int | None = None
    is_on: bool = True
    bgp: bool = False
    rescue_password: str | None = None
    deleted_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUpdate:
    """What a client may say of a server that runs; None is unsaid."""

    name: str | None = None
    hostname: str | None = None
    tags: dict[str, str] | None = None
    bgp: bool | None = None


def find(cloud: "Cloud", identity: int) -> Server:
    """Also one that is terminating."""
    server = cloud.store.servers.get(identity)
    if server is None:
        raise NotFoundError("Server was not found.")
    return server


def find_kept(cloud: "Cloud", identity: int) -> Server:
    """One that is not terminating."""
    server = find(cloud, identity)
    if server.deleted_at is not None:
        raise InvalidError("Server is being terminated.")
    return server


def of_project(cloud: "Cloud", project_id: int) -> tuple[Server, ...]:
    project = projects.find(cloud, project_id)
    return tuple(server for server in cloud.store.servers.all() if server.project_id == project.id)


def seen(cloud: "Cloud", server: Server) -> Shown:
    """In which state it shows itself now."""
    return shown(server.progress, now=cloud.clock.now(), in_rescue=server.rescue_password is not None)


def plan_of(cloud: "Cloud", server: Server) -> dict[str, Any]:
    """What it is, and what it costs."""
    return cloud.catalogue.sold(server.plan, prebuilt_id=server.prebuilt_id)


def is_on(cloud: "Cloud", server: Server) -> bool:
    """Whether it has power, by the driver's word where it has one."""
    told = cloud.driver.is_on(server.id)
    return server.is_on if told is None else told


def update(cloud: "Cloud", identity: int, request: ServerUpdate) -> Server:
    server = find_kept(cloud, identity)
    if request.hostname:
        hostnames.check(request.hostname)
    return cloud.store.servers.put(
        replace(
            server,
            name=request.name or server.name,
            hostname=request.hostname or server.hostname,
            tags=server.tags if request.tags is None else request.tags,
            bgp=server.bgp if request.bgp is None else request.bgp,
        )
    )


def delete(cloud: "Cloud", identity: int, *, terminate_seconds: float | None = None) -> None:
    """Give it back: what was attached stays, its own addresses and backups go. Deleting it twice is fine."""
    server = find(cloud, identity)
    if server.deleted_at is not None:
        return
    now = cloud.clock.now()
    delay = cloud.delays.terminate_seconds if terminate_seconds is None else terminate_seconds
    ips.detach_from(cloud, server.id)
    storages.detach_from(cloud, server.id)
    backup_storages.delete_of(cloud, server.id)
    progress = replace(server.progress, work=Work.DELETE, gone_at=now + delay)
    cloud.store.servers.put(replace(server, progress=progress, deleted_at=now))
    cloud.tasks.append(Task(server_id=server.id, job=Job.DELETE))


def forget_gone(cloud: "Cloud") -> None:
    """Strike off what has been terminated."""
    now = cloud.clock.now()
    for server in cloud.store.servers.all():
        if is_gone(server.progress, now=now):
            cloud.store.servers.remove(server.id)


def tasks_at_start(cloud: "Cloud") -> tuple[Task, ...]:
    """What the driver has to be told after a restart: what it did not finish, and which machines there are."""
    jobs = {Work.DEPLOY: Job.CREATE, Work.REINSTALL: Job.REINSTALL, Work.DELETE: Job.DELETE, Work.NONE: Job.RESUME}
    return tuple(Task(server_id=server.id, job=jobs[server.progress.work]) for server in cloud.store.servers.all())


def finish(cloud: "Cloud", task: Task, *, failed: bool) -> None:
    """Write down that the driver is done with a server; a delete that failed stays to be done."""
    server = cloud.store.servers.get(task.server_id)
    done = {Job.CREATE: Work.DEPLOY, Job.REINSTALL: Work.REINSTALL, Job.DELETE: Work.DELETE}[task.job]
    if server is None or server.progress.work is not done or (failed and done is Work.DELETE):
        return
    progress = replace(server.progress, work=Work.NONE, failed=failed or server.progress.failed)
    if is_gone(progress, now=cloud.clock.now()):
        cloud.store.servers.remove(server.id)
    else:
        cloud.store.servers.put(replace(server, progress=progress))


def machine(cloud: "Cloud", identity: int) -> Machine | None:
    """The server as its driver needs it; None where it is not in the books any more, or terminating."""
    server = cloud.store.servers.get(identity)
    if server is None or server.deleted_at is not None:
        return None
    own = {ip.type: ips.Place(address=ip.address, cidr=ip.cidr, gateway=ip.gateway) for ip in _own(cloud, server)}
    keys = (cloud.store.ssh_keys.get(number) for number in server.ssh_key_ids)
    return Machine(
        server_id=server.id,
        project_id=server.project_id,
        hostname=server.hostname,
        plan=plan_of(cloud, server),
        region=server.region,
        image=server.image,
        user_data=base64.b64decode(server.user_data),
        ssh_keys=tuple(key.key for key in keys if key is not None),
        password=server.password,
        addresses=Addresses(public=own[ips.IpType.PRIMARY], private=own[ips.IpType.PRIVATE], bmc=server.bmc.ip),
        bmc=BmcAccess(
            user=server.bmc.user,
            password=server.bmc.password,
            open_until=server.bmc.open_until,
            allowed_ip=server.bmc.allowed_ip,
        ),
        tags=server.tags,
        rescue_password=server.rescue_password,
        is_on=server.is_on,
    )


def _own(cloud: "Cloud", server: Server) -> tuple[ips.Ip, ...]:
    return tuple(ip for ip in ips.of_server(cloud, server.id) if not ip.is_floating)
