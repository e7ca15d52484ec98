"""A scenario file: how slow the cloud is, what it has in stock, and what goes wrong.

    seed: 7
    delays:
      provisioning_seconds: 30
    stock:
      amd-epyc-9654:
        LT-Siauliai: 0
    faults:
      - kind: cut-connection
        moment: after
        request: POST /v1/projects/*/servers
        calls: 2

YAML as profiles are written in (docs/profiles.md): scalars are text until this module types them, and every problem of
the file is told at once, with its line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

from cherrylab.cloud.catalogue import Catalogue
from cherrylab.cloud.faults import Calls, Fault, Kind, Moment
from cherrylab.cloud.lifecycle import Delays
from nodeagent.model.errors import UsageError
from nodeagent.profiles import document
from nodeagent.profiles.document import Node, Scalar, Sequence
from nodeagent.profiles.problems import Problems, nearest, shown

_REQUEST = re.compile(r"(\*|[A-Z]+) (\*|/\S*)")
_SECTIONS = ("seed", "delays", "stock", "faults")
_FAULT_KEYS = ("kind", "request", "calls", "probability", "moment", "seconds")
_LONGEST_SECONDS = 24 * 3_600.0
_MOST_MACHINES = 100_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`stock` stands over the catalogue's: machines in all, by plan and region (slugs)."""

    seed: int = 0
    delays: Delays = field(default_factory=Delays)
    stock: Mapping[tuple[str, str], int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def load_scenario(path: Path, catalogue: Catalogue) -> Scenario:
    """The scenario in a file; UsageError with all of its problems."""
    problems = Problems()
    root = document.read_document(path, problems)
    scenario = Scenario() if root is None else _Reader(problems, catalogue).scenario(root)
    if problems:
        raise UsageError(
            problems.text(f"the scenario {path}"), remedy="mend these lines; docs/cherrylab.md has the keys"
        )
    return scenario


class _Reader:
    """From nodes to types; what can't be read is noted, and the default taken in its place."""

    def __init__(self, problems: Problems, catalogue: Catalogue) -> None:
        self._problems = problems
        self._catalogue = catalogue

    def scenario(self, root: document.Mapping) -> Scenario:
        entries = self._entries(root, "", _SECTIONS)
        return Scenario(
            seed=self._read(entries.get("seed"), "seed", _whole, 0),
            delays=self._delays(entries.get("delays")),
            stock=self._stock(entries.get("stock")),
            faults=self._faults(entries.get("faults")),
        )

    def _delays(self, node: Node | None) -> Delays:
        names = tuple(one.name for one in fields(Delays))
        entries = self._entries(node, "delays", names)
        return Delays(**{name: self._read(one, f"delays.{name}", _seconds, 0.0) for name, one in entries.items()})

    def _stock(self, node: Node | None) -> dict[tuple[str, str], int]:
        found = {}
        for plan, regions in self._entries(node, "stock", [one["slug"] for one in self._catalogue.plans]).items():
            path = f"stock.{plan}"
            for region, count in self._entries(regions, path, self._sold_in(plan)).items():
                found[plan, region] = self._read(count, f"{path}.{region}", _machines, 0)
        return found

    def _sold_in(self, plan: str) -> list[str]:
        entry = self._catalogue.plan(plan)
        return [] if entry is None else [one["slug"] for one in entry["available_regions"]]

    def _faults(self, node: Node | None) -> tuple[Fault, ...]:
        if node is None:
            return ()
        if not isinstance(node, Sequence):
            self._problems.add(node.mark, "wanted a list of faults", path="faults", got=document.kind(node))
            return ()
        return tuple(self._fault(item, f"faults[{number}]") for number, item in enumerate(node.items))

    def _fault(self, node: Node, path: str) -> Fault:
        entries = self._entries(node, path, _FAULT_KEYS)
        if isinstance(node, document.Mapping) and "kind" not in node.entries:
            self._problems.add(node.mark, "a fault needs a kind", path=path)
        return Fault(
            kinds=self._kinds(entries.get("kind"), f"{path}.kind"),
            request=self._read(entries.get("request"), f"{path}.request", _request, "* *"),
            calls=self._read(entries.get("calls"), f"{path}.calls", Calls.parse, Calls()),
            probability=self._read(entries.get("probability"), f"{path}.probability", _probability, 1.0),
            moment=self._read(entries.get("moment"), f"{path}.moment", _moment, Moment.BEFORE),
            seconds=self._read(entries.get("seconds"), f"{path}.seconds", _seconds, None),
        )

    def _kinds(self, node: Node | None, path: str) -> tuple[Kind, ...]:
        nodes = node.items if isinstance(node, Sequence) else () if node is None else (node,)
        if isinstance(node, Sequence) and not nodes:
            self._problems.add(node.mark, "wanted at least one kind", path=path, got="an empty list")
        found = []
        for one in nodes:
            text = one.text if isinstance(one, Scalar) else ""
            if text in set(Kind):
                found.append(Kind(text))
            else:
                got = document.kind(one)
                self._problems.add(one.mark, "no such kind", path=path, got=got, nearest=nearest(text, Kind))
        return tuple(found)

    def _entries(self, node: Node | None, path: str, known: list[str] | tuple[str, ...]) -> dict[str, Node]:
        """The keys of a mapping, less the unknown ones, which are noted."""
        if node is None:
            return {}
        if not isinstance(node, document.Mapping):
            self._problems.add(node.mark, "wanted keys and values", path=path, got=document.kind(node))
            return {}
        for name in node.entries.keys() - set(known):
            mark = node.key_marks[name]
            self._problems.add(mark, "no such key here", path=path, got=shown(name), nearest=nearest(name, known))
        return {name: value for name, value in node.entries.items() if name in known}

    def _read(self, node: Node | None, path: str, parse: Callable[[str], T], default: T) -> T:
        if node is None:
            return default
        try:
            if isinstance(node, Scalar):
                return parse(node.text)
            problem = "wanted a single value"
        except ValueError as error:
            problem = str(error)
        self._problems.add(node.mark, problem, path=path, got=document.kind(node))
        return default


def _whole(text: str) -> int:
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise ValueError("wanted a whole number")
    return int(text)


def _machines(text: str) -> int:
    if (count := _whole(text)) > _MOST_MACHINES:
        raise ValueError(f"wanted at most {_MOST_MACHINES} machines")
    return count


def _seconds(text: str) -> float:
    return _between(text, _LONGEST_SECONDS, "seconds")


def _probability(text: str) -> float:
    return _between(text, 1.0, "a probability")


def _between(text: str, most: float, what: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?", text, re.ASCII) or float(text) > most:
        raise ValueError(f"wanted {what} from 0 to {most:g}")
    return float(text)


def _request(text: str) -> str:
    if not _REQUEST.fullmatch(text):
        raise ValueError("wanted a method and a path, as in `POST /v1/projects/*/servers`")
    return text


def _moment(text: str) -> Moment:
    if text not in set(Moment):
        raise ValueError(f"wanted {' or '.join(Moment)}")
    return Moment(text)
