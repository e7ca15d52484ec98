"""What the stand-in sends and keeps, looked at closely: bodies, defects, waiting."""

from pathlib import Path
from typing import Any

import pytest

from tests.terraform.provider import cherryservers
from tests.terraform.provider.cherryservers.api import ApiError, Client
from tests.terraform.provider.cherryservers.patience import FIRST_WAIT_VARIABLE, limit_s, wait_until
from tests.terraform.provider.cherryservers.server import Server
from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.schema import complete, load
from tests.terraform.provider.values import UNKNOWN, Object

SERVER = load(Path(cherryservers.__file__).with_name("schema.json")).resources["cherryservers_server"]
ANSWER: Object = {
    "id": 7,
    "name": "EPYC 7302P",
    "hostname": "control-1",
    "image": "Ubuntu 24.04 64bit",
    "state": "active",
    "status": "deployed",
    "power": "on",
    "plan": {"slug": "amd-epyc-7302p"},
    "region": {"slug": "LT-Siauliai"},
    "project": {"id": 1},
    "ssh_keys": [{"id": 2}],
    "tags": {},
    "spot_instance": False,
    "ip_addresses": [],
    "pricing": {"currency": "EUR", "unit_price": 0.53},
}
PLANNED: Object = complete(
    SERVER, {"plan": "amd-epyc-7302p", "project_id": 1, "region": "LT-Siauliai", "tags": {}, "spot_instance": False}
) | {"hostname": UNKNOWN, "name": UNKNOWN, "image": UNKNOWN, "ssh_key_ids": UNKNOWN, "allow_reinstall": False}


class RecordingClient(Client):
    """Answers every request with the same server, and keeps what was sent; `refusals` name requests that fail."""

    def __init__(self, refusals: tuple[str, ...] = ()) -> None:
        super().__init__("token")
        self.sent: list[tuple[str, Object | None]] = []
        self.refusals = refusals

    def call(self, method: str, path: str, body: Object | None = None) -> Any:
        self.sent.append((f"{method} {path}", body))
        if f"{method} {path}" in self.refusals:
            raise ApiError("Error response from API: no (error code: 500)", status=500)
        if path.endswith("/images"):
            return [{"name": "Ubuntu 24.04 64bit", "slug": "ubuntu_24_04_64bit"}]
        return ANSWER


def test_an_order_sends_what_is_set_and_what_the_client_can_not_leave_out() -> None:
    client = RecordingClient()
    Server().create(client, PLANNED)
    assert client.sent[0] == (
        "POST projects/1/servers",
        {"project_id": 1, "plan": "amd-epyc-7302p", "region": "LT-Siauliai", "tags": {}, "spot_market": False},
    )
    assert ("PUT servers/7", {"bgp": False}) in client.sent


def test_every_change_switches_bgp_off() -> None:
    client = RecordingClient()
    known = {"id": "7", "name": "a", "hostname": "b", "image": "x", "ssh_key_ids": ["2"]}
    Server().update(client, PLANNED | known, PLANNED | known | {"name": "c"})
    assert client.sent[0] == ("PUT servers/7", {"name": "c", "hostname": "b", "tags": {}, "bgp": False})


def test_a_failed_reinstall_is_told_and_its_user_data_gets_into_the_state() -> None:
    client = RecordingClient(refusals=("POST servers/7/actions",))
    prior = PLANNED | {"id": "7", "name": "a", "hostname": "b", "image": "x", "ssh_key_ids": ["2"], "user_data": "IyE="}
    with pytest.raises(DiagnosticError, match="error code: 500") as failure:
        Server().update(client, prior, prior | {"user_data": "IyEv", "allow_reinstall": True})
    assert failure.value.state is not None
    assert failure.value.state["user_data"] == "IyEv"


def test_user_data_that_is_no_base64_is_seen_at_apply_and_before_the_order() -> None:
    client = RecordingClient()
    with pytest.raises(DiagnosticError, match="unable to read user data"):
        Server().create(client, PLANNED | {"user_data": "#cloud-config"})
    assert client.sent == []


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, 3600.0), ("90s", 90.0), ("1h30m", 5400.0), ("1.5m", 90.0), ("200ms", 0.2)]
)
def test_durations_are_those_of_go(text: str | None, seconds: float) -> None:
    assert limit_s({"create": text}, "create") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["soon", "10", "5 m", "-1s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(DiagnosticError, match="cannot be parsed"):
        limit_s({"create": text}, "create")


def test_waiting_ends_when_it_is_done_or_the_next_wait_would_be_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FIRST_WAIT_VARIABLE, "0.001")
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), summary="deploy", limit_s=10)
    assert next(answers, None) is None
    monkeypatch.setenv(FIRST_WAIT_VARIABLE, "10")
    with pytest.raises(DiagnosticError, match="server is in inactive state"):
        wait_until(lambda: False, summary="deploy", limit_s=1)
