"""A bad day: one call in five fails in every way, many clients at once, and the books stay true."""

import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from cherrylab.cloud.catalogue import load_catalogue
from cherrylab.cloud.ips import IpType
from cherrylab.cloud.lifecycle import Work
from cherrylab.cloud.scenario import load_scenario
from cherrylab.service import Options
from tests.terraform.cloud.account import Account
from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host

_SCENARIO = Path(__file__).parents[3] / "provisioning/cherrylab/scenarios/one-in-five.yaml"
_ORDER: dict[str, Any] = {"plan": "amd-epyc-7302p", "region": "LT-Siauliai"}


@pytest.fixture
def cloud_options() -> Options:
    return Options(scenario=load_scenario(_SCENARIO, load_catalogue()))


def _until_answered(client: httpx.Client, method: str, path: str, **request: Any) -> httpx.Response:
    while True:
        try:
            answer = client.request(method, path, **request)
        except httpx.TransportError:
            continue
        if answer.status_code < 300:
            return answer


def test_one_call_in_five_fails_and_every_order_that_was_answered_is_in_the_books(cloud: RunningCloud) -> None:
    with cloud.client() as client:
        account = Account(client, _until_answered(client, "POST", "/teams/1/projects", json={"name": "p"}).json()["id"])
        heard = []
        for _ in range(80):
            try:
                answer = account.order(**_ORDER)
            except httpx.TransportError:
                continue
            if answer.status_code == 201:
                heard.append(answer.json()["id"])
    struck = [one.fault for one in cloud.requests if one.fault is not None]
    assert 0.1 < len(struck) / len(cloud.requests) < 0.3
    store = cloud.store
    kept = {one.id for one in store.servers.all()}
    orphans = kept - set(heard)
    assert set(heard) <= kept
    assert orphans, "the campaign has to leave servers that nobody heard of"
    assert sorted((ip.server_id, ip.type) for ip in store.ips.all() if ip.server_id) == sorted(
        (number, kind) for number in kept for kind in (IpType.PRIMARY, IpType.PRIVATE)
    )


def test_clients_at_once_never_buy_more_than_there_is(cloud: RunningCloud) -> None:
    cloud.heal()
    with cloud.client() as client:
        project = Account.open(client).project
    answers: list[int] = []

    def buy() -> None:
        with cloud.client() as client:
            account = Account(client, project)
            answers.extend(account.order(plan="amd-epyc-9454p").status_code for _ in range(3))

    threads = [threading.Thread(target=buy) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(answers) == [201] * 4 + [400] * 14
    servers = cloud.store.servers.all()
    assert len({one.id for one in servers}) == 4
    assert all(one.progress.work is Work.NONE for one in servers)
