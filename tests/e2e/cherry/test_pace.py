"""`nodeagent cherry pace`: an apply that asks as fast as it can is slowed down to what the API takes."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from cherrylab.api.limit import REQUESTS_PER_SECOND
from cherrylab.service import Options
from nodeagent.cherry.pacing import PacingProxy, Upstream
from nodeagent.model.errors import ExitCode, HostError, UsageError
from tests.terraform.conftest import cloud  # noqa: F401
from tests.terraform.deployment import deployment
from tests.terraform.running_cloud import RunningCloud
from tests.terraform.terraform import CONFIGURATIONS, Terraform

pytestmark = pytest.mark.e2e


@pytest.fixture
def cloud_options() -> Options:
    """The limit of the real API, and answers without any delay: whoever does not wait is refused."""
    return Options(requests_per_second=REQUESTS_PER_SECOND)


@contextmanager
def pacing(proxy: PacingProxy) -> Iterator[str]:
    """The proxy in a thread of its own; gives its address."""
    ports: list[int] = []
    listening, ended = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    def on_ready(port: int) -> None:
        ports.append(port)
        listening.set()

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        serving = asyncio.create_task(proxy.serve(0, on_ready))
        await ended.wait()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert listening.wait(10)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(10)


def _production(environment: dict[str, str]) -> Terraform:
    terraform = Terraform(
        CONFIGURATIONS / "environments" / "production",
        environment=environment,
        variables=deployment(control_plane_count=2, protected=False, drift_checks=False),
    )
    terraform.init()
    return terraform


def test_apply_in_a_hurry(cloud: RunningCloud) -> None:  # noqa: F811
    """Ten calls at a time: with the proxy the API refuses none of them, however fast it would answer."""
    with cloud.client() as client:
        assert 429 in [client.get("/regions").status_code for _ in range(3 * REQUESTS_PER_SECOND)]
    time.sleep(1.1)  # the second in which those count is over

    before = len(cloud.requests)
    proxy = PacingProxy(upstream=Upstream.parse(cloud.environment["HTTPS_PROXY"]))
    with pacing(proxy) as address:
        terraform = _production(cloud.environment | {"HTTPS_PROXY": address})
        terraform.apply("-parallelism=10")
        assert terraform.plan("-parallelism=10", detailed_exitcode=True).exit_code == 0
    requests = cloud.requests[before:]
    assert [entry for entry in requests if entry.status == 429] == []
    assert proxy.paced == len(requests)
    took = requests[-1].at - requests[0].at
    print(f"{len(requests)} requests in {took:.1f} s, {len(requests) / took:.2f} a second")


def test_other_hosts_are_as_the_proxy_before_says(cloud: RunningCloud) -> None:  # noqa: F811
    """Its refusal is handed on; and nothing but a tunnel is to be had."""
    proxy = PacingProxy(upstream=Upstream.parse(cloud.environment["HTTPS_PROXY"]))
    with pacing(proxy) as address:
        with pytest.raises(httpx.ProxyError, match="403"), httpx.Client(proxy=address, trust_env=False) as client:
            client.get("https://registry.terraform.io/")
        with httpx.Client(trust_env=False) as client:
            assert client.get(address).status_code == 405
    assert proxy.paced == 0


@pytest.mark.parametrize(
    ("request_head", "status_line"),
    [
        (b"CONNECT nowhere HTTP/1.1\r\nHost: nowhere\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"CONNECT nowhere:70000 HTTP/1.1\r\nHost: nowhere\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"not a word of HTTP\r\n\r\n", b"HTTP/1.1 400 Bad Request"),
        (b"GET / HTTP/1.1\r\nHost: nowhere\r\n\r\n", b"HTTP/1.1 405 Method Not Allowed"),
    ],
)
def test_what_is_no_request_for_a_tunnel(request_head: bytes, status_line: bytes) -> None:
    with (
        pacing(PacingProxy()) as address,
        socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=10) as client,
    ):
        client.sendall(request_head)
        answer = b"".join(iter(lambda: client.recv(4096), b""))
    assert answer.startswith(status_line)


@pytest.mark.parametrize(
    ("said", "status_line"),
    [
        (b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic\r\n\r\n", "407 Who are you"),
        (b"HTTP/1.0 299 \r\n\r\n", None),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "502 Bad Gateway"),
        (b"", "502 Bad Gateway"),
    ],
)
def test_proxy_before_says(said: bytes, status_line: str | None) -> None:
    """Its own words are handed on where it says no; where it says yes, what follows its head is for the client."""
    with socket.create_server(("127.0.0.1", 0)) as before:

        def answer() -> None:
            with before.accept()[0] as connection:
                asked = connection.recv(4096)
                assert asked.startswith(b"CONNECT example.net:443 HTTP/1.1\r\n")
                assert b"\r\nProxy-Authorization: Basic YWRhOg==\r\n" in asked
                connection.sendall(said + b"first bytes" if status_line is None else said)

        thread = threading.Thread(target=answer)
        thread.start()
        upstream = Upstream(host="127.0.0.1", port=before.getsockname()[1], credentials="YWRhOg==")
        with (
            pacing(PacingProxy(upstream=upstream)) as address,
            socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), timeout=10) as client,
        ):
            client.sendall(b"CONNECT example.net:443 HTTP/1.1\r\nHost: example.net:443\r\n\r\n")
            told = b"".join(iter(lambda: client.recv(4096), b""))
        thread.join(10)
    if status_line is None:
        assert told == b"HTTP/1.1 200 Connection established\r\n\r\nfirst bytes"
    else:
        assert told.decode().startswith(f"HTTP/1.1 {status_line}\r\n")


def test_nobody_behind_it() -> None:
    with (
        pacing(PacingProxy(upstream=Upstream(host="127.0.0.1", port=1))) as address,
        pytest.raises(httpx.ProxyError, match="502"),
        httpx.Client(proxy=address, trust_env=False) as client,
    ):
        client.get("https://api.cherryservers.com/v1/regions")


@pytest.mark.parametrize("url", ["https://proxy:1", "socks5://proxy:1", "http://", "http://proxy:x"])
def test_proxy_before_that_is_none(url: str) -> None:
    with pytest.raises(UsageError, match="HTTPS_PROXY"):
        Upstream.parse(url)


def test_proxy_before_with_a_password() -> None:
    """It is handed on, and shown nowhere."""
    upstream = Upstream.parse("http://ada:s%40me@proxy.example.net:3128")
    assert upstream == Upstream(host="proxy.example.net", port=3128, credentials="YWRhOnNAbWU=")
    assert "YWRh" not in repr(upstream)


def test_port_that_is_taken() -> None:
    with pacing(PacingProxy()) as address, pytest.raises(HostError, match="already in use"):
        asyncio.run(PacingProxy().serve(int(address.rpartition(":")[2]), lambda port: None))


def test_command() -> None:
    """It prints the line for the shell, and an interrupt ends it."""
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; from nodeagent.cli.main import main; sys.exit(main())", "cherry", "pace"],
        stdout=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"]},
    ) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline().startswith("export HTTPS_PROXY=http://127.0.0.1:")
            running.send_signal(signal.SIGINT)
            assert running.wait(30) == ExitCode.INTERRUPTED
        finally:
            running.kill()
