"""What the files of sysctl.d will set at the next boot, as systemd-sysctl(8) and sysctl.d(5) have it.

A file in /etc masks one of the same name in /run, and that one those below /usr; then all are read in the order of
their names, a later assignment standing over an earlier one. A pattern never stands over an explicit key, and a key
excluded with `-` is left alone by patterns. /etc/sysctl.conf comes last: systemd reads it only through the link that
Debian puts into /etc/sysctl.d, the sysctl(8) of procps reads it after everything else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nodeagent.model.host_reader import HostReader
from nodeagent.tune.kernel import sysctl_name

DIRECTORIES = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d", "/lib/sysctl.d")
LAST_FILE = "/etc/sysctl.conf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One line. `parts` may hold patterns; `value` None excludes the key from patterns."""

    file: str
    line: int
    parts: tuple[str, ...]
    value: str | None

    @property
    def is_pattern(self) -> bool:
        return any(character in part for part in self.parts for character in "*?[")

    def names(self, parts: tuple[str, ...]) -> bool:
        """Does it mean this key? A pattern's `*` stays within one part, as in a path."""
        if not self.is_pattern:
            return parts == self.parts
        if len(parts) != len(self.parts):
            return False
        return all(fnmatchcase(part, pattern) for part, pattern in zip(parts, self.parts, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class BootFiles:
    """Every assignment in the order it takes effect, and the files that could not be read."""

    assignments: tuple[Assignment, ...]
    unreadable: tuple[str, ...] = ()

    def at_boot(self, key: str) -> Assignment | None:
        """The line that decides a key at the next boot; None where no file sets it."""
        parts = sysctl_name.parts(key)
        meant = [line for line in self.assignments if parts and line.names(parts)]
        explicit = [line for line in meant if not line.is_pattern]
        last = (explicit or meant)[-1:]
        # An exclusion keeps patterns off and undoes earlier lines for its key; it assigns nothing itself.
        return last[0] if last and last[0].value is not None else None


def read_boot_files(host: HostReader) -> BootFiles:
    """All the files there are, masked and ordered as at boot."""
    assignments: list[Assignment] = []
    unreadable: list[str] = []
    for path in _paths(host):
        reading = host.read(path)
        if reading.ok:
            assignments.extend(_assignments(path, reading.text))
        elif reading.problem and not _is_mask(host, path):
            unreadable.append(path)
    return BootFiles(assignments=tuple(assignments), unreadable=tuple(unreadable))


def _paths(host: HostReader) -> list[str]:
    chosen: dict[str, str] = {}
    for directory in DIRECTORIES:
        for name in host.names(directory):
            if name.endswith(".conf"):
                chosen.setdefault(name, f"{directory}/{name}")
    return [*(chosen[name] for name in sorted(chosen)), LAST_FILE]


def _is_mask(host: HostReader, path: str) -> bool:
    """A link to /dev/null, which masks the file of that name; a device can't be read as a text."""
    return host.stat(path).kind == "symlink" and host.read(path).problem == "EINVAL"


def _assignments(path: str, text: str) -> Iterator[Assignment]:
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        key, equals, value = stripped.partition("=")
        key = key.strip().removeprefix("-").strip()
        excluded = not equals and stripped[0] == "-"
        if key and (equals or excluded):
            yield Assignment(file=path, line=number, parts=_pattern(key), value=None if excluded else value.strip())


def _pattern(key: str) -> tuple[str, ...]:
    """The parts of a key that may hold patterns, by the rule of sysctl_name."""
    first = next((character for character in key if character in "./"), "")
    text = key if first == "/" else key.translate(str.maketrans("./", "/."))
    return tuple(part for part in text.split("/") if part)
