"""Reading what fio and iperf3 print, without believing it.

Both print JSON that often is none: notes before it, several documents after one another, `-nan`, keys twice, a document
cut off by a signal. What cannot be a figure must end as a BenchmarkError that says what was found where, never as a
number. Known cases: axboe/fio#672 and #1627, esnet/iperf#613, #1631, #1716, #1776.
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from nodeagent.model.command import Completed
from nodeagent.model.errors import BenchmarkError

TEXT_LIMIT = 64 * 1024 * 1024
"""Characters of output that are looked at; the largest real one is a few MB (iperf3 -P 128 for minutes)."""

TOLERANCE = 1e-3
"""How far two figures of one output that say the same may be apart, relative: both are rounded by the tool."""

_DIGITS_LIMIT = 30
_LINE_WITH_OBJECT = re.compile(r"^[ \t]*\{", re.MULTILINE)
_NOT_A_NUMBER = re.compile(r'("\s*:\s*)-?(?:nan|inf|infinity)\b', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a document with its place (`jobs[0].read`), for messages."""

    tool: str
    place: str
    content: dict[str, Any]

    def child(self, key: str) -> "Node":
        value = self.content.get(key)
        if not isinstance(value, dict):
            self.fail(key, value, "an object")
        return Node(self.tool, self._at(key), value)

    def children(self, key: str) -> "list[Node]":
        value = self.content.get(key)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.fail(key, value, "a list of objects")
        return [Node(self.tool, f"{self._at(key)}[{index}]", item) for index, item in enumerate(value)]

    def number(self, key: str, *, most: float = math.inf) -> float:
        """A finite number from 0 to `most`."""
        value = self.content.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fail(key, value, "a number")
        if not math.isfinite(value) or not 0 <= value <= most:
            self.fail(key, value, f"a number from 0 to {most:g}")
        return float(value)

    def count(self, key: str) -> int:
        value = self.content.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            self.fail(key, value, "a whole number from 0")
        return value

    def text(self, key: str) -> str:
        value = self.content.get(key)
        if not isinstance(value, str):
            self.fail(key, value, "a text")
        return value

    def fail(self, key: str, got: object, wanted: str) -> NoReturn:
        shown = "nothing" if got is None else _shorten(repr(got))
        raise BenchmarkError(
            f"{self.tool}: its output is not to be trusted: {self._at(key)}: got {shown}, wanted {wanted}"
        )

    def _at(self, key: str) -> str:
        return f"{self.place}.{key}" if self.place else key


def same(one: float, other: float, *, slack: float = 0.0) -> bool:
    """Do two figures agree within TOLERANCE, or are they at most `slack` apart?"""
    return abs(one - other) <= max(TOLERANCE * max(abs(one), abs(other)), slack)


def documents(text: str, *, tool: str) -> list[Node]:
    """Every JSON object in an output, in order; text around them is passed over.

    BenchmarkError when there is none, when one is cut off or no JSON, or when a key stands twice with two values.
    """
    if len(text) > TEXT_LIMIT:
        raise BenchmarkError(f"{tool}: its output has {len(text)} characters, wanted at most {TEXT_LIMIT}")
    text = _NOT_A_NUMBER.sub(r"\1null", text)
    found: list[Node] = []
    position = _next_object(text, 0)
    while position is not None:
        content, end = _decode(text, position, tool)
        found.append(Node(tool, "", content))
        position = _next_object(text, end)
    if not found:
        raise BenchmarkError(f"{tool}: its output holds no JSON object: got {_shorten(text.strip()) or 'nothing'!r}")
    return found


def check_ended_well(completed: Completed, *, tool: str, silent: bool) -> None:
    """BenchmarkError unless the program ended by itself, with code 0, and with nothing on stderr where `silent`."""
    said = _shorten(completed.stderr.decode("utf-8", "replace").strip())
    if completed.interrupted:
        raise BenchmarkError(f"{tool}: cancelled after {completed.duration_seconds:.1f} s")
    if completed.timed_out:
        limit = completed.command.timeout_seconds
        raise BenchmarkError(f"{tool}: did not end within {limit:g} s and was killed; it said: {said or 'nothing'}")
    if completed.truncated:
        limit = completed.command.output_limit_bytes
        raise BenchmarkError(f"{tool}: printed more than {limit} bytes and was killed")
    if completed.signal is not None:
        raise BenchmarkError(f"{tool}: killed by signal {completed.signal}; it said: {said or 'nothing'}")
    if completed.exit_code != 0:
        raise BenchmarkError(f"{tool}: ended with code {completed.exit_code}, wanted 0; it said: {said or 'nothing'}")
    if silent and said:
        raise BenchmarkError(f"{tool}: ended with code 0 but complained: {said}")


def _next_object(text: str, position: int) -> int | None:
    """Where the next object begins: right here but for white space, else at the next line that begins with one."""
    rest = re.compile(r"\s*").match(text, position)
    here = rest.end() if rest else position
    if text[here : here + 1] == "{":
        return here
    match = _LINE_WITH_OBJECT.search(text, here)
    return match.end() - 1 if match else None


def _decode(text: str, position: int, tool: str) -> tuple[dict[str, Any], int]:
    try:
        return _DECODER.raw_decode(text, position)
    except RecursionError as error:
        raise BenchmarkError(f"{tool}: its output is nested too deeply to be one of its own") from error
    except ValueError as error:
        raise BenchmarkError(f"{tool}: its output is no complete JSON: {_shorten(str(error))}") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content and content[key] != value:
            raise ValueError(f"the key {_shorten(key)!r} stands twice with different values")
        content[key] = value
    return content


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_LIMIT:
        raise ValueError(f"a whole number of {len(digits)} digits")
    return int(digits)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else line[:157] + "..."


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)
