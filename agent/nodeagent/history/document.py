"""Judgements as JSON text and back, without loss.

JSON has no NaN and no infinity, and a broken tool can give both; they are written as the words that `float` reads.
Fields that a newer nodeagent added are passed over, so that its history can still be read.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isfinite
from typing import Any, TypeVar

from nodeagent.model.judgement import Interval, Judgement, Outcome
from nodeagent.model.measurement import Direction, Measurement, Metric, Place, Target, Unit

T = TypeVar("T")


def dump_judgement(judgement: Judgement) -> str:
    """One line of JSON."""
    return json.dumps(_finite(asdict(judgement)), allow_nan=False)


def load_judgement(text: str) -> Judgement:
    """The judgement that `dump_judgement` wrote; KeyError, TypeError or ValueError for any other text."""
    document = json.loads(text)
    return _made(
        Judgement,
        document
        | {
            "metric": _metric(document["metric"]),
            "place": _made(Place, document["place"]),
            "outcome": Outcome(document["outcome"]),
            "interval": _interval(document["interval"]),
            "measurement": _measurement(document["measurement"]),
            "target": _target(document["target"]),
            "measured_at": _number(document["measured_at"]),
            "ceiling": _number(document["ceiling"]),
        },
    )


def dump_numbers(values: tuple[float, ...]) -> str:
    return json.dumps(_finite(values), allow_nan=False)


def load_numbers(text: str) -> tuple[float, ...]:
    return tuple(float(value) for value in json.loads(text))


def _finite(value: object) -> object:
    match value:
        case float() if not isfinite(value):
            return repr(value)
        case Mapping():
            return {key: _finite(item) for key, item in value.items()}
        case tuple() | list():
            return [_finite(item) for item in value]
        case _:
            return value


def _made(kind: type[T], document: Mapping[str, Any]) -> T:
    """An object of the fields that its type has."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in document.items() if name in known})


def _metric(document: dict[str, Any]) -> Metric:
    typed = {"unit": Unit(document["unit"]), "direction": Direction(document["direction"])}
    return _made(Metric, document | typed)


def _interval(document: dict[str, Any] | None) -> Interval | None:
    if document is None:
        return None
    return _made(Interval, {name: float(value) for name, value in document.items()})


def _measurement(document: dict[str, Any] | None) -> Measurement | None:
    if document is None:
        return None
    typed = {
        "metric": _metric(document["metric"]),
        "place": _made(Place, document["place"]),
        "values": tuple(float(value) for value in document["values"]),
        "evidence": tuple(document["evidence"]),
    }
    return _made(Measurement, document | typed)


def _target(document: dict[str, Any] | None) -> Target | None:
    if document is None:
        return None
    typed = {
        "unit": Unit(document["unit"]),
        "direction": Direction(document["direction"]),
        "bound": float(document["bound"]),
        "minimum_effect": float(document["minimum_effect"]),
    }
    return _made(Target, document | typed)


def _number(value: object) -> float | None:
    return None if value is None else float(str(value))
