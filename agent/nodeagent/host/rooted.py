"""Paths below an injected root: every link followed inside it, as chroot(2) would, so that none leads out.

`..` stops at the root and an absolute target starts there. Directories that were resolved once are remembered: an
inventory reads dozens of files in each, and the trees of a fixture don't move.
"""

# ruff: noqa: PTH112, PTH114, PTH115 - thousands of paths for one inventory: pathlib would triple its time

import errno
import os
from dataclasses import dataclass, field

_LINK_LIMIT = 40  # MAXSYMLINKS of the kernel
_OWN_PROCESS = "/proc/self"  # another number for each reader: a tree has it as a plain directory


@dataclass(frozen=True, slots=True, kw_only=True)
class RootedPaths:
    """`prefix` is the root as text, "" for the machine itself. Paths inside are absolute; ValueError for others."""

    prefix: str
    directories: dict[str, str] = field(default_factory=dict)

    def outside(self, inner: str) -> str:
        return self.prefix + inner

    def inside(self, location: str) -> str:
        return location.removeprefix(self.prefix)

    def resolve(self, path: str, *, follow_last: bool, must_exist: bool = True) -> str:
        """The path inside with its links followed, those of the last component where `follow_last`; OSError."""
        parent, _, last = absolute(path).rstrip("/").rpartition("/")
        if last in ("", ".", ".."):
            return self._walk(path, must_exist=must_exist)
        inner = f"{self._directory(parent, must_exist=must_exist).rstrip('/')}/{last}"
        if follow_last and os.path.islink(self.outside(inner)):
            return self._walk(inner, must_exist=must_exist)
        return inner

    def trace(self, path: str) -> tuple[str, dict[str, str]]:
        """The real path, whether or not it exists, and the links that led there, by their places; OSError (ELOOP)."""
        links: dict[str, str] = {}
        return self._walk(absolute(path), must_exist=False, links=links), links

    def _directory(self, path: str, *, must_exist: bool) -> str:
        known = self.directories.get(path)
        if known is None:
            known = self._walk(path, must_exist=must_exist)
            if os.path.isdir(self.outside(known)):
                self.directories[path] = known
        return known

    def _walk(self, path: str, *, must_exist: bool, links: dict[str, str] | None = None) -> str:
        done: list[str] = []
        waiting = path.split("/")[::-1]
        budget = _LINK_LIMIT
        while waiting:
            name = waiting.pop()
            if name == "..":
                del done[-1:]
            if name in ("", ".", ".."):
                continue
            done.append(name)
            target = self._link_at("/" + "/".join(done), must_exist=must_exist)
            if not target:
                continue
            if links is not None:
                links["/" + "/".join(done)] = target
            budget -= 1
            if budget < 0:
                raise OSError(errno.ELOOP, "too many links", path)
            del done[0 if target.startswith("/") else -1 :]
            waiting.extend(target.split("/")[::-1])
        return "/" + "/".join(done)

    def _link_at(self, inner: str, *, must_exist: bool) -> str:
        """The target if a link stands there, "" if something else does."""
        if inner == _OWN_PROCESS:
            return ""
        try:
            return os.readlink(self.outside(inner))
        except OSError as error:
            if error.errno != errno.EINVAL and must_exist:
                raise
            return ""


def absolute(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"not an absolute path: {path!r}")
    return path
