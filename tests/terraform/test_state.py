"""The state in a bucket: one writer at a time, earlier versions, and the way back after a crash or an outage."""

import contextlib
import getpass
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from nodeagent.cli.main import main
from tests.terraform.bucket import CREDENTIALS, NAME, Bucket, running_bucket
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CONFIGURATION = Path(__file__).parents[1] / "fixtures" / "terraform" / "state"
STATE = "nodeagent/rehearsal.tfstate"
LOCK = f"{STATE}.tflock"


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with running_bucket() as running:
        yield running


def somebody(bucket: Bucket) -> Terraform:
    """One more person with a checkout of the same configuration."""
    terraform = Terraform(CONFIGURATION, environment=CREDENTIALS, local_state=False)
    terraform.init(bucket.write_backend(terraform.directory))
    return terraform


def wait_for_lock(bucket: Bucket, *, there: bool = True) -> None:
    """Until the lock of the state is taken, or given back."""
    deadline = time.monotonic() + 60
    while (LOCK in bucket.objects()) is not there:
        assert time.monotonic() < deadline, f"the lock never {'came' if there else 'went'}"
        time.sleep(0.05)


def kill_with_children(pid: int) -> None:
    """As a power cut would end it; it is held still first, so that no child is missed."""
    terraform = psutil.Process(pid)
    terraform.suspend()
    processes = [terraform, *terraform.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def test_two_people_share_one_state(bucket: Bucket) -> None:
    first, second = somebody(bucket), somebody(bucket)
    first.apply()
    assert bucket.client.head_object(Bucket=NAME, Key=STATE)["ServerSideEncryption"] == "AES256"
    assert second.output_json() == {"content": "first"}
    assert second.plan(detailed_exitcode=True).exit_code == 0
    assert bucket.objects() == [STATE]
    assert not (first.directory / "terraform.tfstate").exists()


def test_who_comes_second_is_told_who_is_first(bucket: Bucket) -> None:
    first, second = somebody(bucket), somebody(bucket)
    with first.start("apply", "-auto-approve", "-var=pause_s=8") as running:
        wait_for_lock(bucket)
        refused = second.apply(check=False)
        assert running.wait(60) == 0
    assert refused.exit_code == 1
    assert "Error acquiring the state lock" in refused.text
    assert re.search(rf"Who: {re.escape(getpass.getuser())}@", refused.text)
    assert "Operation: OperationTypeApply" in refused.text
    assert second.plan(detailed_exitcode=True).exit_code == 0


def test_who_comes_second_may_wait(bucket: Bucket) -> None:
    first, second = somebody(bucket), somebody(bucket)
    with first.start("apply", "-auto-approve", "-var=pause_s=3") as running:
        wait_for_lock(bucket)
        second.apply("-lock-timeout=60s", "-var=content=second")
        assert running.wait(60) == 0
    assert first.output_json() == {"content": "second"}
    assert bucket.objects() == [STATE]


def test_a_killed_apply_leaves_a_lock_that_names_it(bucket: Bucket) -> None:
    first, second = somebody(bucket), somebody(bucket)
    with first.start("apply", "-auto-approve", "-var=pause_s=60") as running:
        wait_for_lock(bucket)
        kill_with_children(running.pid)
    refused = second.apply(check=False)
    assert refused.exit_code == 1
    identifier = re.search(r"ID: ([0-9a-f-]{36})", refused.text)
    assert identifier is not None
    assert second.run("force-unlock", "-force", "not-the-id", check=False).exit_code == 1
    second.run("force-unlock", "-force", identifier[1])
    second.apply()
    assert bucket.objects() == [STATE]


def test_an_interrupted_apply_gives_its_lock_back(bucket: Bucket) -> None:
    first = somebody(bucket)
    with first.start("apply", "-auto-approve", "-var=pause_s=60") as running:
        wait_for_lock(bucket)
        time.sleep(1)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) != 0
    wait_for_lock(bucket, there=False)


def test_what_an_outage_kept_from_the_bucket_is_pushed_afterwards(bucket: Bucket) -> None:
    first = somebody(bucket)
    with first.start("apply", "-auto-approve", "-var=pause_s=4") as running:
        wait_for_lock(bucket)
        bucket.stop()
        said, _ = running.communicate(timeout=90)
    assert running.returncode != 0
    assert "errored.tfstate" in said
    rescued = first.directory / "errored.tfstate"
    assert rescued.exists()

    bucket.start()
    second = somebody(bucket)
    identifier = re.search(r"ID:\s+([0-9a-f-]{36})", second.plan(check=False).text)
    assert identifier is not None
    second.run("force-unlock", "-force", identifier[1])
    assert "will be created" in second.plan().text
    second.run("state", "push", str(rescued))
    assert second.plan(detailed_exitcode=True).exit_code == 0


def test_a_state_that_began_in_a_file_moves_into_the_bucket(bucket: Bucket, tmp_path: Path) -> None:
    """What the README of environments/state does, with its own backend.tf."""
    (tmp_path / "main.tf").write_text('resource "terraform_data" "this" {\n  input = "the bucket itself"\n}\n')
    terraform = Terraform(tmp_path, environment=CREDENTIALS, local_state=False)
    terraform.init()
    terraform.apply()
    assert (terraform.directory / "terraform.tfstate").exists()

    example = CONFIGURATIONS / "environments" / "state" / "backend.tf.example"
    (terraform.directory / "backend.tf").write_text(example.read_text())
    terraform.init("-migrate-state", "-force-copy", bucket.write_backend(terraform.directory))
    assert bucket.objects() == ["nodeagent/state.tfstate"]
    assert terraform.plan(detailed_exitcode=True).exit_code == 0


def test_every_environment_that_costs_money_keeps_its_state_under_a_lock() -> None:
    environments = CONFIGURATIONS / "environments"
    backends = [environments / name / "backend.tf" for name in ("production", "staging")]
    keys = set()
    for backend in [*backends, environments / "state" / "backend.tf.example"]:
        text = backend.read_text()
        assert re.search(r"use_lockfile += true", text), backend
        assert re.search(r"encrypt +=  *true", text), backend
        keys.update(re.findall(r'key += "(.+)"', text))
    assert keys == {"nodeagent/production.tfstate", "nodeagent/staging.tfstate", "nodeagent/state.tfstate"}


def test_an_earlier_state_is_brought_back(bucket: Bucket) -> None:
    first = somebody(bucket)
    first.apply()
    good = bucket.versions(STATE)[0]
    first.run("state", "rm", "terraform_data.this")
    assert "will be created" in first.plan().text
    bucket.client.copy_object(Bucket=NAME, Key=STATE, CopySource={"Bucket": NAME, "Key": STATE, "VersionId": good})
    assert first.plan(detailed_exitcode=True).exit_code == 0


def test_an_old_state_is_not_pushed_over_a_newer_one(bucket: Bucket) -> None:
    first = somebody(bucket)
    first.apply()
    old = first.directory / "old.tfstate"
    old.write_text(first.run("state", "pull").stdout)
    first.apply("-var=content=second")
    refused = first.run("state", "push", old.name, check=False)
    assert refused.exit_code == 1
    assert "cannot import state with serial" in refused.text
    assert first.output_json() == {"content": "second"}


def production(cloud: RunningCloud, *, local_state: bool) -> Terraform:
    """The production environment on the rehearsal cloud, with its control plane."""
    variables = {
        "deployment_id": "sol-1a2b3c4d",
        "owner": "ops",
        "cost_center": "rehearsal",
        "team_id": cloud.store.teams.all()[0].id,
        "ssh_keys": {"ops": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEZmVC9Pe4v2mMTnI6cMKQ8aGdUKa4sO4ZbLfVZMfgEc ops"},
    }
    environment = cloud.environment | CREDENTIALS | {"NO_PROXY": "127.0.0.1"}
    directory = CONFIGURATIONS / "environments" / "production"
    return Terraform(directory, environment=environment, variables=variables, local_state=local_state)


def test_production_keeps_its_state_in_the_bucket(bucket: Bucket, cloud: RunningCloud) -> None:
    first, second = (production(cloud, local_state=False) for _ in range(2))
    for person in (first, second):
        person.init(bucket.write_backend(person.directory))
    first.apply("-parallelism=2")
    assert bucket.objects() == ["nodeagent/production.tfstate"]
    assert second.plan(detailed_exitcode=True).exit_code == 0
    assert set(second.output_json()["inventory"]["nodes"]) == {server.hostname for server in cloud.store.servers.all()}


def test_a_state_that_is_gone_is_imported_and_no_server_is_touched(
    cloud: RunningCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    terraform = production(cloud, local_state=True)
    terraform.init()
    terraform.apply("-parallelism=2")
    servers = cloud.store.servers.all()
    (project,), (key,) = cloud.store.projects.all(), cloud.store.ssh_keys.all()
    (terraform.directory / "terraform.tfstate").unlink()

    nothing = tmp_path / "nothing.json"
    nothing.write_text(terraform.run("show", "-json").stdout)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    assert main(["cherry", "orphans", "--inventory", str(nothing), "--deployment", "sol-1a2b3c4d"]) == 2
    listed = capsys.readouterr().out
    assert all(f"{server.id} {server.hostname} " in listed for server in servers)

    nodes = "module.cluster.module.control_plane.module.node"
    team = cloud.store.teams.all()[0].id
    terraform.run("import", "module.cluster.cherryservers_project.this[0]", f"{team},{project.id}")
    terraform.run("import", 'module.cluster.cherryservers_ssh_key.this["ops"]', str(key.id))
    for server in servers:
        terraform.run("import", f'{nodes}["{server.hostname}"].cherryservers_server.this', str(server.id))

    out = terraform.workspace / "recovered.tfplan"
    terraform.plan(out=out)
    changes = terraform.show_json(out)["resource_changes"]
    made = [change["type"] for change in changes if "create" in change["change"]["actions"]]
    assert set(made) == {"terraform_data"}
    assert not [change for change in changes if "delete" in change["change"]["actions"]]
    terraform.apply("-parallelism=2", str(out))
    assert cloud.store.servers.all() == servers
    assert terraform.plan(detailed_exitcode=True).exit_code == 0
