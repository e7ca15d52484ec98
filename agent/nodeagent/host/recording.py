"""A Host that remembers what it was asked, so that a capture holds what is read and no list of paths goes stale."""

from dataclasses import dataclass, field

from nodeagent.host.archive import Entry, EntryKind
from nodeagent.host.host import Host
from nodeagent.model.host_reader import PathState

_ABSENT = ("ENOENT", "ENOTDIR")
_DIRECTORY_MODE = 0o755  # no reader asks for it, and one that can't be written could neither be filled nor removed


@dataclass(frozen=True)
class RecordingHost(Host):
    """`contents` maps a path to content, errno name and write bit; the other two are paths asked for."""

    contents: dict[str, tuple[bytes, str, bool]] = field(default_factory=dict)
    listings: dict[str, tuple[str, ...]] = field(default_factory=dict)
    places: dict[str, None] = field(default_factory=dict)

    def _read(self, path: str, *, head: bool = False) -> tuple[bytes, str, bool]:
        answer = super()._read(path, head=head)
        self.contents[path] = answer
        return answer

    def names(self, directory: str) -> tuple[str, ...]:
        names = super().names(directory)
        self.listings[directory] = names
        return names

    def real(self, path: str) -> str:
        self.places[path] = None
        return super().real(path)

    def link(self, path: str) -> str:
        self.places[path] = None
        return super().link(path)

    def stat(self, path: str) -> PathState:
        self.places[path] = None
        return super().stat(path)


def collect(recording: RecordingHost) -> tuple[Entry, ...]:
    """Everything a tree needs to give the answers that were recorded, by real path: files, links on the way, names."""
    collector = _Collector(host=Host(root=recording.root))
    for path, (content, problem, _) in recording.contents.items():
        collector.add_file(path, content, problem)
    for directory, names in recording.listings.items():
        for name in names:
            collector.add_place(f"{directory.rstrip('/')}/{name}")
        collector.add_target(directory)
    for path in recording.places:
        collector.add_place(path)
        collector.add_target(path)
    return tuple(entry for _, entry in sorted(collector.found.items()))


@dataclass(slots=True, kw_only=True)
class _Collector:
    """`found` maps real paths to entries; one that tells more replaces one that tells less."""

    host: Host
    found: dict[str, Entry] = field(default_factory=dict)

    def add_file(self, path: str, content: bytes, problem: str) -> None:
        """What a read answered: content, an error, or nothing where nothing is."""
        if problem in _ABSENT or "\0" in path:
            self._walk(path)
        elif problem == "EISDIR":
            self.add_target(path)
        else:
            real = self._walk(path) or path
            kind = EntryKind.UNREADABLE if problem else EntryKind.FILE
            text = content.decode("utf-8", "surrogateescape")
            mode = self.host.kind_and_mode(real)[1]
            self._put(Entry(path=real, kind=kind, mode=mode, content=text, problem=problem))

    def add_place(self, path: str) -> None:
        """What stands at a path itself, be it a link."""
        parent, _, name = path.rpartition("/")
        real = self._walk(parent)
        if real and name:
            self._add_by_kind(f"{real.rstrip('/')}/{name}")

    def add_target(self, path: str) -> None:
        """What a path leads to, with the links on the way."""
        if real := self._walk(path):
            self._add_by_kind(real)

    def _walk(self, path: str) -> str:
        """The real path, its links added on the way; "" for a circle of links."""
        try:
            real, links = self.host.trace(path or "/")
        except (OSError, ValueError):
            return ""
        for place, target in links.items():
            self._put(Entry(path=place, kind=EntryKind.LINK, mode=0o777, target=target))
        return real

    def _add_by_kind(self, real: str) -> None:
        kind, mode = self.host.kind_and_mode(real)
        if kind == "symlink":
            self._put(Entry(path=real, kind=EntryKind.LINK, mode=0o777, target=self.host.link(real)))
        elif kind == "directory" and real != "/":
            self._put(Entry(path=real, kind=EntryKind.DIRECTORY, mode=_DIRECTORY_MODE))
        elif kind == "device":
            self._put(Entry(path=real, kind=EntryKind.DEVICE, mode=mode))
        elif kind in ("file", "other"):
            self._put(Entry(path=real, kind=EntryKind.LISTED, mode=mode))

    def _put(self, entry: Entry) -> None:
        known = self.found.get(entry.path)
        if known is None or known.kind is EntryKind.LISTED:
            self.found[entry.path] = entry
