"""A driver whose machines take their time, seen over HTTP: the API answers meanwhile, and a restart goes on with it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cherrylab.drivers.driver import Machine
from cherrylab.drivers.instant import InstantDriver
from tests.terraform.cloud.account import Account
from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host


class _Slow(InstantDriver):
    """Machines that come up when the test lets them."""

    name = "slow"
    is_instant = False

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.made: list[int] = []

    def created(self, machine: Machine) -> None:
        self.gate.wait(20)
        self.made.append(machine.server_id)


@pytest.fixture
def driver() -> _Slow:
    return _Slow()


@pytest.fixture
def running(tmp_path: Path, driver: _Slow) -> Iterator[RunningCloud]:
    directory = tmp_path / "cloud"
    directory.mkdir(mode=0o700)
    with RunningCloud(directory, driver=driver) as running:
        yield running
        driver.gate.set()


def _wait_for(account: Account, number: int, state: str) -> None:
    deadline = time.monotonic() + 10
    while account.show(number, fields="state")["state"] != state:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_api_answers_while_a_machine_comes_up(running: RunningCloud, driver: _Slow) -> None:
    with running.client() as client:
        account = Account.open(client)
        number = account.server()["id"]
        assert account.show(number, fields="state,status") == {"state": "provisioning", "status": "deploying"}
        assert account.client.get("/plans").status_code == 200
        driver.gate.set()
        _wait_for(account, number, "active")


def test_a_deployment_goes_on_after_a_restart(running: RunningCloud, driver: _Slow) -> None:
    with running.client() as client:
        account = Account.open(client)
        first, second = account.server()["id"], account.server()["id"]
        stopping = threading.Timer(0.3, driver.gate.set)
        stopping.start()
        running.stop()
        stopping.join()
        running.start()
        _wait_for(account, first, "active")
        _wait_for(account, second, "active")
        assert account.client.delete(f"/servers/{first}").status_code == 204
    deadline = time.monotonic() + 10
    while len(running.store.servers.all()) > 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
