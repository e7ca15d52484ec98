"""Reading a YAML file into nodes: every scalar stays the text that was written, and every node knows its place.

YAML's own typing is where configuration goes wrong in silence (`off` becomes False, `0000:01:00.0` a number in base 60,
`0755` an octal), and its graph features are where small files become large ones. So ruamel.yaml is asked for its
parser's events only; types come later, from the schema. Refused here: anchors, aliases, tags, merge keys, directives,
duplicate keys, a second document, keys that aren't scalars, control and direction-changing characters, anything that
isn't UTF-8, and more than the limits below. The limits are checked while parsing, so a hostile file costs no more than
a large honest one.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeagent.profiles.problems import Mark, Problems, shown

if TYPE_CHECKING:
    from ruamel.yaml.error import MarkedYAMLError

FILE_LIMIT_BYTES = 256 * 1024
LINE_LIMIT = 4096
DEPTH_LIMIT = 16
NODE_LIMIT = 10_000

# C0 and C1 controls, and the characters that reorder what a reader sees (Unicode Bidirectional Algorithm, UAX #9).
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A text, exactly as YAML's quoting rules give it."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """A list of nodes."""

    items: tuple["Node", ...]
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """Named nodes; `key_marks` says where each name stands, `mark` where the mapping begins."""

    entries: dict[str, "Node"]
    key_marks: dict[str, Mark]
    mark: Mark


Node = Scalar | Sequence | Mapping


class _Stop(Exception):
    """The fault just noted makes the rest of the file unreadable."""


def read_document(path: Path, problems: Problems, *, shown_as: str | None = None) -> Mapping | None:
    """The document of one file, or None if it can't be read at all; faults are added to `problems`.

    `shown_as` is the file's name in messages and origins.
    """
    name = shown_as or str(path)
    text = read_text(path, name, problems)
    return None if text is None else parse(text, name, problems)


def read_text(path: Path, name: str, problems: Problems) -> str | None:
    """The text of one file, within the limits; None after noting why not."""
    start = Mark(file=name, line=1, column=1)
    raw = _content(path, start, problems)
    return None if raw is None else _decode(raw, start, problems)


def parse(text: str, name: str, problems: Problems) -> Mapping | None:
    """The document in a text, or None where it is none."""
    try:
        node = _Builder(name, problems).build(text)
    except _Stop:
        return None
    if isinstance(node, Mapping):
        return node
    got = "an empty file" if node is None else kind(node)
    problems.add(Mark(file=name, line=1, column=1), "wanted a mapping of keys and values", got=got)
    return None


def _content(path: Path, start: Mark, problems: Problems) -> bytes | None:
    try:
        # Not blocking on a FIFO, and not reading a device: a document is a regular file.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        problems.add(start, f"cannot be read: {_reason(error)}")
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            problems.add(start, "is not a regular file")
            return None
        raw = _read_all(descriptor)
    except OSError as error:
        problems.add(start, f"cannot be read: {_reason(error)}")
        return None
    finally:
        os.close(descriptor)
    if len(raw) > FILE_LIMIT_BYTES:
        problems.add(start, f"is larger than {FILE_LIMIT_BYTES // 1024} KiB")
        return None
    return raw


def _read_all(descriptor: int) -> bytes:
    """The content, but no more of it than shows that it is too much."""
    parts: list[bytes] = []
    while sum(map(len, parts)) <= FILE_LIMIT_BYTES and (part := os.read(descriptor, FILE_LIMIT_BYTES + 1)):
        parts.append(part)
    return b"".join(parts)


def _reason(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _decode(raw: bytes, start: Mark, problems: Problems) -> str | None:
    """The text; None after noting the first byte or character that may not stand in a document."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        problems.add(_mark_after(start.file, before), "is not UTF-8", got=f"byte 0x{raw[error.start]:02x}")
        return None
    if unseen := _UNSEEN.search(text.replace("\r\n", "\n")):
        before = text.replace("\r\n", "\n")[: unseen.start()]
        problems.add(_mark_after(start.file, before), "a character that can't be seen", got=shown(unseen[0]))
        return None
    for number, line in enumerate(text.split("\n"), start=1):
        if len(line) > LINE_LIMIT:
            # ruamel's scanner takes a second for a tag of 250,000 characters; nobody reads a line of 4,096.
            mark = Mark(file=start.file, line=number, column=LINE_LIMIT + 1)
            problems.add(mark, f"a line of more than {LINE_LIMIT} characters")
            return None
    return text


def _mark_after(file: str, before: str) -> Mark:
    lines = before.split("\n")
    return Mark(file=file, line=len(lines), column=len(lines[-1]) + 1)


@dataclass(slots=True)
class _Builder:
    """Turns parser events into nodes, counting as it goes."""

    file: str
    problems: Problems
    nodes: int = 0
    events: Iterator[Any] = field(init=False)

    def build(self, text: str) -> Node | None:
        self.events = self._parsed(text)
        return self._document()

    def _parsed(self, text: str) -> Iterator[Any]:
        """The parser's events; whatever ends it early is noted as a fault of the text."""
        from ruamel.yaml import YAML
        from ruamel.yaml.error import MarkedYAMLError

        last = Mark(file=self.file, line=1, column=1)
        try:
            for event in YAML(typ="safe", pure=True).parse(text):
                last = self._mark(event)
                yield event
        except MarkedYAMLError as error:
            self._syntax(error)
        except Exception as error:  # "\U99999999" ends in OverflowError, other texts in others
            self.problems.add(last, f"is not YAML from here on: {type(error).__name__}: {_first_line(str(error))}")
        else:
            return
        raise _Stop

    def _document(self) -> Node | None:
        from ruamel.yaml import events as ev

        root: Node | None = None
        documents = 0
        for event in self.events:
            if isinstance(event, ev.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(event, "a second document in one file")
                    raise _Stop
                if event.version or event.tags:
                    self._refuse(event, "a % directive")
            elif isinstance(event, ev.NodeEvent):
                root = self._node(event, depth=1)
        return root

    def _node(self, event: Any, *, depth: int) -> Node:
        from ruamel.yaml import events as ev

        self._admit(event, depth)
        if isinstance(event, ev.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, ev.SequenceStartEvent):
            items = []
            while not isinstance(item := next(self.events), ev.SequenceEndEvent):
                items.append(self._node(item, depth=depth + 1))
            return Sequence(items=tuple(items), mark=self._mark(event))
        value = getattr(event, "value", "")
        if unseen := _UNSEEN.search(value):
            self._refuse(event, "a character that can't be seen", got=shown(unseen[0]))
        return Scalar(text=value, mark=self._mark(event))

    def _mapping(self, start: Any, depth: int) -> Mapping:
        from ruamel.yaml import events as ev

        entries: dict[str, Node] = {}
        marks: dict[str, Mark] = {}
        while not isinstance(event := next(self.events), ev.MappingEndEvent):
            key = self._node(event, depth=depth + 1)
            value = self._node(next(self.events), depth=depth + 1)
            if not isinstance(key, Scalar):
                self.problems.add(key.mark, "a key must be a plain text", got=kind(key))
            elif key.text == "<<":
                self.problems.add(key.mark, "merge keys are refused; use `extends`", got="'<<'")
            elif key.text in entries:
                first = marks[key.text].line
                self.problems.add(key.mark, f"the key stands twice, first on line {first}", got=shown(key.text))
            else:
                entries[key.text] = value
                marks[key.text] = key.mark
        return Mapping(entries=entries, key_marks=marks, mark=self._mark(start))

    def _admit(self, event: Any, depth: int) -> None:
        from ruamel.yaml import events as ev

        self.nodes += 1
        if depth > DEPTH_LIMIT or self.nodes > NODE_LIMIT:
            what = f"nested deeper than {DEPTH_LIMIT}" if depth > DEPTH_LIMIT else f"more than {NODE_LIMIT} values"
            self._refuse(event, what)
            raise _Stop
        if isinstance(event, ev.AliasEvent):
            self._refuse(event, "aliases are refused; use `extends` or write it out", got=shown(f"*{event.anchor}"))
        elif event.anchor is not None:
            self._refuse(event, "anchors are refused; use `extends` or write it out", got=shown(f"&{event.anchor}"))
        elif getattr(event, "tag", None) is not None:
            self._refuse(event, "tags are refused; the schema knows the type", got=shown(str(event.tag)))

    def _refuse(self, event: Any, problem: str, *, got: str | None = None) -> None:
        self.problems.add(self._mark(event), problem, got=got)

    def _mark(self, event: Any) -> Mark:
        return Mark(file=self.file, line=event.start_mark.line + 1, column=event.start_mark.column + 1)

    def _syntax(self, error: "MarkedYAMLError") -> None:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        text = _first_line(error.problem or error.context or "is not YAML")
        if "'>'" in text or "indentation indicators" in text:
            text += "; a bound is written in quotes: '>=4'"
        self.problems.add(Mark(file=self.file, line=line, column=column), text)


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0]


def kind(node: Node) -> str:
    """What a node is, for a message: the text of a scalar, else its form."""
    match node:
        case Scalar():
            return shown(node.text)
        case Sequence():
            return "a list"
        case Mapping():
            return "a mapping"
