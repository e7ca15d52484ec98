"""The contract, by a client that somebody else wrote: the official Python SDK, unmodified, at the API's real name."""

import os
from collections.abc import Iterator

import pytest
import requests
from cherryservers_sdk_python import backup_storages, block_storages, ips, projects, servers, sshkeys, teams
from cherryservers_sdk_python.facade import CherryApiFacade

from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/8YZ9kE1sQ7lCk3o4f1s3q8g9c0Qd0v0kqW6l1m2n3 test"


@pytest.fixture
def api(cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[CherryApiFacade]:
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    # requests has a name of its own for SSL_CERT_FILE.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.environ["SSL_CERT_FILE"])
    facade = CherryApiFacade(token=cloud.environment["CHERRY_AUTH_TOKEN"])
    yield facade
    facade._api_client._requests_session.close()


@pytest.fixture
def project(api: CherryApiFacade) -> int:
    return api.projects.create(projects.CreationRequest(name="validators"), 1).get_id()


def _server(api: CherryApiFacade, project: int, **changes: object) -> servers.Server:
    request = servers.CreationRequest.model_validate({"plan": "amd-epyc-9354p", "region": "LT-Siauliai"} | changes)
    return api.servers.create(request, project, wait_for_active=False)


def test_teams_and_users(api: CherryApiFacade) -> None:
    assert api.users.get_current_user().get_id() == api.users.get_by_id(1).get_id() == 1
    team = api.teams.create(teams.CreationRequest(name="second", currency="USD"))
    team.update(teams.UpdateRequest(name="renamed"))
    model = team.get_model()
    assert (model.name, model.billing and model.billing.currency) == ("renamed", "USD")
    assert [one.get_id() for one in api.teams.get_all()] == [1, team.get_id()]
    team.delete()
    assert [one.get_id() for one in api.teams.get_all()] == [1]


def test_projects(api: CherryApiFacade, project: int) -> None:
    found = api.projects.get_by_id(project)
    found.update(projects.UpdateRequest(name="renamed", bgp=True))
    model = found.get_model()
    assert model.name == "renamed"
    assert model.bgp is not None
    assert model.bgp.enabled
    assert model.bgp.local_asn
    assert [one.get_id() for one in api.projects.list_by_team(1)] == [project]
    found.delete()
    assert api.projects.list_by_team(1) == []


def test_ssh_keys(api: CherryApiFacade) -> None:
    key = api.sshkeys.create(sshkeys.CreationRequest(label="ops", key=KEY))
    key.update(sshkeys.UpdateRequest(label="renamed"))
    model = key.get_model()
    assert (model.label, model.key) == ("renamed", KEY)
    assert len((model.fingerprint or "").split(":")) == 16
    assert [one.get_id() for one in api.sshkeys.get_all()] == [key.get_id()]
    key.delete()
    assert api.sshkeys.get_all() == []


def test_regions_plans_and_images(api: CherryApiFacade) -> None:
    assert api.regions.get_all()[0].get_model().slug == "LT-Siauliai"
    assert api.regions.get_by_id(6).get_model().slug == "DE-Frankfurt"
    listed = {one.get_model().slug: one for one in api.plans.list_by_team(1)}
    assert listed.keys() >= {"amd-epyc-7302p", "amd-epyc-9454p", "amd-epyc-9654", "amd-epyc-9354p"}
    model = api.plans.get_by_id_or_slug("amd-epyc-9454p").get_model()
    assert model.specs is not None
    assert model.specs.memory is not None
    assert model.specs.cpus is not None
    assert (model.specs.memory.total, model.specs.cpus.cores) == (512, 48)
    assert api.plans.get_by_id_or_slug(model.id).get_model() == model
    assert {one.unit for one in model.pricing or []} >= {"Hourly", "Monthly"}
    slugs = [one.get_model().slug for one in api.images.list_by_plan("amd-epyc-9454p")]
    assert "ubuntu_24_04_64bit" in slugs


def test_a_server_from_order_to_end(api: CherryApiFacade, project: int) -> None:
    key = api.sshkeys.create(sshkeys.CreationRequest(label="ops", key=KEY)).get_id()
    request = servers.CreationRequest(
        plan="amd-epyc-9354p", region="LT-Siauliai", hostname="rpc-1", ssh_keys={key}, tags={"role": "rpc"}
    )
    server = api.servers.create(request, project)
    model = server.get_model()
    assert (model.hostname, model.status, model.state, model.tags) == ("rpc-1", "deployed", "active", {"role": "rpc"})
    assert [one.id for one in model.ssh_keys or []] == [key]
    assert {one.type for one in model.ip_addresses or []} == {"primary-ip", "private-ip"}
    server.update(servers.UpdateRequest(name="first", tags={}, bgp=False))
    assert (server.get_model().name, server.get_model().tags) == ("first", {})
    assert [one.get_id() for one in api.servers.list_by_project(project)] == [server.get_id()]
    server.delete()
    assert api.servers.list_by_project(project) == []
    with pytest.raises(requests.HTTPError, match="not found"):
        server.refresh()


def test_the_actions_of_a_server(api: CherryApiFacade, project: int) -> None:
    server = _server(api, project)
    first = server.get_model().bmc
    server.power_off()
    server.power_on()
    server.reboot()
    server.enter_rescue_mode(servers.EnterRescueModeRequest(password="long-enough"))
    assert server.get_status() == "rescue mode"
    server.exit_rescue_mode()
    assert server.get_status() == "deployed"
    server.reset_bmc_password()
    second = server.get_model().bmc
    assert first is not None
    assert second is not None
    assert first.password != second.password
    server.rebuild(
        servers.RebuildRequest(image="debian_12_64bit", hostname="rpc-2", password="long-enough", os_partition_size=100)
    )
    model = server.get_model()
    assert model.deployed_image is not None
    assert (model.deployed_image.slug, model.hostname, model.password) == ("debian_12_64bit", "rpc-2", "long-enough")


def test_ip_addresses(api: CherryApiFacade, project: int) -> None:
    server = _server(api, project)
    request = ips.CreationRequest(region="LT-Siauliai", a_record="rpc", ptr_record="rpc.test", tags={"a": "b"})
    ip = api.ips.create(request, project)
    assert (ip.get_model().type, ip.get_model().tags) == ("floating-ip", {"a": "b"})
    ip.update(ips.UpdateRequest(targeted_to=server.get_id()))
    attached = ip.get_model()
    assert attached.targeted_to is not None
    assert attached.targeted_to.id == server.get_id()
    assert attached.routed_to is not None
    with pytest.raises(ips.AddressAttachedError):
        ip.delete()
    ip.update(ips.UpdateRequest(targeted_to=0))
    assert ip.get_model().routed_to is None
    assert len(api.ips.list_by_project(project)) == 3
    ip.delete()
    assert len(api.ips.list_by_project(project)) == 2


def test_block_storages(api: CherryApiFacade, project: int) -> None:
    server = _server(api, project)
    request = block_storages.CreationRequest(region="LT-Siauliai", size=100, description="scratch")
    storage = api.block_storages.create(request, project)
    storage.update(block_storages.UpdateRequest(size=200, description="more"))
    assert storage.get_size() == 200
    storage.attach(block_storages.AttachRequest(attach_to=server.get_id()))
    model = storage.get_model()
    assert model.attached_to is not None
    assert model.attached_to.id == server.get_id()
    assert (model.initiator or "").startswith("iqn.2019-")
    server.refresh()
    with_storage = server.get_model().storage
    assert with_storage is not None
    assert with_storage.id == storage.get_id()
    storage.detach()
    assert storage.get_model().attached_to is None
    assert [one.get_id() for one in api.block_storages.list_by_project(project)] == [storage.get_id()]
    storage.delete()
    assert api.block_storages.list_by_project(project) == []


def test_backup_storages(api: CherryApiFacade, project: int) -> None:
    server = _server(api, project)
    assert {one.slug for one in api.backup_storages.list_backup_plans()} >= {"backup_100", "backup_500"}
    request = backup_storages.CreationRequest(region="LT-Siauliai", slug="backup_100", ssh_key=KEY)
    storage = api.backup_storages.create(request, server.get_id())
    model = storage.get_model()
    assert (model.status, model.size_gigabytes) == ("deployed", 100)
    storage.update(backup_storages.UpdateRequest(slug="backup_500", password="another-one"))
    assert storage.get_model().size_gigabytes == 500
    change = backup_storages.UpdateAccessMethodsRequest(enabled=True, whitelist=["198.18.16.2"])
    storage.update_access_method(change, "ftp")
    ftp = next(one for one in storage.get_model().methods or [] if one.name == "ftp")
    assert (ftp.enabled, ftp.whitelist, ftp.password) == (True, ["198.18.16.2"], "another-one")
    assert [one.get_id() for one in api.backup_storages.list_by_project(project)] == [storage.get_id()]
    storage.delete()
    assert api.backup_storages.list_by_project(project) == []


def test_a_refusal_reads_as_the_sdk_expects(api: CherryApiFacade, project: int) -> None:
    with pytest.raises(requests.HTTPError, match=r'"message":"Given server plan was not found\."'):
        _server(api, project, plan="no-such-plan")
