"""Each fault as a client meets it: by the header of one request, by a rule, and what it leaves in the books."""

import time
from collections.abc import Iterator

import httpx
import pytest

from cherrylab.api.app import FAULT_HEADER
from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from tests.terraform.cloud.account import Account
from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host

REINSTALL = {"type": "reinstall", "image": "debian_12_64bit", "password": "long-enough"}


@pytest.fixture
def account(cloud: RunningCloud) -> Iterator[Account]:
    with cloud.client() as client:
        yield Account.open(client)


def _hit(fault: str) -> dict[str, str]:
    return {FAULT_HEADER: fault}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (Kind.TOO_MANY_REQUESTS, 429),
        (Kind.PLAN_NOT_FOUND, 400),
        (Kind.INTERNAL_ERROR, 500),
        (Kind.FORBIDDEN, 403),
    ],
)
def test_an_answer_in_json_instead(account: Account, cloud: RunningCloud, kind: Kind, code: int) -> None:
    account.refused(account.order(headers=_hit(kind)), code)
    assert cloud.store.servers.all() == ()
    assert account.order().status_code == 201


def test_a_page_of_html_instead(account: Account, cloud: RunningCloud) -> None:
    answer = account.order(headers=_hit("html-bad-gateway"))
    assert answer.status_code == 502
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.startswith("<html>")
    assert cloud.store.servers.all() == ()


@pytest.mark.parametrize("moment", Moment)
def test_a_connection_cut_before_or_after_the_work(account: Account, cloud: RunningCloud, moment: Moment) -> None:
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        account.order(headers=_hit(f"cut-connection; moment={moment}"))
    assert len(cloud.store.servers.all()) == (1 if moment is Moment.AFTER else 0)
    assert cloud.requests[-1].status == 0
    assert account.client.get("/user").status_code == 200


@pytest.mark.parametrize("kind", [Kind.INTERNAL_ERROR, Kind.HTML_BAD_GATEWAY, Kind.TOO_MANY_REQUESTS])
def test_an_error_after_the_work_leaves_a_server_that_nobody_knows_of(
    account: Account, cloud: RunningCloud, kind: Kind
) -> None:
    assert account.order(headers=_hit(f"{kind}; moment=after"), hostname="orphan").status_code >= 400
    assert [one.hostname for one in cloud.store.servers.all()] == ["orphan"]


def test_silence_ends_in_a_cut_connection(account: Account) -> None:
    began = time.monotonic()
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        account.client.get("/plans", headers=_hit("hang; seconds=0.4"))
    assert time.monotonic() - began >= 0.4


def test_a_client_that_gives_up_does_not_keep_the_cloud_up(account: Account, cloud: RunningCloud) -> None:
    with pytest.raises(httpx.ReadTimeout):
        account.client.get("/plans", headers=_hit("hang"), timeout=0.3)
    began = time.monotonic()
    cloud.stop()
    assert time.monotonic() - began < 5
    cloud.start()


def test_a_slow_answer_is_the_right_one(account: Account) -> None:
    began = time.monotonic()
    assert account.client.get("/user", headers=_hit("slow; seconds=0.3")).json()["id"] == 1
    assert time.monotonic() - began >= 0.3


def test_what_is_gone_may_be_forbidden(account: Account) -> None:
    account.refused(account.client.get("/ips/no-such", headers=_hit("gone-is-forbidden")), 403)
    account.refused(account.client.get("/ips/no-such"), 404)
    assert account.client.get("/user", headers=_hit("gone-is-forbidden")).status_code == 200


def test_stock_may_be_gone_at_the_look_and_at_the_order(account: Account, cloud: RunningCloud) -> None:
    plan = account.client.get("/plans/amd-epyc-9654", headers=_hit("out-of-stock")).json()
    assert {one["stock_qty"] for one in plan["available_regions"]} == {0}
    assert "out of stock" in account.refused(account.order(headers=_hit("out-of-stock")), 400)
    assert cloud.store.servers.all() == ()


def test_a_deployment_may_fail(account: Account) -> None:
    number = account.order(headers=_hit("deploy-fails")).json()["id"]
    assert account.show(number, fields="state,status") == {"state": "failed", "status": "failed deployment"}
    assert account.client.delete(f"/servers/{number}").status_code == 204


def test_a_reinstall_may_fail(account: Account) -> None:
    number = account.server()["id"]
    answer = account.client.post(f"/servers/{number}/actions", json=REINSTALL, headers=_hit("deploy-fails"))
    assert answer.status_code == 201
    assert account.show(number, fields="state,status") == {"state": "active", "status": "failed deployment"}
    assert account.act(number, **REINSTALL).status_code == 201
    assert account.show(number)["status"] == "deployed"


def test_a_hostname_may_come_back_another(account: Account) -> None:
    number = account.order(headers=_hit("hostname-rewritten")).json()["id"]
    assert account.show(number)["hostname"] not in {"node-1", ""}


def test_a_reinstall_may_move_the_private_address(account: Account) -> None:
    server = account.server()
    before = {ip["type"]: ip["address"] for ip in server["ip_addresses"]}
    headers = _hit("private-ip-changes")
    account.client.post(f"/servers/{server['id']}/actions", json=REINSTALL, headers=headers)
    after = {ip["type"]: ip["address"] for ip in account.show(server["id"])["ip_addresses"]}
    assert after["private-ip"] != before["private-ip"]
    assert after["primary-ip"] == before["primary-ip"]


def test_bmc_secrets_may_be_scrubbed(account: Account) -> None:
    number = account.server()["id"]
    shown = account.client.get(f"/servers/{number}", headers=_hit("bmc-scrubbed")).json()
    assert shown["bmc"].keys() == {"ip"}
    assert account.show(number)["bmc"].keys() == {"ip", "user", "password"}


def test_a_delete_may_take_its_time(account: Account) -> None:
    number = account.server()["id"]
    answer = account.client.delete(f"/servers/{number}", headers=_hit("slow-delete; seconds=0.5"))
    assert answer.status_code == 204
    assert account.show(number, fields="state") == {"state": "terminating"}
    time.sleep(0.6)
    account.refused(account.client.get(f"/servers/{number}"), 404)


def test_a_rule_strikes_at_the_calls_it_names(account: Account, cloud: RunningCloud) -> None:
    cloud.inject(Fault(kinds=(Kind.INTERNAL_ERROR,), request="GET /v1/user", calls=Calls.parse("2,4-5")))
    codes = [account.client.get("/user").status_code for _ in range(6)]
    assert codes == [200, 500, 200, 500, 500, 200]
    assert [one.fault for one in cloud.requests[-6:]].count("internal-error") == 3
    cloud.heal()
    assert account.client.get("/user").status_code == 200


@pytest.mark.parametrize("header", ["flood", "hang; second=1", "cut-connection; moment=never", "slow; seconds=x"])
def test_a_header_that_means_nothing_is_refused(account: Account, header: str) -> None:
    assert FAULT_HEADER in account.refused(account.client.get("/user", headers=_hit(header)), 400)


def test_every_kind_is_tested_here() -> None:
    from pathlib import Path

    text = Path(__file__).read_text()
    assert [kind for kind in Kind if kind not in text and f"Kind.{kind.name}" not in text] == []
