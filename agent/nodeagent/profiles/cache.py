"""A profile that was typed once needn't be typed again until one of its files changes.

Importing pydantic and building its validators takes longer than all the rest of reading a profile, and `tune verify`
runs often. So the typed profile can be kept as JSON under the name of the file it came from. An entry is used only if
everything it was made from is still the same: the bytes of every file, the files that did *not* exist and would have
come first, the version of the program and the code of the settings. An entry that is damaged, foreign or written by
somebody else than us or root is passed over and made anew; so is a directory that others may write to.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nodeagent.model.profile import Profile
from nodeagent.profiles.hints import child
from nodeagent.profiles.plain import from_plain, to_plain
from nodeagent.version import VERSION

if TYPE_CHECKING:
    from nodeagent.profiles.layers import Layer

_FORMAT = 1
_SHAPES = ("model", "profiles", "tune")
"""Where the code stands that says what a profile may hold: the limits of a setting count as much as its fields."""


@dataclass(frozen=True, slots=True)
class Cache:
    """A directory of entries, one a profile file."""

    directory: Path

    def of(
        self,
        path: Path,
        *,
        search: Sequence[Path],
        settings_types: Mapping[str, Any],
        benchmarks: Collection[str] = (),
    ) -> "Entry":
        return Entry(
            directory=self.directory,
            path=path.absolute(),
            search=tuple(search),
            settings_types=settings_types,
            benchmarks=tuple(sorted(benchmarks)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What is kept of one profile file; `get` never raises and `put` may do nothing."""

    directory: Path
    path: Path
    search: tuple[Path, ...]
    settings_types: Mapping[str, Any]
    benchmarks: tuple[str, ...] = ()

    @property
    def file(self) -> Path:
        asked = dumps([str(self.path), *map(str, self.search)])
        return self.directory / f"profile-{sha256(asked.encode()).hexdigest()[:32]}.json"

    def get(self) -> Profile | None:
        """The profile as it was kept, if all it was made from is unchanged."""
        try:
            if not _is_ours(self.directory):
                return None
            kept = loads(self.file.read_bytes())
            if kept["made_by"] != self._made_by() or any(_digest(path) != was for path, was in kept["from"].items()):
                return None
            if kept["digest"] != _text_digest(kept["profile"]):
                return None
            return self._typed(loads(kept["profile"]))
        except (
            OSError,
            JSONDecodeError,
            UnicodeDecodeError,
            RecursionError,
            AttributeError,
            KeyError,
            TypeError,
            ValueError,
        ):
            return None  # absent or damaged: it is made anew from the files

    def put(self, profile: Profile, layers: "Sequence[Layer]") -> None:
        """Keep a profile; a cache that can't be written is no cache, and no error."""
        text = dumps(to_plain(profile))
        try:
            kept = {
                "made_by": self._made_by(),
                "from": {path: _digest(path) for path in self._sources(layers)},
                "digest": _text_digest(text),
                "profile": text,
            }
            if self._moved_since(layers):
                return
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_ours(self.directory):
                _write(self.file, dumps(kept))
        except OSError:
            return

    def _moved_since(self, layers: "Sequence[Layer]") -> bool:
        """Would other files, or other texts, be read now? Asked after their digests were taken, so that no change
        between reading a file and taking its digest can make an old profile look like a new file's.
        """
        from nodeagent.profiles.layers import LayerReader
        from nodeagent.profiles.problems import Problems

        now = LayerReader(self.search, Problems()).read(self.path)
        return [(layer.path.absolute(), layer.digest) for layer in now] != [
            (layer.path.absolute(), layer.digest) for layer in layers
        ]

    def _typed(self, kept: dict[str, Any]) -> Profile:
        tune = {name: from_plain(self.settings_types[name], item) for name, item in kept.pop("tune").items()}
        typed = {key: from_plain(child(Profile, key), item) for key, item in kept.items()}
        return Profile(**typed, tune=tune)

    def _sources(self, layers: "Sequence[Layer]") -> list[str]:
        """The files it was made from, and those that would have been taken instead had they been there."""
        folders = dict.fromkeys([*(layer.path.absolute().parent for layer in layers), *self.search])
        names = dict.fromkeys(layer.path.stem for layer in layers)
        return [str(folder / f"{name}.yaml") for folder in folders for name in names] + [str(self.path)]

    def _made_by(self) -> list[Any]:
        package = Path(__file__).parents[1]
        stamps = sorted(stamp for name in _SHAPES for stamp in _stamps(os.fspath(package / name)))
        known = [sorted(self.settings_types), list(self.benchmarks)]
        return [_FORMAT, VERSION, list(sys.version_info[:3]), known, stamps]


def _stamps(directory: str) -> Iterator[list[Any]]:
    """Path and time of change of each module below; `Path.rglob` takes five times as long, on every start."""
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.endswith(".py"):
                yield [entry.path, entry.stat().st_mtime_ns]
            elif entry.is_dir() and entry.name != "__pycache__":
                yield from _stamps(entry.path)


def _is_ours(directory: Path) -> bool:
    status = directory.lstat()
    return status.st_uid in (0, os.geteuid()) and not status.st_mode & 0o022


def _digest(path: str) -> str | None:
    try:
        return sha256(Path(path).read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _text_digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _write(path: Path, text: str) -> None:
    """Whole or not at all; no fsync, as a lost entry costs nothing."""
    from tempfile import NamedTemporaryFile

    with NamedTemporaryFile("w", dir=path.parent, prefix=".profile-", delete=False, encoding="utf-8") as file:
        temporary = Path(file.name)
        try:
            file.write(text)
            file.close()
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
