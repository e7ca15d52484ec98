"""`cherrylab up|env|ps|down` as a person types them, also after the cloud was killed."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cherrylab import kept_cloud
from cherrylab.cloud.lifecycle import Work
from cherrylab.cloud.store import Store
from nodeagent.model.errors import ExitCode

pytestmark = pytest.mark.e2e

_SOURCES = os.pathsep.join(str(Path(__file__).parents[3] / part) for part in ("agent", "provisioning"))


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """Where a cloud may be put; whatever is up there afterwards is ended."""
    place = tmp_path / "cloud"
    yield place
    kept_cloud.down(place)


def _cherrylab(*words: str, directory: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "cherrylab", *words],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": _SOURCES, "CHERRYLAB_DIRECTORY": str(directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def _client(directory: Path) -> httpx.Client:
    kept = kept_cloud.find(directory)
    assert kept is not None
    settings = kept.environment
    return httpx.Client(
        base_url="https://api.cherryservers.com/v1",
        proxy=settings["HTTPS_PROXY"],
        verify=ssl.create_default_context(cafile=settings["SSL_CERT_FILE"]),
        headers={"Authorization": f"Bearer {settings['CHERRY_AUTH_TOKEN']}"},
        trust_env=False,
    )


def _order(client: httpx.Client, hostname: str) -> int:
    project = client.post("/teams/1/projects", json={"name": "p"}).json()["id"]
    body = {"plan": "amd-epyc-7302p", "region": "LT-Siauliai", "hostname": hostname, "tags": {"role": "control-plane"}}
    number: int = client.post(f"/projects/{project}/servers", json=body).json()["id"]
    return number


def test_up_shows_the_way_in_and_down_keeps_what_is_there(directory: Path) -> None:
    quick = ("--latency", "0", "--requests-per-second", "0")
    up = _cherrylab("up", *quick, directory=directory)
    assert up.returncode == 0, up.stderr
    assert "The cloud is up on 127.0.0.1:" in up.stdout
    assert f'next: eval "$(cherrylab env --directory {directory})"' in up.stderr
    with _client(directory) as client:
        _order(client, "cp-1")
    shown = _cherrylab("ps", directory=directory).stdout
    assert "cp-1" in shown
    assert "0.4281 EUR hourly" in shown
    assert "role=control-plane" in shown
    again = _cherrylab("up", directory=directory)
    assert again.returncode == ExitCode.BUSY
    assert "already" in again.stderr
    exports = _cherrylab("env", directory=directory).stdout
    assert _cherrylab("down", directory=directory).stdout == "The cloud is down.\n"
    assert kept_cloud.find(directory) is None
    assert _cherrylab("up", *quick, directory=directory).returncode == 0
    assert _cherrylab("env", directory=directory).stdout == exports
    assert "cp-1" in _cherrylab("ps", directory=directory).stdout
    assert _cherrylab("down", "--forget", directory=directory).returncode == 0
    assert not directory.exists()


def test_the_exports_are_good_for_a_shell(directory: Path) -> None:
    assert _cherrylab("up", directory=directory).returncode == 0
    exports = _cherrylab("env", directory=directory).stdout
    script = f"""CHERRY_AUTH_KEY=stale NO_PROXY='*' https_proxy=http://nowhere.invalid
    export CHERRY_AUTH_KEY NO_PROXY https_proxy
    {exports}
    env"""
    shell = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    names = dict(line.split("=", 1) for line in shell.stdout.splitlines() if "=" in line)
    assert names.keys() >= {"HTTPS_PROXY", "SSL_CERT_FILE", "CHERRY_AUTH_TOKEN", "CHECKPOINT_DISABLE"}
    assert not names.keys() & {"CHERRY_AUTH_KEY", "NO_PROXY", "https_proxy"}


@pytest.mark.parametrize("orders_before", [1, 4, 9])
def test_what_was_answered_survives_a_kill(directory: Path, orders_before: int) -> None:
    """SIGKILL while orders come in: every server that a client heard of is there, and none is there by half."""
    assert _cherrylab("up", "--latency", "0", "--requests-per-second", "0", directory=directory).returncode == 0
    kept = kept_cloud.find(directory)
    assert kept is not None
    heard: list[int] = []
    enough = threading.Event()

    def order_on() -> None:
        with _client(directory) as client, contextlib.suppress(httpx.HTTPError):
            while True:
                heard.append(_order(client, f"cp-{len(heard)}"))
                if len(heard) >= orders_before:
                    enough.set()

    orders = threading.Thread(target=order_on)
    orders.start()
    try:
        assert enough.wait(20)
    finally:
        os.kill(kept.pid, signal.SIGKILL)
        orders.join(20)
    kept_cloud.wait_down(directory)
    assert _cherrylab("up", directory=directory).returncode == 0
    with Store.open(directory / "cloud.db") as store:
        servers = store.servers.all()
        assert {one.id for one in servers} >= set(heard)
        assert len(servers) - len(heard) in {0, 1}
        assert all(one.progress.work is Work.NONE for one in servers)
        owners = sorted(ip.server_id or 0 for ip in store.ips.all())
        assert owners == sorted(2 * [one.id for one in servers])


def test_a_port_that_is_taken_is_told(directory: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        up = _cherrylab("up", "--port", str(port), directory=directory)
    assert up.returncode == ExitCode.ERROR
    assert f"cannot listen on 127.0.0.1:{port}" in up.stderr
    assert kept_cloud.find(directory) is None


def test_a_scenario_with_faults_is_told_before_anything_starts(directory: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text("seed: x\nfaults:\n  - kind: cut\n")
    up = _cherrylab("up", "--scenario", str(scenario), directory=directory)
    assert up.returncode == ExitCode.USAGE
    assert "2 problems" in up.stderr
    assert not directory.exists()


def test_a_directory_of_others_is_neither_used_nor_removed(directory: Path) -> None:
    directory.mkdir(mode=0o700)
    (directory / "thesis.txt").write_text("years of work")
    up = _cherrylab("up", directory=directory)
    assert up.returncode == ExitCode.REFUSED
    assert "is not empty and no cloud made it" in up.stderr
    assert _cherrylab("down", "--forget", directory=directory).returncode == 0
    assert [path.name for path in directory.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("command", ["env", "ps"])
def test_without_a_cloud_the_next_command_is_named(directory: Path, command: str) -> None:
    answer = _cherrylab(command, directory=directory)
    assert answer.returncode == ExitCode.USAGE
    assert "no cloud is up" in answer.stderr
    assert "next: cherrylab up" in answer.stderr


def test_in_the_foreground_it_ends_on_a_signal(directory: Path) -> None:
    argv = [sys.executable, "-m", "cherrylab", "up", "--foreground", "--directory", str(directory)]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": _SOURCES}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as child:
        try:
            assert child.stdout is not None
            assert "The cloud is up" in child.stdout.readline()
            child.send_signal(signal.SIGTERM)
            _, words = child.communicate(timeout=30)
        finally:
            child.kill()
    assert child.returncode == 0, words
    assert "Traceback" not in words
