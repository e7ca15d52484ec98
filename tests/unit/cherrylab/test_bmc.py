"""Whom a management controller lets in, and how it presses the buttons of its machine."""

from pathlib import Path

import pytest

from cherrylab.drivers.bmc import filter_rules, lan_configuration
from cherrylab.drivers.driver import BmcAccess
from cherrylab.drivers.power_socket import answered
from nodeagent.model.errors import NodeagentError

CLOSED = BmcAccess(user="kuser", password="pass-word", open_until=None, allowed_ip=None)
OPEN = BmcAccess(user="kuser", password="pass-word", open_until=1_000.9, allowed_ip="10.77.0.1")


def _rules(access: BmcAccess) -> list[str]:
    text = filter_rules(number=7, address="10.77.0.117", access=access)
    return [line for line in text.splitlines() if line.endswith("drop")]


def test_one_that_nobody_opened_answers_nobody() -> None:
    assert _rules(CLOSED) == ["ip daddr 10.77.0.117 udp dport 623 drop"]


def test_an_open_one_answers_one_address_until_its_time_is_over() -> None:
    assert _rules(OPEN) == [
        "ip daddr 10.77.0.117 udp dport 623 meta time >= 1000 drop",
        "ip daddr 10.77.0.117 udp dport 623 ip saddr != 10.77.0.1 drop",
    ]


def test_rules_are_put_in_place_of_those_before() -> None:
    text = filter_rules(number=7, address="10.77.0.117", access=OPEN)
    assert text.startswith("table ip bmc7\ndelete table ip bmc7\n")


def test_it_listens_at_its_address_and_knows_its_user() -> None:
    text = lan_configuration(number=7, address="10.77.0.117", access=OPEN, chassis=Path("/lab/chassis"))
    assert "addr 10.77.0.117 623" in text
    assert 'chassis_control "/lab/chassis 7"' in text
    assert 'user 2 true "kuser" "pass-word" admin' in text


def test_buttons_of_the_machine_that_is_meant() -> None:
    pressed: list[tuple[int, str, str]] = []

    def press(number: int, button: str, value: str) -> None:
        pressed.append((number, button, value))

    def ask(text: str) -> str:
        return answered(text.split(), is_on=lambda number: number == 7, press=press)

    assert (ask("7 get power"), ask("8 get power")) == ("power:1\n", "power:0\n")
    ask("7 set power 0")
    ask("8 set reset 1")
    assert pressed == [(7, "power", "0"), (8, "reset", "1")]


def test_what_ipmi_sim_never_asks_is_refused() -> None:
    with pytest.raises(NodeagentError, match="get boot"):
        answered(["7", "get", "boot"], is_on=lambda _number: True, press=lambda *_words: None)
