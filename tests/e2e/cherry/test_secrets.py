"""C18: canary secrets in the token, the BMC, the root password and user data are found in nothing that we write.

Where they can't be kept out: the environment of a process that was given the token (its owner and root can read it),
the Terraform state and plan (user data), and the terminal or the file that a password was asked for.
"""

import base64
import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cherrylab.cloud.faults import Fault, Kind
from cherrylab.service import HIDDEN_VARIABLES
from nodeagent.cli.cherry import command
from nodeagent.cli.main import main
from tests.e2e.cherry.conftest import CANARY, Cluster
from tests.unit.readiness.plans import cloud_config, document, resource, server

pytestmark = pytest.mark.e2e

AGENT = Path(__file__).parents[3] / "agent"
PROGRAM = [sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())"]
ADDRESS = "198.51.100.7"


def _secrets(cluster: Cluster) -> dict[str, str]:
    """Every secret of the rehearsal by what it is; user data also as it travels."""
    found = {"token": cluster.cloud.environment["CHERRY_AUTH_TOKEN"]}
    found |= {"user data": CANARY, "user data in base64": base64.b64encode(CANARY.encode()).decode()}
    for one in cluster.cloud.store.servers.all():
        found |= {f"BMC password of {one.hostname}": one.bmc.password, f"root password of {one.hostname}": one.password}
    return found


def _commands(cluster: Cluster, directory: Path) -> Iterator[list[object]]:
    plan = directory / "plan.json"
    plan.write_text(json.dumps(document([resource("a", after=server("a"))])))
    looking: list[list[object]] = [
        ["access"],
        ["stock", plan],
        ["orphans", "--inventory", cluster.inventory],
        ["check", "--inventory", cluster.inventory],
        ["costs"],
        ["power", "status", "cp-1"],
        ["power", "cycle", "cp-1", "--yes"],
    ]
    for number, words in enumerate(looking):
        yield words
        yield [*words, "-o", "json"]
        yield ["console", "cp-1", "--from", ADDRESS, "--password-file", directory / f"console-{number}"]
        yield ["reset-bmc-password", "cp-1", "-o", "json", "--password-file", directory / f"reset-{number}"]
        yield ["console", "cp-1", "--from", ADDRESS]


@pytest.mark.parametrize(
    "fault", [None, Kind.INTERNAL_ERROR, Kind.HTML_BAD_GATEWAY, Kind.FORBIDDEN, Kind.CUT_CONNECTION]
)
def test_no_output_holds_a_secret(cluster: Cluster, tmp_path: Path, fault: Kind | None) -> None:
    if fault is not None:
        cluster.cloud.inject(Fault(kinds=(fault,), probability=0.5))
    secrets, said = _secrets(cluster), []
    for words in _commands(cluster, tmp_path):
        done = cluster.run(*words)
        said.append(f"{words}\n{done.out}\n{done.err}")
        secrets |= _secrets(cluster)
    log = cluster.cloud.service.files.requests.read_text()
    everything = "\n".join([*said, log])
    assert [name for name, secret in secrets.items() if secret in everything] == []
    assert len(everything) > 1000


def test_a_traceback_holds_no_secret(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--debug` shows where, of an error of ours and of one that nobody expected."""
    environment = {**_environment(cluster), "PYTHONFAULTHANDLER": "1"}
    cluster.cloud.inject(Fault(kinds=(Kind.FORBIDDEN,)))
    done = subprocess.run(
        [*PROGRAM, "--debug", "cherry", "access"], capture_output=True, text=True, env=environment, check=False
    )
    assert "Traceback" in done.stderr
    assert "CherryError" in done.stderr
    assert [name for name, secret in _secrets(cluster).items() if secret in done.stderr + done.stdout] == []


def test_the_process_list_holds_no_secret(cluster: Cluster) -> None:
    cluster.cloud.inject(Fault(kinds=(Kind.SLOW,), seconds=0.5))
    child = subprocess.Popen(
        [*PROGRAM, "cherry", "access"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(cluster)
    )
    seen = set()
    try:
        while child.poll() is None:
            listed = subprocess.run(["ps", "-eo", "args", "ww"], capture_output=True, text=True, check=True)
            seen.add(listed.stdout)
            time.sleep(0.1)
    finally:
        child.kill()
        child.communicate()
    assert child.returncode == 0
    assert any("cherry access" in one for one in seen)
    assert [name for name, secret in _secrets(cluster).items() if any(secret in one for one in seen)] == []


def test_no_option_takes_a_secret() -> None:
    assert isinstance(command, click.Group)
    options = {option for verb in command.commands.values() for one in verb.params for option in one.opts}
    assert {option for option in options if "token" in option or "key" in option or "secret" in option} == set()
    assert {option for option in options if "password" in option} == {"--password-file"}


def test_a_terminal_shows_the_password_once(cluster: Cluster) -> None:
    ours, theirs = pty.openpty()
    try:
        child = subprocess.Popen(
            [*PROGRAM, "cherry", "console", "cp-1", "--from", ADDRESS],
            stdout=theirs,
            stderr=subprocess.PIPE,
            env=_environment(cluster),
            text=True,
        )
        _, errors = child.communicate(timeout=60)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert child.returncode == 0, errors
    password = next(one.bmc.password for one in cluster.cloud.store.servers.all() if one.hostname == "cp-1")
    assert shown.count(password) == 1
    assert password not in errors
    assert cluster.cloud.environment["CHERRY_AUTH_TOKEN"] not in shown + errors


@pytest.mark.parametrize("form", ["text", "json", "sarif", "junit"])
def test_a_review_tells_of_a_secret_without_repeating_it(
    tmp_path: Path, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = f"password: {CANARY}"
    plan = tmp_path / "plan.json"
    plan.write_text(
        json.dumps(document([resource("a", after=server("a", user_data=cloud_config(more=f"# {secret}\n")))]))
    )
    assert main(["stage", "review", str(plan), "--output", form]) == 3
    said = capsys.readouterr()
    assert "NR-POLICY-006" in said.out
    assert CANARY not in said.out + said.err
    assert base64.b64encode(CANARY.encode()).decode()[:20] not in said.out


def _environment(cluster: Cluster) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in HIDDEN_VARIABLES}
    return own | cluster.cloud.environment | {"PYTHONPATH": str(AGENT)}
