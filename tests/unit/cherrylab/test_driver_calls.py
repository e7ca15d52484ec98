"""What the driver is told, when, in which order, and what becomes of its failures."""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cherrylab.cloud import actions, orders, projects, servers, ssh_keys
from cherrylab.cloud.actions import ActionRequest
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.errors import InvalidError
from cherrylab.cloud.ips import Place
from cherrylab.cloud.lifecycle import Work
from cherrylab.cloud.orders import Order
from cherrylab.cloud.projects import ProjectRequest
from cherrylab.cloud.ssh_keys import SshKeyRequest
from cherrylab.cloud.store import Store
from cherrylab.drivers.driver import Addresses, Machine
from tests.unit.cherrylab.books import KEY, WatchedDriver, open_cloud

ORDER = Order(plan="amd-epyc-9454p", region="LT-Siauliai", hostname="validator-1")
REINSTALL = ActionRequest(type="reinstall", image="debian_12_64bit", password="long-enough")


def _order(cloud: Cloud, order: Order = ORDER) -> int:
    with cloud.change():
        found = cloud.store.projects.all()
        project = found[0] if found else projects.create(cloud, 1, ProjectRequest(name="p"))
        return orders.create(cloud, project.id, order).id


def _act(cloud: Cloud, number: int, request: ActionRequest) -> None:
    with cloud.change():
        actions.act(cloud, number, request)


def _delete(cloud: Cloud, number: int) -> None:
    with cloud.change():
        servers.delete(cloud, number)


def _status(cloud: Cloud, number: int) -> str:
    return servers.seen(cloud, servers.find(cloud, number)).status


def test_the_life_of_a_server_as_its_driver_hears_it(tmp_path: Path) -> None:
    driver = WatchedDriver()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    number = _order(cloud)
    for request in ("power-off", "power-on", "power-cycle", "reboot", "reset-bmc-password", "create-console-access"):
        _act(cloud, number, ActionRequest(type=request))
    _act(cloud, number, REINSTALL)
    _act(cloud, number, ActionRequest(type="enter-rescue-mode", password="long-enough"))
    _act(cloud, number, ActionRequest(type="exit-rescue-mode"))
    _delete(cloud, number)
    heard = [call for call, _ in driver.calls]
    assert heard == [
        *("addresses", "created", "power off", "power on", "power cycle", "power reboot", "bmc", "bmc"),
        *("reinstalled", "power cycle", "power cycle", "deleted"),
    ]
    assert {server for _, server in driver.calls} == {number}
    assert [one.rescue_password for one in driver.machines[-2:]] == ["long-enough", None]


def test_a_machine_is_all_that_a_driver_needs(tmp_path: Path) -> None:
    driver = WatchedDriver()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    with cloud.change():
        key = ssh_keys.create(cloud, SshKeyRequest(label="ops", key=KEY)).id
    user_data = base64.b64encode(b"#cloud-config\n").decode()
    number = _order(cloud, replace(ORDER, ssh_keys=[key], user_data=user_data, tags={"role": "validator"}))
    _act(cloud, number, ActionRequest(type="create-console-access", allowed_ip="203.0.113.7"))
    made, opened = driver.machines
    assert (made.hostname, made.image, made.user_data) == ("validator-1", "ubuntu_24_04_64bit", b"#cloud-config\n")
    assert (made.ssh_keys, made.tags, made.is_on) == ((KEY,), {"role": "validator"}, True)
    assert made.plan["specs"]["memory"]["total"] == 512
    assert made.bmc.open_until is None
    assert (opened.bmc.open_until, opened.bmc.allowed_ip) == (cloud.clock.now() + 3_600, "203.0.113.7")


def test_the_addresses_of_a_driver_are_those_of_the_books(tmp_path: Path) -> None:
    places = Addresses(
        public=Place(address="10.77.0.11", cidr="10.77.0.0/24", gateway="10.77.0.1"),
        private=Place(address="10.78.0.11", cidr="10.78.0.0/24"),
        bmc="127.0.0.1",
    )
    driver = WatchedDriver(places=places)
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    server = servers.find(cloud, _order(cloud))
    assert driver.machines[0].addresses == places
    assert server.bmc.ip == "127.0.0.1"
    assert {ip.address for ip in cloud.store.ips.all()} == {"10.77.0.11", "10.78.0.11"}


def test_an_order_that_the_driver_has_no_room_for_is_refused(tmp_path: Path) -> None:
    cloud = open_cloud(tmp_path / "cloud.db", driver=WatchedDriver(failing={"addresses"}))
    with pytest.raises(InvalidError, match="out of stock"):
        _order(cloud)
    assert cloud.store.servers.all() == ()


def test_a_machine_that_does_not_come_up_is_a_failed_deployment(tmp_path: Path) -> None:
    driver = WatchedDriver(failing={"created"})
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    number = _order(cloud)
    assert _status(cloud, number) == "failed deployment"
    driver.failing = {"reinstalled"}
    _act(cloud, number, REINSTALL)
    assert _status(cloud, number) == "failed deployment"
    driver.failing = set()
    _act(cloud, number, REINSTALL)
    assert _status(cloud, number) == "deployed"


def test_a_machine_that_can_not_be_removed_lingers_until_the_next_start(tmp_path: Path) -> None:
    driver = WatchedDriver(failing={"deleted"})
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    number = _order(cloud)
    _delete(cloud, number)
    assert _status(cloud, number) == "terminating"
    cloud.store.close()
    again = WatchedDriver()
    cloud = open_cloud(tmp_path / "cloud.db", driver=again)
    assert again.calls == [("deleted", number)]
    assert cloud.store.servers.all() == ()


@pytest.mark.parametrize("failing", ["power off", "bmc"])
def test_a_button_that_does_not_work_leaves_the_books_as_they_are(tmp_path: Path, failing: str) -> None:
    cloud = open_cloud(tmp_path / "cloud.db", driver=WatchedDriver(failing={failing}))
    number = _order(cloud)
    _act(cloud, number, ActionRequest(type="power-off" if failing == "power off" else "reset-bmc-password"))
    assert _status(cloud, number) == "deployed"


def test_the_driver_has_the_last_word_on_power(tmp_path: Path) -> None:
    driver = WatchedDriver()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    server = servers.find(cloud, _order(cloud))
    assert servers.is_on(cloud, server)
    driver.told_on = False
    assert not servers.is_on(cloud, server)


def test_after_a_restart_the_driver_hears_what_it_did_not_finish(tmp_path: Path) -> None:
    """Killed after the books were closed and before the driver was done, for each kind of work."""
    cloud = open_cloud(tmp_path / "cloud.db")
    numbers = [_order(cloud, replace(ORDER, plan="amd-epyc-7302p", hostname=f"n{number}")) for number in range(4)]
    with cloud.change():
        for number, work in zip(numbers, (Work.DEPLOY, Work.REINSTALL, Work.DELETE, Work.NONE), strict=True):
            server = servers.find(cloud, number)
            gone_at = cloud.clock.now() if work is Work.DELETE else None
            progress = replace(server.progress, work=work, gone_at=gone_at)
            cloud.store.servers.put(replace(server, progress=progress, deleted_at=gone_at))
    cloud.store.close()
    driver = WatchedDriver()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    assert driver.calls == list(zip(("created", "reinstalled", "deleted", "resumed"), numbers, strict=True))
    assert [one.progress.work for one in cloud.store.servers.all()] == [Work.NONE] * 3


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class _Gate(WatchedDriver):
    """A driver whose machines take until the gate is opened."""

    def __init__(self) -> None:
        super().__init__(is_instant=False)
        self.gate = threading.Event()

    def created(self, machine: Machine) -> None:
        assert self.gate.wait(10)
        super().created(machine)


def test_a_driver_that_takes_its_time_works_beside_the_api(tmp_path: Path) -> None:
    driver = _Gate()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    first, second = _order(cloud), _order(cloud, replace(ORDER, hostname="validator-2"))
    assert (_status(cloud, first), _status(cloud, second)) == ("deploying", "deploying")
    _delete(cloud, second)
    driver.gate.set()
    _wait_until(lambda: [one.progress.work for one in cloud.store.servers.all()] == [Work.NONE])
    cloud.works.close()
    heard = [call for call, server in driver.calls if server == second]
    assert heard[-1] == "deleted"
    with Store.open(tmp_path / "cloud.db") as store:
        assert [one.id for one in store.servers.all()] == [first]
        assert store.servers.all()[0].progress.work is Work.NONE
    assert _status(cloud, first) == "deployed"


def test_a_cloud_that_goes_down_leaves_the_rest_to_the_next_start(tmp_path: Path) -> None:
    driver = _Gate()
    cloud = open_cloud(tmp_path / "cloud.db", driver=driver)
    number = _order(cloud)
    _delete(cloud, number)
    closing = threading.Thread(target=cloud.works.close)
    closing.start()
    driver.gate.set()
    closing.join(10)
    assert ("deleted", number) not in driver.calls
    cloud.store.close()
    again = WatchedDriver()
    assert open_cloud(tmp_path / "cloud.db", driver=again).store.servers.all() == ()
    assert again.calls == [("deleted", number)]
