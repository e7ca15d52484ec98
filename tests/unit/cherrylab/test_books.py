"""The books as a state machine: whatever is done in whatever order, also over restarts, they stay true.

The model is a few dictionaries; after each step the books must agree with it and with themselves.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from cherrylab.cloud import actions, ips, orders, projects, servers, ssh_keys, storages
from cherrylab.cloud.actions import ActionRequest
from cherrylab.cloud.clock import VirtualClock
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.errors import CloudError
from cherrylab.cloud.ips import IpRequest, IpType
from cherrylab.cloud.lifecycle import Delays, is_gone
from cherrylab.cloud.orders import Order
from cherrylab.cloud.projects import Project, ProjectRequest
from cherrylab.cloud.servers import ServerUpdate
from cherrylab.cloud.ssh_keys import SshKeyRequest
from cherrylab.cloud.stock import with_stock
from cherrylab.cloud.storages import AttachRequest, StorageRequest
from tests.unit.cherrylab.books import CATALOGUE, KEY, open_cloud

_REGION = "LT-Siauliai"
_PLANS = ("amd-epyc-9454p", "amd-epyc-9654", "e5_1650v4")
_DELAYS = Delays(pending_seconds=1, provisioning_seconds=4, reinstall_seconds=3, terminate_seconds=5)
_TAGS = st.dictionaries(st.sampled_from(["deployment", "role"]), st.text("ab", max_size=2), max_size=2)


@dataclass
class _Expected:
    """What the model knows of a server that is kept."""

    project: int
    plan: str
    hostname: str
    tags: dict[str, str] = field(default_factory=dict)


class Books(RuleBasedStateMachine):
    project_ids = Bundle("projects")
    server_ids = Bundle("servers")
    ip_ids = Bundle("ips")
    storage_ids = Bundle("storages")

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(prefix="cherrylab-books-")
        self.clock = VirtualClock()
        self.projects: set[int] = set()
        self.servers: dict[int, _Expected] = {}
        self.keys: list[int] = []
        self.cloud: Cloud

    @initialize(target=project_ids)
    def begin(self) -> Any:
        self._open()
        return self.make_project()

    def _open(self) -> None:
        self.cloud = open_cloud(Path(self.directory.name) / "cloud.db", clock=self.clock, delays=_DELAYS)

    def teardown(self) -> None:
        self.cloud.store.close()
        self.directory.cleanup()

    def _try(self, change: Any, *arguments: Any) -> Any:
        """The result, or None where it is refused; then the books must be as they were."""
        before = self._snapshot()
        try:
            with self.cloud.change():
                return change(self.cloud, *arguments)
        except CloudError:
            assert self._snapshot() == before
            return None

    def _snapshot(self) -> tuple[object, ...]:
        with self.cloud.change():
            store = self.cloud.store
            return (
                store.projects.all(),
                store.servers.all(),
                store.ips.all(),
                store.storages.all(),
                store.ssh_keys.all(),
            )

    @rule(target=project_ids)
    def make_another_project(self) -> Any:
        return self.make_project()

    def make_project(self) -> int:
        made: Project = self._try(projects.create, 1, ProjectRequest(name="p"))
        self.projects.add(made.id)
        return made.id

    @rule()
    def make_key(self) -> None:
        self.keys.append(self._try(ssh_keys.create, SshKeyRequest(label="k", key=KEY)).id)

    @rule(
        target=server_ids,
        project=project_ids,
        plan=st.sampled_from(_PLANS),
        tags=_TAGS,
        storage=st.none() | storage_ids,
        data=st.data(),
    )
    def order(self, project: int, plan: str, tags: dict[str, str], storage: int | None, data: st.DataObject) -> Any:
        keys = data.draw(st.lists(st.sampled_from(self.keys), max_size=2)) if self.keys else []
        order = Order(plan=plan, region=_REGION, hostname="host", tags=tags, ssh_keys=keys, storage_id=storage)
        stock = self._stock(plan)
        made = self._try(orders.create, project, order)
        possible = project in self.projects and stock > 0
        assert (made is not None) == possible or (made is None and storage is not None)
        if made is None:
            return multiple()
        self.servers[made.id] = _Expected(project=project, plan=plan, hostname="host", tags=tags)
        return made.id

    def _stock(self, plan: str) -> int:
        with self.cloud.change():
            regions = with_stock(self.cloud, CATALOGUE.plan(plan) or {})["available_regions"]
        return next(int(one["stock_qty"]) for one in regions if one["slug"] == _REGION)

    @rule(server=server_ids, hostname=st.sampled_from([None, "renamed", "no_host"]), tags=st.none() | _TAGS)
    def update(self, server: int, hostname: str | None, tags: dict[str, str] | None) -> None:
        made = self._try(servers.update, server, ServerUpdate(hostname=hostname, tags=tags))
        assert (made is not None) == (server in self.servers and hostname != "no_host")
        if made is not None:
            known = self.servers[server]
            known.hostname = hostname or known.hostname
            known.tags = known.tags if tags is None else tags

    @rule(server=server_ids, word=st.sampled_from(["reboot", "power_off", "reinstall", "exit-rescue-mode", "upgrade"]))
    def act(self, server: int, word: str) -> None:
        request = ActionRequest(type=word, image="debian_12_64bit", password="long-enough", plan="amd-epyc-9354p")
        made = self._try(actions.act, server, request)
        assert made is None or server in self.servers

    @rule(server=server_ids)
    def delete_server(self, server: int) -> None:
        self._try(servers.delete, server)
        self.servers.pop(server, None)

    @rule(project=project_ids)
    def delete_project(self, project: int) -> None:
        before = {one.id for one in self.cloud.store.projects.all()}
        self._try(projects.delete, project)
        after = {one.id for one in self.cloud.store.projects.all()}
        if before - after:
            assert not any(one.project == project for one in self.servers.values())
            self.projects.discard(project)

    @rule(target=ip_ids, project=project_ids)
    def order_ip(self, project: int) -> Any:
        made = self._try(ips.create, project, IpRequest(region=_REGION))
        return multiple() if made is None else made.id

    @rule(ip=ip_ids, server=server_ids | st.just(0))
    def target_ip(self, ip: str, server: int) -> None:
        self._try(ips.update, ip, IpRequest(targeted_to=server))

    @rule(ip=consumes(ip_ids))
    def delete_ip(self, ip: str) -> None:
        self._try(ips.delete, ip)

    @rule(target=storage_ids, project=project_ids)
    def order_storage(self, project: int) -> Any:
        made = self._try(storages.create, project, StorageRequest(region=_REGION, size=10))
        return multiple() if made is None else made.id

    @rule(storage=storage_ids, server=server_ids)
    def attach(self, storage: int, server: int) -> None:
        self._try(storages.attach, storage, AttachRequest(attach_to=server))

    @rule(seconds=st.sampled_from([0.5, 2.0, 10.0]))
    def wait(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def restart(self) -> None:
        self.cloud.store.close()
        self._open()

    @invariant()
    def the_books_agree_with_the_model(self) -> None:
        kept = {one.id: one for one in self.cloud.store.servers.all() if one.deleted_at is None}
        assert kept.keys() == self.servers.keys()
        for number, known in self.servers.items():
            one = kept[number]
            assert (one.project_id, one.plan, one.hostname, one.tags) == (
                known.project,
                known.plan,
                known.hostname,
                known.tags,
            )
        assert {one.id for one in self.cloud.store.projects.all()} == self.projects

    @invariant()
    def the_books_agree_with_themselves(self) -> None:
        store = self.cloud.store
        kept = {one.id for one in store.servers.all() if one.deleted_at is None}
        addresses = store.ips.all()
        own = [(ip.server_id, ip.type) for ip in addresses if not ip.is_floating]
        assert sorted(own, key=str) == sorted(
            [(number, kind) for number in kept for kind in (IpType.PRIMARY, IpType.PRIVATE)], key=str
        )
        assert len({ip.address for ip in addresses}) == len(addresses)
        attached = {ip.server_id for ip in addresses} | {one.server_id for one in store.storages.all()}
        assert attached - {None} <= kept
        held = [one.server_id for one in store.storages.all() if one.server_id is not None]
        assert len(held) == len(set(held))

    @invariant()
    def what_is_gone_is_forgotten(self) -> None:
        with self.cloud.change():
            servers_left = self.cloud.store.servers.all()
        assert not any(is_gone(one.progress, now=self.clock.now()) for one in servers_left)

    @invariant()
    def no_more_is_sold_than_there_is(self) -> None:
        for plan in _PLANS:
            entry = CATALOGUE.plan(plan) or {}
            sold = sum(one.plan == plan for one in self.cloud.store.servers.all())
            assert sold <= next(one["stock_qty"] for one in entry["available_regions"] if one["slug"] == _REGION)


Books.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestBooks = Books.TestCase
