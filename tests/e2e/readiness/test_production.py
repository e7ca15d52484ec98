"""The production environment as it stands in the tree, planned by Terraform at the rehearsal cloud, then reviewed.

What the review needs beside the plan is what an operator gives it: prices of the cloud itself, and a backend with a
lock, since the tests keep their state in a file.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from cherrylab.service import HIDDEN_VARIABLES
from nodeagent.cli.main import main
from nodeagent.model.errors import ExitCode
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e

PRODUCTION = CONFIGURATIONS / "environments" / "production"
FIRST = ("-var=phase=control-plane",)
SECOND = ("-var=phase=validator", "-var=validator_gate=passed")


@pytest.fixture
def terraform(cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Terraform]:
    for name in HIDDEN_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    found = Terraform(PRODUCTION, environment=cloud.environment, variables=deployment(protected=False))
    try:
        for role in ("control-plane", "validator"):
            profile = found.directory / "profiles" / f"{role}.yaml"
            profile.write_text(f"{profile.read_text()}tune:\n  firewall: {{management: {{sources: [192.0.2.0/24]}}}}\n")
        found.init()
        yield found
    finally:
        found.close()


@pytest.fixture
def reviewed(
    terraform: Terraform, cloud: RunningCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, list[str], str]]:
    """Plan and review: exit code, ids of the errors, the last line of the text."""
    prices = tmp_path / "prices.json"
    with cloud.client() as client:
        prices.write_text(client.get("/plans").text)
    (tmp_path / ".terraform").mkdir()
    backend = {"type": "s3", "config": {"use_lockfile": True, "encrypt": True}}
    (tmp_path / ".terraform" / "terraform.tfstate").write_text(json.dumps({"backend": backend}))

    def run(*arguments: str) -> tuple[int, list[str], str]:
        saved, plan = tmp_path / "x.tfplan", tmp_path / "plan.json"
        terraform.plan(*arguments, out=saved)
        plan.write_text(json.dumps(terraform.show_json(saved)))
        review = ["stage", "review", str(plan), "--stage", "production", "--prices", str(prices), "--parallelism", "1"]
        capsys.readouterr()
        code = main([*review, "-o", "json"])
        body = json.loads(capsys.readouterr().out)
        main(["--color", "never", *review])
        last = capsys.readouterr().out.splitlines()[-1]
        return code, [one["id"] for one in body["findings"] if one["severity"] == "error"], last

    return run


def test_each_step_of_the_rollout_is_judged(
    terraform: Terraform, reviewed: Callable[..., tuple[int, list[str], str]]
) -> None:
    """The control plane, the validator, then nothing: each GO. Both at once, a smaller cluster, its end: NO-GO."""
    code, errors, _ = reviewed(*SECOND)
    assert (code, errors) == (ExitCode.TARGET_MISSED, ["NR-NET-008"])
    code, errors, last = reviewed(*FIRST)
    assert (code, errors) == (ExitCode.OK, [])
    assert last.endswith("750.00 of 5,092.59 EUR a month.")
    terraform.apply(*FIRST)
    code, errors, last = reviewed(*SECOND)
    assert (code, errors) == (ExitCode.OK, [])
    assert last.endswith("4,900.00 of 5,092.59 EUR a month.")
    terraform.apply(*SECOND)
    assert reviewed(*SECOND)[:2] == (ExitCode.OK, [])
    assert reviewed(*SECOND, "-var=control_plane_count=2")[1] == ["NR-NET-007", "NR-POLICY-002"]
    assert reviewed(*FIRST)[1] == ["NR-NET-007", "NR-POLICY-002"]
    assert reviewed("-destroy", *SECOND)[1] == ["NR-NET-007"] * 2 + ["NR-POLICY-002"] * 4


def test_the_console_check_agrees_with_terraform(
    terraform: Terraform, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terraform.apply(*SECOND)
    forms = {
        "outputs": terraform.run("output", "-json").stdout,
        "shown": terraform.run("show", "-json").stdout,
        "state": (terraform.directory / "terraform.tfstate").read_text(),
    }
    for name, text in forms.items():
        file = tmp_path / f"{name}.json"
        file.write_text(text)
        capsys.readouterr()
        assert main(["cherry", "check", "--inventory", str(file), "-o", "json"]) == ExitCode.OK
        body = json.loads(capsys.readouterr().out)
        assert (body["deployment_id"], body["wanted"], body["differences"]) == ("sol-1234", 4, [])
        assert main(["cherry", "orphans", "--inventory", str(file)]) == ExitCode.OK


def test_an_order_whose_answer_was_lost_is_found_as_an_orphan(
    terraform: Terraform, cloud: RunningCloud, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terraform fails and keeps nothing of it; the sweep names the server, and without it the next apply converges."""
    order = "POST /v1/projects/*/servers"
    cloud.inject(Fault(kinds=(Kind.CUT_CONNECTION,), request=order, calls=Calls.parse("2"), moment=Moment.AFTER))
    assert terraform.apply("-parallelism=1", *FIRST, check=False).exit_code != 0
    cloud.heal()
    state = tmp_path / "state.json"
    state.write_text(terraform.run("show", "-json").stdout)
    capsys.readouterr()
    sweep = ["cherry", "orphans", "--inventory", str(state), "--deployment", "sol-1234"]
    assert main([*sweep, "-o", "json"]) == ExitCode.DIFFERS
    (orphan,) = json.loads(capsys.readouterr().out)["left"]
    assert main([*sweep, "--delete", str(orphan)]) == ExitCode.OK
    terraform.apply(*FIRST)
    standing = [server for server in cloud.store.servers.all() if server.deleted_at is None]
    assert sorted(server.hostname for server in standing) == ["sol-1234-cp-1", "sol-1234-cp-2", "sol-1234-cp-3"]
