"""One rule of nftables as text again, from the JSON in which nft lists it: only what our own rules are made of.

Whatever else stands in a rule was not written by us, and is a ValueError.

Sources: libnftables-json(5); measured with nft 1.0.6 on Linux 6.18.
"""

from typing import Any

_VERDICTS = ("accept", "drop", "return")


def rule_text(expressions: list[Any]) -> str:
    """The rule in the words of tune/packets/table.py; ValueError, KeyError or TypeError for one that has others."""
    return " ".join(_statement(*_only(expression)) for expression in expressions)


def _only(item: Any) -> tuple[str, Any]:
    ((name, value),) = item.items()
    return name, value


def _statement(name: str, value: Any) -> str:
    if name in _VERDICTS and value is None:
        return name
    match name:
        case "match":
            return _match(**value)
        case "limit":
            return _limit(**value)
        case "set":
            return _update(**value)
        case "counter":
            return "counter"
        case "log" if value.keys() == {"prefix"}:
            return f'log prefix "{value["prefix"]}"'
        case _:
            raise ValueError(f"no statement of ours: {name}")


def _match(*, op: str, left: Any, right: Any) -> str:
    if op not in ("==", "in"):
        raise ValueError(f"no comparison of ours: {op}")
    side, what = _side(left)
    values = right["set"] if isinstance(right, dict) and "set" in right else right
    if side == "ct state":
        return f"{side} {','.join(sorted([values] if isinstance(values, str) else values))}"
    told = _value(values)
    return f"{side} {told}" if what == "plain" else f'{side} "{told}"'


def _side(left: Any) -> tuple[str, str]:
    name, value = _only(left)
    match name:
        case "payload":
            return f"{value['protocol']} {value['field']}", "plain"
        case "meta" if value["key"] in ("iif", "iifname"):
            return value["key"], "quoted"
        case "ct" if value == {"key": "state"}:
            return "ct state", "plain"
        case _:
            raise ValueError(f"nothing that ours look at: {name}")


def _value(value: Any) -> str:
    if isinstance(value, str | int):
        return str(value)
    name, told = _only(value)
    match name:
        case "range":
            return f"{told[0]}-{told[1]}"
        case "prefix":
            return f"{told['addr']}/{told['len']}"
        case _:
            raise ValueError(f"no value of ours: {name}")


def _limit(*, rate: int, burst: int, per: str, inv: bool = False, **more: Any) -> str:
    if any(unit != "packets" for unit in more.values()):
        raise ValueError("no limit of ours")
    return f"limit rate {'over ' if inv else ''}{rate}/{per} burst {burst} packets"


def _update(*, op: str, elem: Any, set: str, stmt: list[Any]) -> str:
    if op != "update":
        raise ValueError(f"nothing that ours do to a set: {op}")
    return f"update {set} {{ {_side(elem)[0]} {rule_text(stmt)} }}"
