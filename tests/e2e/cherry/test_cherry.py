"""`nodeagent cherry` at a whole cloud: over its proxy, its TLS and its token."""

import json
import stat
from pathlib import Path

import httpx
import pytest

from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from nodeagent.model.errors import ExitCode
from tests.e2e.cherry.conftest import DEPLOYMENT, Cluster
from tests.unit.readiness.plans import FIXTURES

pytestmark = pytest.mark.e2e

PLAN = FIXTURES / "create-production.json"
ADDRESS = "198.51.100.7"


def test_access_names_teams_projects_and_credit(cluster: Cluster) -> None:
    done = cluster.run("access")
    assert done.code == ExitCode.OK, done.err
    assert "validators" in done.out
    assert "EUR" in done.out
    assert done.out.splitlines()[-1].startswith(
        "✓ The token of operator@example.com works: 1 team; 4 requests a second"
    )
    body = cluster.run("access", "-o", "json").json
    assert body["teams"][0]["projects"][0]["id"] == cluster.project


@pytest.mark.parametrize("variable", ["CHERRY_AUTH_TOKEN", "CHERRY_AUTH_KEY"])
def test_a_wrong_token_is_told_and_not_repeated(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "wrong-token-canary")
    done = cluster.run("access")
    assert (done.code, done.out) == (ExitCode.ERROR, "")
    assert "GET /user: the API answered 401" in done.err
    assert "next: the token is wrong or was revoked" in done.err
    assert "canary" not in done.err


def test_no_token_asks_nobody(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CHERRY_AUTH_TOKEN")
    before = len(cluster.cloud.requests)
    done = cluster.run("access")
    assert done.code == ExitCode.ERROR
    assert "export CHERRY_AUTH_TOKEN" in done.err
    assert len(cluster.cloud.requests) == before


def test_a_token_that_may_only_read_looks_and_does_not_press(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHERRY_AUTH_TOKEN", cluster.cloud.read_only_environment["CHERRY_AUTH_TOKEN"])
    assert cluster.run("access").code == ExitCode.OK
    done = cluster.run("power", "on", "cp-1")
    assert done.code == ExitCode.ERROR
    assert "403" in done.err


@pytest.mark.parametrize(
    "kind", [Kind.TOO_MANY_REQUESTS, Kind.INTERNAL_ERROR, Kind.HTML_BAD_GATEWAY, Kind.CUT_CONNECTION]
)
def test_a_read_that_fails_twice_is_made_again(cluster: Cluster, kind: Kind) -> None:
    cluster.cloud.inject(Fault(kinds=(kind,), request="GET *", calls=Calls.parse("1,3")))
    done = cluster.run("check", "--inventory", cluster.inventory)
    assert done.code == ExitCode.OK, done.err


@pytest.mark.parametrize(
    ("kind", "code", "told"),
    [
        (Kind.TOO_MANY_REQUESTS, ExitCode.BUSY, "somebody else uses the API"),
        (Kind.HTML_BAD_GATEWAY, ExitCode.ERROR, "answered 502: not in JSON"),
        (Kind.CUT_CONNECTION, ExitCode.ERROR, "no answer from https://api.cherryservers.com"),
    ],
)
def test_a_fault_that_stays_is_one_error_with_the_next_step(
    cluster: Cluster, kind: Kind, code: ExitCode, told: str
) -> None:
    cluster.cloud.inject(Fault(kinds=(kind,)))
    done = cluster.run("access")
    assert (done.code, done.out) == (code, "")
    assert told in done.err
    assert "next: " in done.err
    assert "<html" not in done.err.lower()
    assert len(done.err.splitlines()) == 2


def test_an_action_is_never_made_twice(cluster: Cluster) -> None:
    cluster.cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request="POST *"))
    done = cluster.run("power", "cycle", "cp-1", "--yes")
    assert done.code == ExitCode.ERROR
    assert "whether it was carried out isn't known" in done.err
    assert len(cluster.posts()) == 1


def test_an_action_that_was_refused_for_its_rate_is_made_again(cluster: Cluster) -> None:
    cluster.cloud.inject(Fault(kinds=(Kind.TOO_MANY_REQUESTS,), request="POST *", calls=Calls.parse("1")))
    assert cluster.run("power", "cycle", "cp-1", "--yes").code == ExitCode.OK
    assert len(cluster.posts()) == 2


def test_stock_says_go_and_names_what_is_short(cluster: Cluster) -> None:
    done = cluster.run("stock", PLAN)
    assert done.code == ExitCode.OK, done.err
    assert "3 x amd-epyc-7302p in LT-Siauliai: " in done.out
    assert done.out.splitlines()[-1] == "✓ GO: everything is in stock."
    cluster.cloud.inject(Fault(kinds=(Kind.OUT_OF_STOCK,), request="GET /v1/plans/amd-epyc-9454p"))
    done = cluster.run("stock", PLAN)
    assert done.code == ExitCode.TARGET_MISSED
    assert "✗ 1 x amd-epyc-9454p in LT-Siauliai: 0 in stock" in done.out
    assert done.out.splitlines()[-1] == "✗ NO-GO: 1 of 2 short."


def test_stock_of_what_nobody_sells(cluster: Cluster, tmp_path: Path) -> None:
    odd = tmp_path / "plan.json"
    odd.write_text(PLAN.read_text().replace("amd-epyc-9454p", "amd-epyc-0000"))
    body = cluster.run("stock", odd, "-o", "json").json
    assert [offer["stock"] for offer in body["offers"] if offer["plan"] == "amd-epyc-0000"] == [None]
    assert body["enough"] is False


def test_orphans_are_found_and_only_orphans_are_deleted(cluster: Cluster) -> None:
    assert cluster.run("orphans", "--inventory", cluster.inventory).code == ExitCode.OK
    orphan = cluster.order("cp-9")["id"]
    foreign = cluster.order("other", tags={"deployment": "sol-9999"})["id"]
    done = cluster.run("orphans", "--inventory", cluster.inventory)
    assert done.code == ExitCode.DIFFERS
    assert f"✗ {orphan} cp-9 amd-epyc-7302p in LT-Siauliai" in done.out
    assert f"--delete {orphan}" in done.out
    assert "other" not in done.out
    for number in (foreign, cluster.servers["cp-1"]["id"]):
        refused = cluster.run("orphans", "--inventory", cluster.inventory, "--delete", orphan, "--delete", number)
        assert refused.code == ExitCode.REFUSED
        assert f"server {number} is no orphan of {DEPLOYMENT}; nothing was deleted" in refused.err
    assert {one.id for one in cluster.cloud.store.servers.all()} >= {orphan, foreign}
    done = cluster.run("orphans", "--inventory", cluster.inventory, "--delete", orphan)
    assert done.code == ExitCode.OK
    assert done.out.splitlines()[-1] == f"Orphans: 0 of {DEPLOYMENT} left, 1 deleted; the state knows 2 servers."
    assert orphan not in {one.id for one in cluster.cloud.store.servers.all()}


def test_a_create_whose_answer_was_lost_leaves_an_orphan_that_is_found(cluster: Cluster) -> None:
    """The provider saves nothing when the answer of its POST is lost, though the order was taken (C23)."""
    cluster.cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request="POST *", moment=Moment.AFTER))
    with pytest.raises(httpx.TransportError):
        cluster.order("cp-2")
    cluster.cloud.heal()
    body = cluster.run("orphans", "--inventory", cluster.inventory, "-o", "json").json
    assert [one["hostname"] for one in body["sweep"]["orphans"]] == ["cp-2"]


def test_a_server_that_is_gone_is_told(cluster: Cluster) -> None:
    with cluster.cloud.client() as client:
        client.delete(f"/servers/{cluster.servers['cp-1']['id']}")
    done = cluster.run("orphans", "--inventory", cluster.inventory)
    assert "cp-1: in the state, and not at the API" in done.out
    checked = cluster.run("check", "--inventory", cluster.inventory)
    assert checked.code == ExitCode.DIFFERS
    assert "cp-1: server: got=none" in checked.out


def test_orphans_without_a_deployment_is_wrong_usage(cluster: Cluster) -> None:
    cluster.inventory.write_text('{"nodes": {}}')
    assert cluster.run("orphans", "--inventory", cluster.inventory).code == ExitCode.USAGE
    assert cluster.run("orphans", "--inventory", cluster.inventory, "--deployment", DEPLOYMENT).code == ExitCode.DIFFERS


def test_check_is_silent_where_all_is_as_asked_and_names_what_differs(cluster: Cluster) -> None:
    done = cluster.run("check", "--inventory", cluster.inventory)
    assert done.code == ExitCode.OK, done.out + done.err
    assert done.out.splitlines()[-1] == "Check: 2 of 2 servers seen, 0 differences."
    wanted = json.loads(cluster.inventory.read_text())
    wanted["nodes"]["cp-1"] |= {"plan": "amd-epyc-9354p", "private_ip": "10.9.9.9"}
    wanted["nodes"]["cp-1"]["tags"]["owner"] = "infra"
    cluster.inventory.write_text(json.dumps(wanted))
    cluster.run("power", "off", "val-1", "--yes")
    cluster.order("cp-9")
    done = cluster.run("check", "--inventory", cluster.inventory)
    assert done.code == ExitCode.DIFFERS
    for line in (
        "cp-1: plan: got=amd-epyc-7302p wanted=amd-epyc-9354p",
        "wanted=10.9.9.9",
        "cp-1: tag owner: got=nothing wanted=infra",
        "val-1: power: got=off wanted=on",
        "unknown to Terraform wanted=none",
    ):
        assert line in done.out
    assert done.out.splitlines()[-1] == "Check: 2 of 2 servers seen, 5 differences."


def test_costs_are_those_of_the_price_list(cluster: Cluster) -> None:
    done = cluster.run("costs", "--deployment", DEPLOYMENT)
    assert done.code == ExitCode.OK, done.out + done.err
    last = done.out.splitlines()[-1]
    assert last.startswith(
        f"Costs: 2 servers of {DEPLOYMENT}, 4,400.00 EUR a month, estimated 4,400.00 EUR; traffic 0.000 TB of "
    )
    body = cluster.run("costs", "-o", "json").json
    assert {one["hostname"]: one["differs"] for one in body["servers"]} == {"cp-1": False, "val-1": False}


def test_a_price_that_differs_is_told(cluster: Cluster, tmp_path: Path) -> None:
    price = {"unit": "Monthly", "price": 249, "currency": "EUR"}
    rows = [{"slug": slug, "pricing": [price]} for slug in ("amd-epyc-7302p", "amd-epyc-9454p")]
    prices = tmp_path / "plans.json"
    prices.write_text(json.dumps(rows))
    done = cluster.run("costs", "--prices", prices)
    assert done.code == ExitCode.DIFFERS
    assert "✗  val-1" in done.out
    assert "✓  cp-1" in done.out


def test_the_console_goes_into_a_file_of_its_own(cluster: Cluster, tmp_path: Path) -> None:
    file = tmp_path / "bmc"
    done = cluster.run("console", "CP-1", "--from", ADDRESS, "--password-file", file)
    assert done.code == ExitCode.OK, done.err
    password = next(one.bmc.password for one in cluster.cloud.store.servers.all() if one.hostname == "cp-1")
    assert file.read_text() == f"{password}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert password not in done.out + done.err
    assert f"open for {ADDRESS} until 20" in done.out
    assert f"-f {file} chassis status" in done.out
    again = cluster.run("console", "cp-1", "--from", ADDRESS, "--password-file", file)
    assert (again.code, file.read_text()) == (ExitCode.REFUSED, f"{password}\n")


@pytest.mark.parametrize("output", [[], ["-o", "json"]])
def test_a_password_goes_into_no_pipe(cluster: Cluster, output: list[str]) -> None:
    for command in (["console", "cp-1", "--from", ADDRESS], ["reset-bmc-password", "cp-1"]):
        done = cluster.run(*command, *output)
        assert done.code == ExitCode.REFUSED
        assert "--password-file" in done.err
    assert cluster.posts() == []


def test_an_old_password_is_not_shown_and_a_new_one_is(cluster: Cluster, tmp_path: Path) -> None:
    cluster.cloud.inject(Fault(kinds=(Kind.BMC_SCRUBBED,), request="GET *"))
    done = cluster.run("console", "cp-1", "--from", ADDRESS, "--password-file", tmp_path / "a")
    assert done.code == ExitCode.ERROR
    assert "next: nodeagent cherry reset-bmc-password cp-1" in done.err
    assert cluster.posts() == []
    assert not (tmp_path / "a").exists()
    cluster.cloud.heal()
    before = next(one.bmc.password for one in cluster.cloud.store.servers.all() if one.hostname == "cp-1")
    assert (
        cluster.run("reset-bmc-password", "cp-1", "--password-file", tmp_path / "b", "-o", "json").code == ExitCode.OK
    )
    assert (tmp_path / "b").read_text().strip() not in {"", before}


@pytest.mark.parametrize("address", ["0.0.0.0", "10.0.0.0/8", "me", "::1"])
def test_a_console_is_opened_for_one_address_only(cluster: Cluster, tmp_path: Path, address: str) -> None:
    done = cluster.run("console", "cp-1", "--from", address, "--password-file", tmp_path / "a")
    assert done.code == ExitCode.USAGE
    assert cluster.posts() == []


def test_power_is_switched_and_shown(cluster: Cluster) -> None:
    assert cluster.run("power", "status", "cp-1").out.strip().endswith("power on")
    assert cluster.run("power", "off", "cp-1", "--yes").out.strip().endswith("power off")
    assert cluster.run("power", "status", "cp-1", "-o", "json").json["power"] == "off"
    assert cluster.run("power", "on", "cp-1").out.strip().endswith("power on")
    assert cluster.run("power", "cycle", "cp-1", "--yes").code == ExitCode.OK


@pytest.mark.parametrize("action", ["off", "cycle"])
def test_what_stops_a_server_asks_first(cluster: Cluster, action: str) -> None:
    done = cluster.run("power", action, "cp-1")
    assert done.code == ExitCode.REFUSED
    assert cluster.posts() == []


def test_a_server_that_is_not_there_or_there_twice(cluster: Cluster) -> None:
    done = cluster.run("power", "status", "nobody")
    assert done.code == ExitCode.ERROR
    assert "no server 'nobody'" in done.err
    twin = cluster.order("cp-1")["id"]
    done = cluster.run("power", "status", "cp-1")
    assert done.code == ExitCode.ERROR
    assert "2 servers are named 'cp-1'" in done.err
    assert cluster.run("power", "status", twin).code == ExitCode.OK
    assert cluster.run("power", "status", "val-1", "--project", cluster.project).code == ExitCode.OK
    assert cluster.run("power", "status", "val-1", "--project", 99999).code == ExitCode.ERROR
