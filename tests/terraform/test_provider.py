"""The plugin that stands in for the real one: the same calls in the same order, and the same faults, on a whole cloud.

Where the real plugin is found these tests run it, so they also hold the stand-in against the real one.
"""

import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from cherrylab.cloud.faults import Fault, Kind, Moment
from tests import needs
from tests.terraform.provider.cherryservers.patience import FIRST_WAIT_VARIABLE
from tests.terraform.provider.mirror import PLUGINS, find_real
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import SHIM, Terraform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONFIGURATION = Path(__file__).parents[1] / "fixtures" / "terraform" / "provider"
SERVER_ORDER = "POST /v1/projects/*/servers"


@pytest.fixture
def terraform(cloud: RunningCloud) -> Iterator[Terraform]:
    """The configuration with every resource and data source, ready to be applied."""
    impatient = {FIRST_WAIT_VARIABLE: "0.05"}
    driven = Terraform(CONFIGURATION, environment=cloud.environment | impatient, fresh_plugins=True)
    driven.init()
    yield driven
    driven.close()


def calls(cloud: RunningCloud, *, since: int = 0, about: str = "") -> list[str]:
    """Method, path and query of the requests so far; numbers and UUIDs as `ID`, those after the first `since`."""
    named = []
    for entry in cloud.requests[since:]:
        parts = ["ID" if part.isdecimal() or part.count("-") == 4 else part for part in entry.path.split("/")]
        named.append(f"{entry.method} {'/'.join(parts[2:])}" + (f"?{entry.query}" if entry.query else ""))
    return [call for call in named if about in call]


def test_a_whole_life(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.validate()
    terraform.apply()
    # As recorded of 1.5.3.
    assert calls(cloud, about="servers")[:5] == [
        "POST projects/ID/servers",
        "GET servers/ID?fields=state",
        "GET servers/ID?fields=power",
        "PUT servers/ID",
        "GET servers/ID",
    ]
    assert calls(cloud, about="ssh-keys")[:2] == ["POST ssh-keys", "GET ssh-keys/ID"]
    (server,) = cloud.store.servers.all()
    (ip,) = cloud.store.ips.all()[-1:]
    outputs = terraform.output_json()
    assert outputs["server"]["id"] == str(server.id)
    assert outputs["server"]["image"] == "ubuntu_24_04_64bit"
    assert sorted(outputs["server"]["types"]) == ["primary-ip", "private-ip"]
    seen = outputs["seen"]
    assert seen["specs"]["memory"]["total"] == 64
    assert (seen["server_id"], seen["ip_target"], seen["ip_address_id"]) == (str(server.id), str(server.id), ip.id)
    assert "hourly" in seen["cycles"]

    before = len(cloud.requests)
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
    assert {call.split()[0] for call in calls(cloud, since=before)} == {"GET"}

    before = len(cloud.requests)
    terraform.destroy()
    writes = [call for call in calls(cloud, since=before) if not call.startswith("GET")]
    assert writes[:3] == ["PUT ips/ID", "DELETE ips/ID", "DELETE servers/ID"]
    assert sorted(writes[3:]) == ["DELETE projects/ID", "DELETE ssh-keys/ID"]
    assert (cloud.store.projects.all(), cloud.store.ssh_keys.all()) == ((), ())


def test_a_change_in_place(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    before = len(cloud.requests)
    changed = terraform.apply("-var=name=renamed")
    assert "0 added, 3 changed, 0 destroyed" in changed.text
    writes = [call for call in calls(cloud, since=before) if not call.startswith("GET")]
    assert sorted(writes) == ["PUT projects/ID", "PUT servers/ID", "PUT ssh-keys/ID"]
    (server,) = cloud.store.servers.all()
    assert server.tags == {"deployment": "renamed"}
    assert terraform.plan("-var=name=renamed", detailed_exitcode=True).exit_code == 0


def test_another_plan_is_another_server(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    (old,) = cloud.store.servers.all()
    planned = terraform.plan("-var=plan=amd-epyc-9354p")
    assert "must be replaced" in planned.text
    terraform.apply("-var=plan=amd-epyc-9354p")
    assert terraform.output_json()["server"]["id"] != str(old.id)


def test_new_user_data_wipes_nothing_unless_that_is_allowed(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    (server,) = cloud.store.servers.all()
    change = "-var=user_data=#!/bin/sh -x"
    warned = terraform.plan(change)
    assert "Server re-install required" in warned.text
    refused = terraform.apply(change, check=False)
    assert refused.exit_code == 1
    assert "allow_reinstall attribute not set" in refused.text
    assert cloud.store.servers.get(server.id) == server

    before = len(cloud.requests)
    terraform.apply(change, "-var=allow_reinstall=true")
    assert "POST servers/ID/actions" in calls(cloud, since=before)
    assert "GET servers/ID?fields=status" in calls(cloud, since=before)
    after = cloud.store.servers.get(server.id)
    assert after is not None
    assert after.user_data != server.user_data


def test_a_failed_deploy_leaves_a_server_that_no_state_knows(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.DEPLOY_FAILS,), request=SERVER_ORDER))
    failed = terraform.apply(check=False)
    assert failed.exit_code == 1
    assert "failed to deploy server" in failed.text
    assert len(cloud.store.servers.all()) == 1
    assert "cherryservers_server.this" not in terraform.run("state", "list").stdout


def test_a_lost_answer_to_the_order_leaves_a_server_too(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request=SERVER_ORDER, moment=Moment.AFTER))
    assert terraform.apply(check=False).exit_code == 1
    assert len(cloud.store.servers.all()) == 1
    assert "cherryservers_server.this" not in terraform.run("state", "list").stdout


def test_too_many_requests_are_not_tried_again(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.TOO_MANY_REQUESTS,), request=SERVER_ORDER))
    failed = terraform.apply(check=False)
    assert failed.exit_code == 1
    assert "(error code: 429)" in failed.text
    assert calls(cloud, about="POST projects/ID/servers") == ["POST projects/ID/servers"]
    assert cloud.store.servers.all() == ()


def _crash_and_heal(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.HTML_BAD_GATEWAY,), request="GET /v1/servers/*"))
    crashed = terraform.plan(check=False)
    assert crashed.exit_code == 1
    assert "invalid memory address or nil pointer dereference" in crashed.text
    cloud.heal()
    assert terraform.plan(detailed_exitcode=True).exit_code == 0


def test_a_page_of_html_crashes_a_refresh(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    _crash_and_heal(cloud, terraform)


def test_what_was_removed_elsewhere_is_ordered_again(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    (server,) = cloud.store.servers.all()
    with cloud.client() as client:
        assert client.delete(f"/servers/{server.id}").status_code == 204
    assert "cherryservers_server.this will be created" in terraform.plan(check=False).text


def test_everything_can_be_imported(cloud: RunningCloud, terraform: Terraform) -> None:
    terraform.apply()
    (project,), (key,), (server,) = cloud.store.projects.all(), cloud.store.ssh_keys.all(), cloud.store.servers.all()
    ip = terraform.output_json()["seen"]["ip_address_id"]
    identifiers = {"project": f"1,{project.id}", "ssh_key": key.id, "server": server.id, "ip": ip}
    terraform.run("state", "rm", *(f"cherryservers_{kind}.this" for kind in identifiers))
    for kind, identifier in identifiers.items():
        terraform.run("import", f"cherryservers_{kind}.this", str(identifier))
    # What the API doesn't tell again can't be imported: user_data.
    planned = terraform.plan(check=False)
    assert "Plan: 0 to add, 1 to change, 0 to destroy." in planned.text
    assert (
        "Unexpected Import Identifier" in terraform.run("import", "cherryservers_project.this", "1", check=False).text
    )


def test_a_crash_is_told_too_where_the_plugin_stays_for_the_command(cloud: RunningCloud) -> None:
    terraform = Terraform(CONFIGURATION, environment=cloud.environment)
    terraform.init()
    terraform.apply()
    _crash_and_heal(cloud, terraform)


def test_no_token_stops_it_before_any_call(cloud: RunningCloud) -> None:
    environment = {name: value for name, value in cloud.environment.items() if not name.startswith("CHERRY_AUTH")}
    terraform = Terraform(CONFIGURATION, environment=environment)
    terraform.init()
    stopped = terraform.plan(check=False)
    assert stopped.exit_code == 1
    assert "CHERRY_AUTH_TOKEN" in stopped.text
    assert cloud.requests == ()


def test_arguments_that_exclude_each_other(cloud: RunningCloud, terraform: Terraform) -> None:
    main = terraform.directory / "main.tf"
    text = main.read_text()
    main.write_text(text.replace("  slug = var.plan\n", ""))
    assert "[slug,id]" in terraform.validate(check=False).text
    main.write_text(text.replace("  target_hostname = ", '  target_id = "1"\n  target_hostname = '))
    assert "Invalid Attribute Combination" in terraform.validate(check=False).text


def test_a_timeout_that_is_no_duration_is_seen_after_the_order(cloud: RunningCloud, terraform: Terraform) -> None:
    failed = terraform.apply("-var=create_timeout=soon", check=False)
    assert failed.exit_code == 1
    assert "cannot be parsed" in failed.text
    assert len(cloud.store.servers.all()) == 1


@pytest.mark.skipif(find_real(PLUGINS[0]) is not None, reason="how the real plugin ends is its own affair")
def test_a_killed_terraform_leaves_no_plugin_behind(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.HANG,), request=SERVER_ORDER, seconds=60))
    with terraform.start("apply", "-auto-approve") as running:
        deadline = time.monotonic() + 60
        while not cloud.store.projects.all():
            assert time.monotonic() < deadline, "the apply never came to the project"
            time.sleep(0.1)
        plugins = psutil.Process(running.pid).children()
        assert plugins
        running.kill()
    gone, alive = psutil.wait_procs(plugins, timeout=10)
    assert (len(gone), alive) == (len(plugins), [])


def test_ctrl_c_waits_for_the_server_that_is_being_made(cloud: RunningCloud, terraform: Terraform) -> None:
    cloud.inject(Fault(kinds=(Kind.SLOW,), request=SERVER_ORDER, seconds=3))
    with terraform.start("apply", "-auto-approve") as running:
        deadline = time.monotonic() + 60
        while not cloud.store.projects.all():
            assert time.monotonic() < deadline, "the apply never came to the project"
            time.sleep(0.1)
        time.sleep(1)
        # The terminal tells everybody in the foreground.
        process = psutil.Process(running.pid)
        for interrupted in (process, *process.children()):
            interrupted.send_signal(signal.SIGINT)
        assert running.wait(60) != 0
    assert len(cloud.store.servers.all()) == 1
    assert "cherryservers_server.this" in terraform.run("state", "list").stdout


def _other_programs() -> list[Path]:
    """The Terraform made of a Python package, and OpenTofu where it is found."""
    tofu = shutil.which("tofu")
    return [SHIM, *([Path(tofu)] if tofu else [])]


@pytest.mark.parametrize("program", _other_programs(), ids=lambda program: program.name)
def test_another_program_does_all_of_it_too(cloud: RunningCloud, program: Path) -> None:
    if not program.exists():
        needs.missing("Terraform as a Python package", remedy="scripts/install-terraform-shim")
    terraform = Terraform(CONFIGURATION, environment=cloud.environment, program=program, fresh_plugins=True)
    terraform.init()
    terraform.apply()
    assert len(cloud.store.servers.all()) == 1
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
    assert terraform.plan("-var=name=other", detailed_exitcode=True).exit_code == 2
    terraform.destroy()
    assert cloud.store.projects.all() == ()
