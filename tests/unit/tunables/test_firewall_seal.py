"""firewall: a table as nft lists it is known by its seal, and whatever somebody does to it breaks that."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host.firewall import from_listing, without_learned

_LISTED = Path(__file__).parents[2] / "fixtures" / "nft"


def _listing() -> tuple[str, dict[str, Any]]:
    """What nft 1.0.6 on Linux 6.18 printed of a table of ours, with an address learned in each dynamic set."""
    return (_LISTED / "table.txt").read_text(), json.loads((_LISTED / "table.json").read_text())


def _state(text: str, shape: dict[str, Any]) -> str:
    return from_listing(text, json.dumps(shape)).state


def test_a_listed_table_is_known_by_its_seal_whatever_it_learned_and_counted() -> None:
    text, shape = _listing()
    assert "192.0.2.1" in text
    assert "192.0.2.1" not in without_learned(text)
    assert _state(text, shape).startswith("nodeagent sha256:")
    assert "203.0.113.0/24" in without_learned(text)


def _rules(shape: dict[str, Any]) -> list[dict[str, Any]]:
    return [item["rule"] for item in shape["nftables"] if "rule" in item]


def _take_out(shape: dict[str, Any]) -> None:
    shape["nftables"].remove({"rule": _rules(shape)[3]})


def _replace(shape: dict[str, Any]) -> None:
    _rules(shape)[5]["expr"][0]["match"]["right"] = "established"


def _replace_the_seal(shape: dict[str, Any]) -> None:
    _rules(shape)[-1]["expr"] = [{"accept": None}]


def _raise_the_limit(shape: dict[str, Any]) -> None:
    _rules(shape)[1]["expr"][1]["set"]["stmt"][0]["limit"]["rate"] = 9_000_000


def _swap(shape: dict[str, Any]) -> None:
    at = [number for number, item in enumerate(shape["nftables"]) if "rule" in item]
    one, two = at[2:4]
    items = shape["nftables"]
    items[one], items[two] = items[two], items[one]


def _accept(shape: dict[str, Any]) -> None:
    next(item["chain"] for item in shape["nftables"] if item.get("chain", {}).get("hook"))["policy"] = "accept"


def _let_in(shape: dict[str, Any]) -> None:
    next(item["set"] for item in shape["nftables"] if "elem" in item.get("set", {}))["elem"].append("198.51.100.7")


def _add_chain(shape: dict[str, Any]) -> None:
    shape["nftables"].append({"chain": {"family": "inet", "table": "nodeagent", "name": "mine", "handle": 90}})


def _add_counter(shape: dict[str, Any]) -> None:
    shape["nftables"].append({"counter": {"family": "inet", "table": "nodeagent", "name": "mine", "handle": 91}})


@pytest.mark.parametrize(
    "spoil",
    [_take_out, _replace, _replace_the_seal, _raise_the_limit, _swap, _accept, _let_in, _add_chain, _add_counter],
)
def test_whatever_somebody_does_to_it_breaks_the_seal(spoil: Any) -> None:
    text, shape = _listing()
    spoiled = deepcopy(shape)
    spoil(spoiled)
    assert _state(text, shape).startswith("nodeagent sha256:")
    assert _state(text, spoiled).startswith("table sha256:")


@pytest.mark.parametrize("shape", ["", "[]", "{}", '{"nftables": 7}', '{"nftables": [{"rule": {}}]}'])
def test_what_is_no_listing_is_no_table_of_ours(shape: str) -> None:
    reading = from_listing("table inet nodeagent {\n}\n", shape)
    assert reading.problem or reading.state.startswith("table sha256:")
