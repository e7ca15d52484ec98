"""What a log of strace tells: each system call with its number among its kind, and the file it was about.

The log holds descriptors; which file one means follows from the openat before it, so a log must show openat and close.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_LINE = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+|0x[0-9a-f]+|\?)(?P<rest>.*)$")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_BY_DESCRIPTOR = re.compile(r"(\d+)(?:,|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`number` counts from 1 within the calls of this name; `path` is "" for a descriptor that was there before."""

    name: str
    number: int
    arguments: str
    result: int
    injected: bool
    path: str

    @property
    def descriptor(self) -> int:
        """-1 where the call names a path."""
        found = _BY_DESCRIPTOR.match(self.arguments)
        return int(found[1]) if found else -1

    @property
    def writes(self) -> bool:
        """Does an openat ask for the right to write?"""
        return any(flag in self.arguments for flag in ("O_WRONLY", "O_RDWR", "O_CREAT"))

    @property
    def strings(self) -> list[bytes]:
        """The quoted arguments of a log that was made with -xx."""
        return [bytes.fromhex(text.replace("\\x", "")) for text in _QUOTED.findall(self.arguments)]

    @property
    def numbers(self) -> list[int]:
        """The plain numbers among the arguments, the descriptor included."""
        bare = _QUOTED.sub('""', self.arguments)
        return [int(word, 8 if word[:1] == "0" else 10) for word in bare.split(", ") if word.isdigit()]


def read_log(log: str) -> Iterator[Call]:
    """The calls of a log, in order; lines of a call that never returned are left out."""
    numbers: Counter[str] = Counter()
    opened: dict[int, str] = {}
    for line in log.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        name, arguments = match["name"], match["arguments"]
        numbers[name] += 1
        result = -1 if match["result"] == "?" else int(match["result"], 0)
        call = Call(
            name=name,
            number=numbers[name],
            arguments=arguments,
            result=result,
            injected="(INJECTED)" in match["rest"],
            path=_path(arguments, opened),
        )
        yield call
        if name == "openat" and result >= 0:
            opened[result] = call.path
        elif name == "close":
            opened.pop(call.descriptor, None)


def _path(arguments: str, opened: dict[int, str]) -> str:
    descriptor = _BY_DESCRIPTOR.match(arguments)
    if descriptor:
        return opened.get(int(descriptor[1]), "")
    found = _QUOTED.search(arguments)
    if found is None:
        return ""
    return bytes.fromhex(found[1].replace("\\x", "")).decode() if found[1].startswith("\\x") else found[1]
