"""From nodes to typed values: pydantic knows the types, the nodes know the places.

Two things are done before pydantic sees the data, because it can't know of them: a setting's short form becomes its
long one (`">=1000000"` is a value and a bound) with its origin, and fields whose name ends in `_bytes` or `_seconds`
may be written with a unit. Its errors are then told in our words, each at the line and column of the text it is about.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nodeagent.model.setting import Bound
from nodeagent.model.units import parse_bytes, parse_duration
from nodeagent.profiles.constraint import Fault
from nodeagent.profiles.document import Mapping, Node, Scalar, Sequence, kind
from nodeagent.profiles.hints import bare, checks, child, names, setting_type
from nodeagent.profiles.problems import Mark, Problems, nearest, shown

if TYPE_CHECKING:
    from pydantic import TypeAdapter
    from pydantic_core import ErrorDetails

Key = str | int

_BOUND = re.compile(r"(>=|<=)\s*(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
# pydantic would take `1_000`, `7.0` and `off` as well; what is written should need no knowledge of that.
_FORMS = {int: re.compile(r"[+-]?\d+", re.ASCII), float: _NUMBER, bool: re.compile("true|false")}
_UNIT_WORDS = {"_bytes": "a size such as 4096, 256MiB or 15TB", "_seconds": "a time such as 5s or 250ms"}
_UNREAD = object()
"""Stands for a scalar that is not of its type, so that pydantic refuses it at its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binder:
    """Binds documents to one type, which is prepared once. The type of `bind`'s result is that of `hint`."""

    hint: Any
    adapter: "TypeAdapter[Any]"

    @classmethod
    def of(cls, hint: Any) -> "Binder":
        from pydantic import TypeAdapter

        return cls(hint=hint, adapter=TypeAdapter(hint))

    def bind(self, node: Node, path: tuple[Key, ...], problems: Problems, *, partial: bool = False) -> Any:
        """The typed value of a node, or None after noting what is wrong; `path` leads to the node, for messages.

        `partial` is for a document that others complete: what is missing is no fault then, nor what only the whole
        can tell.
        """
        from pydantic import ValidationError

        data = Expansion(problems).expand(node, self.hint, path)
        try:
            value = self.adapter.validate_python(data)
        except ValidationError as error:
            for detail in error.errors(include_url=False):
                _tell(detail, node, path, problems, partial=partial)
            return None
        if not partial:
            for check in checks(self.hint):
                for fault in check.faults(value):
                    _tell_fault(fault, node, path, problems)
        return value


def _tell_fault(fault: Fault, node: Node, path: tuple[Key, ...], problems: Problems) -> None:
    spot = Spot.at(node, fault.path, below=path)
    mark = spot.key_mark if fault.at_key else spot.mark
    got = shown(str(fault.path[-1])) if fault.at_key else kind(spot.node)
    problems.add(mark, fault.problem, path=spot.text, got=got, nearest=fault.nearest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spot:
    """Where a path leads in a document: the node there, or the deepest one on the way."""

    node: Node
    mark: Mark
    key_mark: Mark
    text: str

    @classmethod
    def at(cls, root: Node, path: tuple[Key, ...], *, below: tuple[Key, ...]) -> "Spot":
        """`path` starts at `root`, which itself is found at `below`."""
        node: Node = root
        key_mark, taken = root.mark, 0
        for key in path:
            if isinstance(node, Mapping) and key in node.entries:
                key_mark = node.key_marks[str(key)]
                node = node.entries[str(key)]
            elif isinstance(node, Sequence) and isinstance(key, int) and key < len(node.items):
                node = node.items[key]
                key_mark = node.mark
            else:
                break
            taken += 1
        # A setting in its short form is a scalar, and the `value` below it is not written anywhere.
        known = path[:taken] if isinstance(node, Scalar) else path
        return cls(node=node, mark=node.mark, key_mark=key_mark, text=path_text((*below, *known)))


def path_text(path: tuple[Key, ...]) -> str:
    """`tune.block-queue[0].scheduler`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text


@dataclass(frozen=True, slots=True)
class Expansion:
    """Nodes to the plain data that pydantic takes, noting what it would not."""

    problems: Problems

    def expand(self, node: Node, hint: Any, path: tuple[Key, ...]) -> Any:
        value_type = setting_type(hint)
        if value_type is not None and not isinstance(node, Mapping):
            return {**self._value(node, value_type, path), "origin": str(node.mark)}
        match node:
            case Mapping() if value_type is not None:
                return self._long_setting(node, hint, value_type, path)
            case Mapping():
                known = self._known_entries(node, hint, path)
                return {key: self.expand(entry, child(hint, key), (*path, key)) for key, entry in known.items()}
            case Sequence():
                return [self.expand(item, child(hint, at), (*path, at)) for at, item in enumerate(node.items)]
            case Scalar():
                return self._leaf(node, hint, path)

    def _known_entries(self, node: Mapping, hint: Any, path: tuple[Key, ...]) -> dict[str, Node]:
        known = names(hint)
        if known is None:
            return node.entries
        for key in node.entries.keys() - set(known):
            self.problems.add(
                node.key_marks[key],
                "is not known here",
                path=path_text((*path, key)),
                got=shown(key),
                nearest=nearest(key, known),
            )
        return {key: entry for key, entry in node.entries.items() if key in known}

    def _long_setting(self, node: Mapping, hint: Any, value_type: Any, path: tuple[Key, ...]) -> dict[str, Any]:
        known = self._known_entries(node, hint, path)
        data = {key: self.expand(entry, child(hint, key), (*path, key)) for key, entry in known.items()}
        value = node.entries.get("value")
        if value is None:
            return data
        return {**data, **self._value(value, value_type, (*path, "value")), "origin": str(value.mark)}

    def _value(self, node: Node, value_type: Any, path: tuple[Key, ...]) -> dict[str, Any]:
        # A text with a pattern is a word, and words have no order.
        bounded = value_type is str or bare(value_type) in (int, float)
        match = _BOUND.fullmatch(node.text) if bounded and isinstance(node, Scalar) else None
        if match is None or not isinstance(node, Scalar):
            return {"value": self.expand(node, value_type, path)}
        if not _NUMBER.fullmatch(match[2]):
            self.problems.add(node.mark, f"wanted a number after {match[1]}", path=path_text(path), got=kind(node))
        number = Scalar(text=match[2], mark=node.mark)
        return {"value": self._leaf(number, value_type, path), "bound": Bound(match[1])}

    def _leaf(self, node: Scalar, hint: Any, path: tuple[Key, ...]) -> Any:
        """The text, or a number in base units where the field's name allows a unit; what pydantic refuses otherwise."""
        wanted, suffix = bare(hint), _suffix(path)
        try:
            if wanted is int and suffix == "_bytes":
                return parse_bytes(node.text)
            if wanted in (int, float) and suffix == "_seconds" and not _NUMBER.fullmatch(node.text):
                return parse_duration(node.text)
        except ValueError:
            return _UNREAD
        form = _FORMS.get(wanted) if isinstance(wanted, type) else None
        return node.text if form is None or form.fullmatch(node.text) else _UNREAD


def _suffix(path: tuple[Key, ...]) -> str:
    """`_bytes` or `_seconds` where the field's name says so, else ""."""
    name = str(next((key for key in reversed(path) if key != "value"), ""))
    return next((suffix for suffix in _UNIT_WORDS if name.endswith(suffix)), "")


_MESSAGES = {
    "missing": "is missing",
    "int_parsing": "wanted a whole number",
    "int_parsing_size": "wanted a smaller whole number",
    "int_type": "wanted a whole number",
    "int_from_float": "wanted a whole number",
    "float_parsing": "wanted a number",
    "float_type": "wanted a number",
    "finite_number": "wanted a finite number",
    "bool_parsing": "wanted true or false",
    "bool_type": "wanted true or false",
    "string_type": "wanted a text",
    "dict_type": "wanted a mapping of keys and values",
    "dataclass_type": "wanted a mapping of keys and values",
    "list_type": "wanted a list",
    "tuple_type": "wanted a list",
    "set_type": "wanted a list",
    "frozen_set_type": "wanted a list",
    "greater_than_equal": "wanted {ge} or more",
    "less_than_equal": "wanted {le} or less",
    "enum": "wanted {expected}",
    "literal_error": "wanted {expected}",
    "value_error": "{error}",
}


def _tell(detail: "ErrorDetails", node: Node, path: tuple[Key, ...], problems: Problems, *, partial: bool) -> None:
    spot = Spot.at(node, detail["loc"], below=path)
    unit_words = _UNIT_WORDS.get(_suffix(detail["loc"])) if detail["type"] in ("int_type", "float_type") else None
    missing = detail["type"] == "missing"
    if partial and (missing or not isinstance(spot.node, Scalar)):
        return
    context = detail.get("ctx", {})
    wanted = _MESSAGES.get(detail["type"], "").format_map(context) or _lowered(detail["msg"])
    wanted = f"wanted {unit_words}" if unit_words else wanted
    choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
    problems.add(
        spot.key_mark if missing else spot.mark,
        wanted,
        path=spot.text,
        got=None if missing else kind(spot.node),
        nearest=nearest(spot.node.text, choices) if isinstance(spot.node, Scalar) else "",
    )


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]
