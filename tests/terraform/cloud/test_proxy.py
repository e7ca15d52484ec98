"""The proxy: one destination, and a clear word for everything else."""

import socket
import ssl

import httpx
import pytest

from tests.terraform.running_cloud import RunningCloud

pytestmark = pytest.mark.host


def _ask(cloud: RunningCloud, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", cloud.service.port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65_536), b""))


@pytest.mark.parametrize(
    "target", ["example.com:443", "api.cherryservers.com:80", "api.cherryservers.com.evil.example:443", "127.0.0.1:22"]
)
def test_any_other_host_is_refused(cloud: RunningCloud, target: str) -> None:
    answer = _ask(cloud, f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert f"got CONNECT {target}".encode() in answer


def test_plain_http_is_refused(cloud: RunningCloud) -> None:
    with httpx.Client(proxy=cloud.environment["HTTPS_PROXY"], trust_env=False) as client:
        answer = client.get("http://example.com/v1/plans")
    assert answer.status_code == 403
    assert "api.cherryservers.com:443 is all there is" in answer.text


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"CONNECT\r\n\r\n", b"A" * 200_000])
def test_what_is_not_http_is_told_so(cloud: RunningCloud, garbage: bytes) -> None:
    assert _ask(cloud, garbage).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_a_client_that_says_nothing_is_forgotten(cloud: RunningCloud) -> None:
    assert _ask(cloud, b"") == b""


def test_a_client_that_does_not_trust_the_authority_gets_nowhere(cloud: RunningCloud) -> None:
    proxy = cloud.environment["HTTPS_PROXY"]
    with (
        httpx.Client(proxy=proxy, verify=ssl.create_default_context(), trust_env=False) as client,
        pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        client.get("https://api.cherryservers.com/v1/plans")
    assert cloud.requests == ()


def test_the_environment_is_all_that_a_client_needs(cloud: RunningCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name, value in cloud.environment.items():
        monkeypatch.setenv(name, value)
    token = cloud.environment["CHERRY_AUTH_TOKEN"]
    answer = httpx.get("https://api.cherryservers.com/v1/user", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["id"] == 1


def test_a_client_that_hangs_up_first_is_no_error(cloud: RunningCloud, caplog: pytest.LogCaptureFixture) -> None:
    """As curl does: it says goodbye and is gone before the other side's goodbye comes."""
    context = ssl.create_default_context(cafile=cloud.environment["SSL_CERT_FILE"])
    for _ in range(10):
        with socket.create_connection(("127.0.0.1", cloud.service.port), timeout=10) as connection:
            connection.sendall(b"CONNECT api.cherryservers.com:443 HTTP/1.1\r\nHost: api.cherryservers.com:443\r\n\r\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
            with context.wrap_socket(connection, server_hostname="api.cherryservers.com") as client:
                client.sendall(b"GET /v1/regions HTTP/1.1\r\nHost: api.cherryservers.com\r\n\r\n")
                assert client.recv(65_536).startswith(b"HTTP/1.1 200")
                client.setblocking(False)
                with pytest.raises(ssl.SSLError):
                    client.unwrap()
    cloud.stop()
    cloud.start()
    assert [record.getMessage() for record in caplog.records if record.name == "asyncio"] == []
