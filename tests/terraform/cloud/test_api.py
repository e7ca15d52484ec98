"""The rest of the API, by plain requests: what it refuses and how, pages, fields, the limit, time, stock, the BMC."""

import base64
import time
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest

from cherrylab.cloud.clock import VirtualClock
from cherrylab.cloud.lifecycle import Delays
from cherrylab.cloud.scenario import Scenario
from cherrylab.service import Options
from tests.terraform.cloud.account import Account
from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host

_DAY_SECONDS = 24 * 3_600.0
_DELAYS = Delays(pending_seconds=5, provisioning_seconds=20, reinstall_seconds=10, terminate_seconds=30)


@pytest.fixture
def account(cloud: RunningCloud) -> Iterator[Account]:
    with cloud.client() as client:
        yield Account.open(client)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def slow_account(tmp_path: Path, clock: VirtualClock) -> Iterator[Account]:
    """A cloud that takes its time, which the test moves by hand."""
    directory = tmp_path / "slow"
    directory.mkdir(mode=0o700)
    options = Options(scenario=Scenario(delays=_DELAYS, stock={("amd-epyc-9654", "LT-Siauliai"): 1}))
    with RunningCloud(directory, options, clock=clock) as running, running.client() as client:
        yield Account.open(client)


# Refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"plan": "amd-epyc-9999"}, "Given server plan was not found."),
        ({"region": "EU-East-1"}, "Given region was not found."),
        ({"image": "windows_95"}, "Given image was not found."),
        ({"plan": "amd-epyc-9554p"}, "out of stock"),
        ({"region": "SG-Singapore"}, "out of stock"),
        ({"cycle": "weekly"}, "billing cycle"),
        ({"spot_market": True}, "out of stock"),
        ({"plan": "amd-epyc-7302p", "spot_market": True, "cycle": "monthly"}, "billing cycle"),
        ({"ssh_keys": ["77"]}, "Given SSH key was not found."),
        ({"ssh_keys": ["x"]}, "ssh_keys.0"),
        ({"ip_addresses": ["no-such"]}, "Given IP address was not found."),
        ({"hostname": "no_such_host"}, "hostname"),
        ({"hostname": "-x"}, "hostname"),
        ({"user_data": "not base64!"}, "user_data"),
        ({"user_data": base64.b64encode(b"x" * 20_000).decode()}, "user_data"),
        ({"storage_id": 77}, "Storage was not found."),
        ({"prebuilt_id": 77}, "Given prebuilt server was not found."),
        ({"discount": "CHEAP"}, "Given discount code is not valid."),
        ({"tags": {"a": {"b": "c"}}}, "tags.a"),
        ({"tags": ["a"]}, "tags"),
        ({"plan": None}, "plan"),
    ],
)
def test_an_order_that_can_not_be_met_changes_nothing(
    account: Account, cloud: RunningCloud, change: dict[str, Any], message: str
) -> None:
    answer = account.order(**change)
    assert message in account.refused(answer, 404 if "Storage" in message else 400)
    store = cloud.store
    assert (store.servers.all(), store.ips.all()) == ((), ())


def test_all_wrong_fields_of_a_body_are_told_at_once(account: Account) -> None:
    message = account.refused(account.order(plan=7, region=None, tags="x"), 400)
    assert all(name in message for name in ("plan", "region", "tags"))


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b'"x"'])
def test_a_body_that_is_no_object_is_refused(account: Account, body: bytes) -> None:
    account.refused(account.client.post("/ssh-keys", content=body), 400)


@pytest.mark.parametrize("key", ["", "ssh-ed25519", "ssh-ed25519 ???", "rsa AAAA", "ssh-ed25519 AAAA\nssh-rsa AAAA"])
def test_a_key_that_is_none_is_refused(account: Account, key: str) -> None:
    account.refused(account.client.post("/ssh-keys", json={"label": "x", "key": key}), 400)


@pytest.mark.parametrize(
    "path",
    [
        *("/servers/1", "/servers/x", "/projects/1", "/ssh-keys/1", "/ips/x", "/plans/x", "/regions/x", "/storages/1"),
        *("/x", "/ips/%ED%A0%80", "/ips/%00", "/plans/..%2f", f"/servers/{'1' * 5_000}"),
    ],
    ids=lambda path: path[:20],
)
def test_what_is_not_there(account: Account, path: str) -> None:
    account.refused(account.client.get(path), 404)


def test_a_team_of_somebody_else_is_forbidden(account: Account) -> None:
    account.refused(account.client.get("/teams/2"), 403)
    account.refused(account.client.post("/teams/2/projects", json={"name": "x"}), 403)


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Bearer", "Basic eDp4"])
def test_without_a_token_there_is_only_the_catalogue(cloud: RunningCloud, authorization: str | None) -> None:
    with cloud.client() as client:
        del client.headers["Authorization"]
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = client.get("/teams", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, 401)
        assert "wrong" not in answer.text
        expected = 200 if authorization is None else 401
        assert [client.get(path, headers=headers).status_code for path in ("/plans", "/regions")] == [expected] * 2


def test_a_token_that_may_only_read(cloud: RunningCloud) -> None:
    with cloud.client(cloud.read_only_environment) as client:
        assert client.get("/teams").status_code == 200
        answer = client.post("/teams/1/projects", json={"name": "x"})
        assert (answer.status_code, answer.json()["code"]) == (403, 403)
    assert cloud.store.projects.all() == ()


def test_a_project_with_something_in_it_stays(account: Account) -> None:
    number = account.server()["id"]
    message = account.refused(account.client.delete(f"/projects/{account.project}"), 400)
    assert f"server {number}" in message


# Lists and fields


def test_a_list_comes_in_pages_and_tells_how_long_it_is(account: Account) -> None:
    for number in range(5):
        account.client.post("/teams/1/projects", json={"name": f"p{number}"})
    answer = account.client.get("/teams/1/projects", params={"limit": 2, "offset": 3})
    assert [one["name"] for one in answer.json()] == ["p2", "p3"]
    assert answer.headers["X-Total-Count"] == "6"
    whole = account.client.get("/teams/1/projects")
    assert (len(whole.json()), whole.headers["X-Total-Count"]) == (6, "6")
    account.refused(account.client.get("/teams/1/projects", params={"limit": "-1"}), 400)


def test_fields_narrow_an_answer(account: Account) -> None:
    server = account.server()
    assert account.show(server["id"], fields="id,hostname") == {"id": server["id"], "hostname": "node-1"}
    assert "power" not in server
    assert account.show(server["id"], fields="server,power").keys() == {*server, "power"}
    listed = account.client.get(f"/projects/{account.project}/servers", params={"fields": "id,name,hostname"}).json()
    assert [one.keys() for one in listed] == [{"id", "name", "hostname"}]


# The limit


@pytest.fixture
def limited(tmp_path: Path) -> Iterator[RunningCloud]:
    directory = tmp_path / "limited"
    directory.mkdir(mode=0o700)
    with RunningCloud(directory, Options(requests_per_second=4)) as running:
        yield running


def test_the_fifth_request_of_a_second_is_refused(limited: RunningCloud) -> None:
    with limited.client() as client:
        client.get("/regions")
        time.sleep(1.1)
        codes = [client.get("/regions").status_code for _ in range(6)]
        assert codes == [200, 200, 200, 200, 429, 429]
        assert client.get("/regions").json()["code"] == 429
        time.sleep(1.1)
        assert client.get("/regions").status_code == 200


# Time


def test_a_deployment_takes_its_time(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    seen = []
    for seconds in (0.0, 5.0, 19.0, 1.0):
        clock.advance(seconds)
        seen.append(slow_account.show(number, fields="state,status"))
    assert seen == [
        {"state": "pending", "status": "pending"},
        {"state": "provisioning", "status": "deploying"},
        {"state": "provisioning", "status": "deploying"},
        {"state": "active", "status": "deployed"},
    ]


def test_an_action_waits_for_the_one_before(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    slow_account.refused(slow_account.act(number, type="reboot"), 400)
    clock.advance(60)
    body = {"type": "reinstall", "image": "debian_12_64bit", "password": "long-enough"}
    assert slow_account.act(number, **body).status_code == 201
    assert slow_account.show(number, fields="state,status") == {"state": "active", "status": "deploying"}
    slow_account.refused(slow_account.act(number, type="reboot"), 400)
    clock.advance(10)
    assert slow_account.show(number, fields="status,image") == {"status": "deployed", "image": "Debian 12 64bit"}


def test_a_deleted_server_lingers_and_its_project_may_go(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    assert slow_account.client.delete(f"/servers/{number}").status_code == 204
    assert slow_account.client.delete(f"/servers/{number}").status_code == 204
    assert slow_account.show(number, fields="state,ip_addresses") == {"state": "terminating", "ip_addresses": []}
    slow_account.refused(slow_account.client.put(f"/servers/{number}", json={"name": "x"}), 400)
    assert slow_account.client.delete(f"/projects/{slow_account.project}").status_code == 204
    clock.advance(30)
    slow_account.refused(slow_account.client.get(f"/servers/{number}"), 404)


def test_passwords_are_shown_for_a_day(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    clock.advance(60)
    fresh = slow_account.show(number)
    assert fresh["bmc"].keys() == {"ip", "user", "password"}
    assert fresh["username"] == "root"
    clock.advance(_DAY_SECONDS)
    old = slow_account.show(number)
    assert old["bmc"].keys() == {"ip"}
    assert not old.keys() & {"username", "password"}
    assert slow_account.act(number, type="reset-bmc-password").status_code == 201
    again = slow_account.show(number)["bmc"]
    assert again.keys() == {"ip", "user", "password"}
    assert again["password"] != fresh["bmc"]["password"]


def test_console_access_is_for_one_address_and_an_hour(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    clock.advance(60)
    body = {"type": "create-console-access", "allowed_ip": "203.0.113.7"}
    opened = slow_account.act(number, **body).json()["bmc"]
    assert (opened["allowed_ip"], opened["expires"][-6:]) == ("203.0.113.7", "+00:00")
    clock.advance(3_600)
    assert not slow_account.show(number)["bmc"].keys() & {"allowed_ip", "expires"}
    slow_account.refused(slow_account.act(number, type="create-console-access", allowed_ip="2001:db8::1"), 400)
    everybody = slow_account.act(number, type="create-console-access").json()["bmc"]
    assert "allowed_ip" not in everybody
    assert "expires" in everybody


def test_the_bill_grows_by_begun_hours(slow_account: Account, clock: VirtualClock) -> None:
    number = slow_account.order().json()["id"]
    clock.advance(3_601)
    pricing = slow_account.show(number)["pricing"]
    assert (pricing["unit"], pricing["unit_price"], pricing["quantity"]) == ("Hours", 0.3238, 2)
    assert pricing["price"] == pytest.approx(0.65)


def test_a_spot_machine_and_a_longer_cycle_have_their_own_price(account: Account) -> None:
    spot = account.server(plan="amd-epyc-7302p", spot_market=True)["pricing"]
    monthly = account.server(plan="amd-epyc-7302p", cycle="monthly")["pricing"]
    assert (spot["id"], monthly["id"], monthly["unit"], monthly["unit_price"]) == (38, 3, "Months", 250)
    assert spot["unit_price"] == pytest.approx(0.8 * 0.4281, abs=1e-3)


# Stock


def test_stock_runs_out_and_comes_back(slow_account: Account, clock: VirtualClock) -> None:
    def left() -> int:
        regions = slow_account.client.get("/plans/amd-epyc-9654").json()["available_regions"]
        return int(next(one["stock_qty"] for one in regions if one["slug"] == "LT-Siauliai"))

    assert left() == 1
    number = slow_account.order(plan="amd-epyc-9654").json()["id"]
    assert left() == 0
    slow_account.refused(slow_account.order(plan="amd-epyc-9654"), 400)
    slow_account.client.delete(f"/servers/{number}")
    assert left() == 0
    clock.advance(30)
    assert left() == 1


# The rest


def test_power_words_with_a_dash_and_with_an_underscore(account: Account) -> None:
    number = account.server()["id"]
    seen = []
    for word in ("power_off", "power_on", "power-off", "power-on", "power_off", "power-cycle", "reboot"):
        assert account.act(number, type=word).status_code == 201
        seen.append(account.show(number, fields="power")["power"])
    assert seen == ["off", "on", "off", "on", "off", "on", "on"]
    account.refused(account.act(number, type="explode"), 400)


def test_only_a_virtual_server_grows(account: Account) -> None:
    small = account.server(plan="B1-1-1gb-20s-shared")
    assert small["upgradable"] is True
    assert "bmc" not in small
    account.refused(account.act(small["id"], type="reset-bmc-password"), 400)
    grown = account.act(small["id"], type="upgrade", plan="B1-4-4gb-80s-shared").json()
    assert grown["plan"]["slug"] == "B1-4-4gb-80s-shared"
    account.refused(account.act(small["id"], type="upgrade", plan="B1-1-1gb-20s-shared"), 400)
    metal = account.server()
    account.refused(account.act(metal["id"], type="upgrade", plan="amd-epyc-9354p"), 400)


def test_prebuilts_images_and_regions(account: Account) -> None:
    get = account.client.get
    prebuilts = get("/plans/e5_1650v4/prebuilts", params={"region": "LT-Siauliai"}).json()
    assert [one["id"] for one in prebuilts] == [1179, 33829, 1227]
    assert get("/teams/1/plans/e5_1650v4/prebuilts").json() == prebuilts
    variant = account.server(prebuilt_id=1227)
    assert (variant["plan"]["slug"], variant["plan"]["specs"]["memory"]["total"]) == ("e5_1650v4", 128)
    assert variant["pricing"]["unit_price"] == 0.4232
    assert "custom_ipxe_install" not in {one["slug"] for one in get("/plans/B1-1-1gb-20s-shared/images").json()}
    by_slug = get("/plans", params={"region": "SG-Singapore"}).json()
    assert [one["slug"] for one in by_slug] == ["B1-1-1gb-20s-shared"]
    assert get("/plans", params={"region_id": "4"}).json() == by_slug
    assert [one["slug"] for one in get("/cycles").json()][:2] == ["hourly", "monthly"]


def test_what_is_attached_to_a_server_stays_when_it_goes(account: Account) -> None:
    client, project = account.client, account.project
    ip = client.post(f"/projects/{project}/ips", json={"region": "LT-Siauliai"}).json()["id"]
    storage = client.post(f"/projects/{project}/storages", json={"region": "LT-Siauliai", "size": 10}).json()["id"]
    number = account.server(ip_addresses=[ip], storage_id=storage)["id"]
    assert client.get(f"/ips/{ip}").json()["targeted_to"]["id"] == number
    assert len(client.get(f"/servers/{number}/ips").json()) == 3
    assert client.get(f"/servers/{number}/ssh-keys").json() == []
    account.refused(client.delete(f"/storages/{storage}"), 400)
    account.refused(client.delete(f"/ips/{ip}"), 400)
    client.delete(f"/servers/{number}")
    assert client.get(f"/ips/{ip}").json()["targeted_to"]["id"] == 0
    assert "attached_to" not in client.get(f"/storages/{storage}").json()
    assert client.get(f"/projects/{project}/ips").json() == [client.get(f"/ips/{ip}").json()]


def test_addresses_differ_and_lie_in_their_networks(account: Account) -> None:
    shown = [account.server(plan="amd-epyc-7302p", hostname=f"n{number}") for number in range(70)]
    addresses = [ip for server in shown for ip in server["ip_addresses"]]
    assert len({ip["address"] for ip in addresses}) == 140
    assert all(ip_address(ip["address"]) in ip_network(ip["cidr"]) for ip in addresses)
    assert all(ip["address"] != ip.get("gateway") for ip in addresses)
    private = [ip for ip in addresses if ip["type"] == "private-ip"]
    assert len({(ip["cidr"], ip["vlan_id"]) for ip in private}) == 1
    assert all("vlan_id" not in ip for ip in addresses if ip["type"] == "primary-ip")


def test_no_secret_reaches_the_log(account: Account, cloud: RunningCloud) -> None:
    user_data = base64.b64encode(b"#cloud-config canary").decode()
    number = account.server(user_data=user_data)["id"]
    account.act(number, type="reinstall", image="debian_12_64bit", password="canary-password")
    token = cloud.environment["CHERRY_AUTH_TOKEN"]
    server = cloud.store.servers.get(number)
    assert server is not None
    written = cloud.service.files.requests.read_text()
    assert "/actions" in written
    for secret in (token, user_data, "canary-password", server.bmc.password):
        assert secret not in written


def test_a_restart_forgets_nothing(account: Account, cloud: RunningCloud) -> None:
    number = account.server(tags={"deployment": "d1"})["id"]
    before = account.show(number, fields="id,hostname,bmc,ip_addresses,tags,created_at,ssh_keys")
    cloud.stop()
    with pytest.raises(httpx.ConnectError):
        account.client.get("/user")
    cloud.start()
    assert account.show(number, fields="id,hostname,bmc,ip_addresses,tags,created_at,ssh_keys") == before
    assert account.server()["id"] > number
