"""Ways to spoil a tool's output, seeded, so that a red run can be repeated.

Each is a function of a text and a source of randomness that yields spoiled texts. `Spoiled.why` says how, for the
message; nothing here knows which figure a benchmark reads.
"""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

WRONG_VALUES = (
    "null",
    "true",
    '"text"',
    '""',
    "[]",
    "{}",
    "-1",
    "0",
    "1",
    "1e999",
    "-1e999",
    "NaN",
    "-nan",
    "inf",
    "-Infinity",
    "9" * 400,
    "9" * 5000,
    "1e-400",
    "0x10",
    "1_000",
    '"12345"',
    "18446744073709551615",
    "-0.0",
)
INJECTED = (
    "fio: note: something happened\n",
    "{",
    "}",
    "{}",
    "\n{}\n",
    "\n{",
    '\n{"jobs": []}\n',
    '\n{"error": "unable to receive results"}\n',
    "\x00",
    "\ufeff",
    "\u202e",
    "\x1b[2J",
    '"',
    "\\",
    ",",
    "[" * 20_000,
    "\ud800",
    "nan",
    "x" * 100_000,
)
_NUMBER = re.compile(r"(?<=[:\s\[,])-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?=\s*[,}\]])")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """`cut` tells that the end of the text is missing, so that no figure of it can be whole."""

    text: str
    why: str
    cut: bool = False


def truncated(text: str) -> Iterator[Spoiled]:
    """At each hundredth of its length."""
    whole = text.rstrip()
    for percent in range(100):
        yield Spoiled(whole[: len(whole) * percent // 100], f"cut at {percent} %", cut=True)


def bits_flipped(text: str, random_source: random.Random, *, count: int) -> Iterator[Spoiled]:
    """One to three bits anywhere, then read as the runner reads: UTF-8, what is none replaced."""
    for _ in range(count):
        data = bytearray(text.encode())
        places = [random_source.randrange(len(data) * 8) for _ in range(random_source.choice((1, 1, 1, 2, 3)))]
        for place in places:
            data[place // 8] ^= 1 << place % 8
        yield Spoiled(data.decode("utf-8", "replace"), f"bits {places} flipped")


def digits_changed(text: str, random_source: random.Random, *, count: int, key: str = "") -> Iterator[Spoiled]:
    """One digit of one number becomes another, is lost, or is doubled: still JSON, still a likely number.

    With `key` only numbers that stand under it.
    """
    numbers = list(_NUMBER.finditer(text))
    if key:
        under = re.compile(rf'"{re.escape(key)}"\s*:\s*$')
        numbers = [number for number in numbers if under.search(text, number.start() - 80, number.start())]
    for _ in range(count):
        number = random_source.choice(numbers)
        digits = [place for place in range(number.start(), number.end()) if text[place].isdigit()]
        place = random_source.choice(digits)
        new = random_source.choice(("", text[place] * 2, *(digit for digit in "0123456789" if digit != text[place])))
        yield Spoiled(text[:place] + new + text[place + 1 :], f"{text[place]!r} at {place} became {new!r}")


def numbers_replaced(text: str, random_source: random.Random, *, count: int) -> Iterator[Spoiled]:
    """A number becomes something of another type or size."""
    numbers = list(_NUMBER.finditer(text))
    for _ in range(count):
        number = random_source.choice(numbers)
        new = random_source.choice(WRONG_VALUES)
        yield Spoiled(
            text[: number.start()] + new + text[number.end() :], f"{number[0]} at {number.start()} became {new[:20]}"
        )


def keys_removed_or_doubled(text: str, random_source: random.Random, *, count: int) -> Iterator[Spoiled]:
    """A key goes, or stands twice with two values, or its value becomes that of another key."""
    document = json.loads(text)
    for _ in range(count):
        copy = json.loads(json.dumps(document))
        holder = random_source.choice([node for node in _objects(copy) if node])
        key = random_source.choice(list(holder))
        match random_source.randrange(3):
            case 0:
                del holder[key]
                yield Spoiled(json.dumps(copy), f"{key} removed")
            case 1:
                marker = f"twin-{random_source.random()}"
                holder[marker] = random_source.choice((0, 1, 10**6, "x", None, []))
                yield Spoiled(json.dumps(copy).replace(marker, key), f"{key} twice")
            case _:
                other = random_source.choice(list(holder))
                holder[key] = holder[other]
                yield Spoiled(json.dumps(copy), f"{key} has the value of {other}")


def text_injected(text: str, random_source: random.Random, *, count: int) -> Iterator[Spoiled]:
    """Something foreign before, after, or in the middle."""
    for number in range(count):
        word = INJECTED[number % len(INJECTED)]
        place = random_source.choice((0, len(text), random_source.randrange(len(text))))
        yield Spoiled(text[:place] + word + text[place:], f"{word[:20]!r} at {place}")


def lines_shuffled(text: str, random_source: random.Random, *, count: int) -> Iterator[Spoiled]:
    """Lines lost, doubled, or exchanged, as from two writers of one file."""
    lines = text.splitlines(keepends=True)
    for _ in range(count):
        copy, one, other = list(lines), random_source.randrange(len(lines)), random_source.randrange(len(lines))
        match random_source.randrange(3):
            case 0:
                del copy[one]
            case 1:
                copy.insert(one, copy[one])
            case _:
                copy[one], copy[other] = copy[other], copy[one]
        yield Spoiled("".join(copy), f"lines {one} and {other}")


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _objects(value)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value)
