"""A file tree as text: what `host capture` writes and tests load.

sysfs is symbolic links, odd names and files that answer with an error, so neither a copy nor a tar keeps it; and a
person who attaches a capture to a bug report should be able to read it first. The format stands in docs/host.md. An
archive may come from anybody: it is parsed and checked whole before the first file is made, and nothing is followed.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from nodeagent.host.tree_index import TREE_INDEX
from nodeagent.model.errors import HostError

FORMAT_LINE = "nodeagent host capture 1"
ENTRY_LIMIT = 400_000
NAME_LIMIT_BYTES = 255
PATH_LIMIT_BYTES = 4000
CONTENT_LIMIT_LINES = 100_000

_INDENT = "    "
_LINE_MARK = "    |"
_ENTRY = re.compile(r"    (?P<name>\S+) (?P<mode>[0-7]{4}) (?P<what>.+)", re.ASCII)
_LINES = re.compile(r"(?P<count>\d{1,6}) (?P<kind>lines|lines, no newline|lines of base64)", re.ASCII)
_ERRNO = re.compile(r"E[A-Z0-9]{2,20}", re.ASCII)
_ESCAPED = re.compile(r"\\(?:x([0-9a-f]{2})|(\\))")
_UNESCAPED_BACKSLASH = re.compile(r"\\(?!x[0-9a-f]{2}|\\)")


class EntryKind(StrEnum):
    """What stands at a path. LISTED is a file that was seen in a listing but not read."""

    DIRECTORY = "directory"
    FILE = "file"
    LISTED = "listed"
    LINK = "link"
    UNREADABLE = "unreadable"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One path of a tree. `content` is as read (surrogateescape); `problem` is an errno; both only where they apply."""

    path: str
    kind: EntryKind
    mode: int = 0
    content: str = ""
    target: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A tree and the page size of the kernel it came from."""

    entries: tuple[Entry, ...]
    page_bytes: int = 4096


def format_archive(archive: Archive) -> str:
    """Deterministic: sorted by directory and name, whatever order the entries come in."""
    lines = [FORMAT_LINE, f"page-bytes {archive.page_bytes}"]
    ordered = sorted(archive.entries, key=lambda entry: _split(entry.path))
    for directory, entries in groupby(ordered, key=lambda entry: _split(entry.path)[0]):
        lines.append(_escape(directory, blanks=True) or "/")
        for entry in entries:
            lines.extend(_format_entry(entry))
    return "\n".join(lines) + "\n"


def parse_archive(text: str, *, name: str) -> Archive:
    """Read and check an archive; HostError with the line for whatever isn't of the format, or would lead astray."""
    reader = _Reader(lines=text.split("\n"), name=name)
    page_bytes = reader.header()
    entries = tuple(reader.entries())
    _check_tree(entries, name)
    return Archive(entries=entries, page_bytes=page_bytes)


def _format_entry(entry: Entry) -> Iterator[str]:
    start = f"{_INDENT}{_escape(_split(entry.path)[1], blanks=True)} {entry.mode:04o} "
    match entry.kind:
        case EntryKind.DIRECTORY:
            yield f"{start}/"
        case EntryKind.LISTED:
            yield f"{start}not read"
        case EntryKind.DEVICE:
            yield f"{start}device"
        case EntryKind.LINK:
            yield f"{start}-> {_escape(entry.target)}"
        case EntryKind.UNREADABLE:
            yield f"{start}! {entry.problem}"
        case EntryKind.FILE:
            yield from _format_content(start, entry.content)


def _format_content(start: str, content: str) -> Iterator[str]:
    if "\0" in content:
        raw = content.encode("utf-8", "surrogateescape")
        chunks = [raw[position : position + 57] for position in range(0, len(raw), 57)]
        yield f"{start}{len(chunks)} lines of base64"
        yield from (_LINE_MARK + base64.b64encode(chunk).decode() for chunk in chunks)
    elif content.count("\n") == 1 and content.endswith("\n"):
        yield f"{start}= {_escape(content[:-1])}".rstrip()
    else:
        open_end = not content.endswith("\n")
        lines = content.split("\n") if open_end else content[:-1].split("\n")
        yield f"{start}{len(lines)} lines" + (", no newline" if open_end else "")
        yield from (_LINE_MARK + _escape(line) for line in lines)


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Walks the lines; every complaint names the line."""

    lines: list[str]
    name: str
    position: int = 0

    def header(self) -> int:
        start = self.lines[:2]
        self.position = 2
        match = re.fullmatch(r"page-bytes (\d{4,7})", start[-1], re.ASCII)
        if start[0] != FORMAT_LINE or match is None:
            raise HostError(
                f"{self.name} is no host capture: it starts with {start[0][:60]!r}, wanted {FORMAT_LINE!r}",
                remedy="nodeagent host capture FILE",
            )
        return int(match[1])

    def entries(self) -> Iterator[Entry]:
        directory = ""
        count = 0
        while self.position < len(self.lines):
            line = self._next()
            if not line and self.position == len(self.lines):
                return
            if line.startswith("/"):
                directory = self._path(line.rstrip("/"))
                continue
            count += 1
            if count > ENTRY_LIMIT:
                raise self._wrong(f"more than {ENTRY_LIMIT} entries")
            yield self._entry(directory, line)

    def _entry(self, directory: str, line: str) -> Entry:
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise self._wrong(f"got {line[:60]!r}, wanted a directory or an entry")
        path = self._path(f"{directory}/{match['name']}", last=match["name"])
        mode, what = int(match["mode"], 8), match["what"]
        if what == "/":
            return Entry(path=path, kind=EntryKind.DIRECTORY, mode=mode)
        if what == "not read":
            return Entry(path=path, kind=EntryKind.LISTED, mode=mode)
        if what == "device":
            return Entry(path=path, kind=EntryKind.DEVICE, mode=mode)
        if what.startswith("-> "):
            return Entry(path=path, kind=EntryKind.LINK, mode=mode, target=self._target(what[3:]))
        if what.startswith("! ") and _ERRNO.fullmatch(what[2:]):
            return Entry(path=path, kind=EntryKind.UNREADABLE, mode=mode, problem=what[2:])
        return Entry(path=path, kind=EntryKind.FILE, mode=mode, content=self._content(what))

    def _content(self, what: str) -> str:
        if what.startswith("= ") or what == "=":
            return self._text(what[2:]) + "\n"
        match = _LINES.fullmatch(what)
        if match is None or int(match["count"]) > CONTENT_LIMIT_LINES:
            raise self._wrong(f"got {what[:60]!r}, wanted what the entry is")
        lines = [self._marked() for _ in range(int(match["count"]))]
        if match["kind"] == "lines of base64":
            return self._bytes(lines).decode("utf-8", "surrogateescape")
        ending = "\n" if match["kind"] == "lines" else ""
        return "\n".join(self._text(line) for line in lines) + ending

    def _bytes(self, lines: Iterable[str]) -> bytes:
        try:
            return b"".join(base64.b64decode(line, validate=True) for line in lines)
        except (binascii.Error, ValueError) as error:
            raise self._wrong(f"not base64: {error}") from error

    def _marked(self) -> str:
        line = self._next()
        if not line.startswith(_LINE_MARK):
            raise self._wrong(f"got {line[:60]!r}, wanted a line of content")
        return line[len(_LINE_MARK) :]

    def _path(self, text: str, *, last: str = "") -> str:
        """An absolute path without detours. `last` is the escaped name of an entry, which may hold no slash."""
        path = self._text(text)
        names = path.split("/")[1:] if path else []
        wrong = any(name in ("", ".", "..") or "\0" in name or _size(name) > NAME_LIMIT_BYTES for name in names)
        if wrong or "/" in self._text(last) or _size(path) > PATH_LIMIT_BYTES:
            raise self._wrong(f"not a path inside the tree: {path[:60]!r}")
        return path

    def _target(self, escaped: str) -> str:
        target = self._text(escaped)
        if not target or "\0" in target or _size(target) > PATH_LIMIT_BYTES:
            raise self._wrong(f"not the target of a link: {target[:60]!r}")
        return target

    def _text(self, escaped: str) -> str:
        if _UNESCAPED_BACKSLASH.search(_ESCAPED.sub("", escaped)):
            raise self._wrong(f"not an escape: {escaped[:60]!r}")
        return _unescape(escaped)

    def _next(self) -> str:
        if self.position >= len(self.lines):
            raise self._wrong("ends too early")
        self.position += 1
        return self.lines[self.position - 1]

    def _wrong(self, problem: str) -> HostError:
        return HostError(
            f"{self.name}, line {self.position}: {problem}",
            remedy="make the capture again with `nodeagent host capture FILE`",
        )


def _check_tree(entries: Iterable[Entry], name: str) -> None:
    """No path twice, and nothing below what is no directory: a link can't smuggle a file out of the tree."""
    kinds: dict[str, EntryKind] = {}
    for entry in entries:
        if entry.path == f"/{TREE_INDEX}":
            raise HostError(f"{name}: {entry.path} would replace the tree's own index")
        if entry.path in kinds:
            raise HostError(f"{name}: {entry.path} stands there twice")
        kinds[entry.path] = entry.kind
    for path in kinds:
        parent = _split(path)[0]
        while parent:
            if kinds.get(parent, EntryKind.DIRECTORY) is not EntryKind.DIRECTORY:
                raise HostError(f"{name}: {path} stands below {parent}, which is a {kinds[parent]}")
            parent = _split(parent)[0]


def _split(path: str) -> tuple[str, str]:
    directory, _, name = path.rpartition("/")
    return directory, name


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogateescape"))


def _escape(text: str, *, blanks: bool = False) -> str:
    r"""Backslashes, and as `\xNN` whatever doesn't print, and white space at the end or (`blanks`) anywhere."""
    shown = "".join(_escape_character(character, blanks=blanks) for character in text)
    return f"{shown[:-1]}\\x{ord(shown[-1]):02x}" if shown.endswith((" ", "\t")) else shown


def _escape_character(character: str, *, blanks: bool) -> str:
    if character == "\\":
        return "\\\\"
    if character in " \t":
        return f"\\x{ord(character):02x}" if blanks else character
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    raw = re.sub(
        rb"\\(?:x([0-9a-f]{2})|\\)",
        lambda match: bytes([int(match[1], 16)]) if match[1] else b"\\",
        text.encode("utf-8", "surrogateescape"),
    )
    return raw.decode("utf-8", "surrogateescape")
