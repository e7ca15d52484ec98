"""Loopback, or nothing."""

import pytest

from nodeagent.model.errors import ExitCode, RefusedError, UsageError
from nodeagent.serve.address import ListenAddress


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:10997", "127.0.0.1", 10997),
        ("127.8.9.1:0", "127.8.9.1", 0),
        ("localhost:80", "127.0.0.1", 80),
        ("[::1]:65535", "::1", 65535),
    ],
)
def test_loopback_is_accepted(text: str, host: str, port: int) -> None:
    address = ListenAddress.parse(text)
    assert (address.host, address.port) == (host, port)
    assert ListenAddress.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["0.0.0.0:1", ":10997", "[::]:1", "192.0.2.1:1", "10.0.0.1:1", "validator-1:1", "[::ffff:10.0.0.1]:1"]
)
def test_what_others_can_reach_is_refused(text: str) -> None:
    with pytest.raises(RefusedError) as refusal:
        ListenAddress.parse(text)
    assert refusal.value.exit_code is ExitCode.REFUSED
    assert "127.0.0.1" in (refusal.value.remedy or "")


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "::1:80", "a:b:c", "[::1]80", "١:١"]
)
def test_what_is_no_address_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        ListenAddress.parse(text)
