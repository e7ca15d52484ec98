"""Resource limits of a systemd unit: what its files give it, what its processes really have.

A limit is `soft:hard`, one number for both, or `infinity`; sizes may have K, M, G to the base of 1024. The last
assignment of all files counts, an empty one takes all before it back, and a unit without one gets the manager's
default. What is written takes effect when the unit starts; a process that runs keeps what it was started with.

Sources: systemd.exec(5) (process properties), systemd-system.conf(5) (DefaultLimit...), proc_pid_limits(5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader
from nodeagent.model.unit_file import parse_unit_file

INFINITY = 2**64 - 1
"""RLIM_INFINITY: more than any number."""

_FACTORS = {"K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}
_MANAGER = "/systemd/system.conf"
_PLACES = ("/etc", "/run", "/usr/local/lib", "/usr/lib")


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitKind:
    """`directive` of a unit file, `row` of /proc/PID/limits."""

    name: str
    directive: str
    row: str


KINDS = (
    LimitKind(name="nofile", directive="LimitNOFILE", row="Max open files"),
    LimitKind(name="memlock_bytes", directive="LimitMEMLOCK", row="Max locked memory"),
    LimitKind(name="nproc", directive="LimitNPROC", row="Max processes"),
    LimitKind(name="rtprio", directive="LimitRTPRIO", row="Max realtime priority"),
    LimitKind(name="core_bytes", directive="LimitCORE", row="Max core file size"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Soft and hard value and the file that says so, "" for a running process."""

    soft: int
    hard: int
    path: str = ""

    def __str__(self) -> str:
        soft, hard = ("infinity" if value >= INFINITY else str(value) for value in (self.soft, self.hard))
        return soft if soft == hard else f"{soft}:{hard}"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitTexts:
    """The files of a unit in the order they take effect: path and text."""

    files: tuple[tuple[str, str], ...]

    def without(self, path: str) -> "UnitTexts":
        return UnitTexts(files=tuple(file for file in self.files if file[0] != path))

    def after(self, path: str) -> "UnitTexts":
        """The drop-ins whose names come after that of `path`; they have the last word."""
        name = path.rpartition("/")[2]
        return UnitTexts(files=tuple(file for file in self.files[1:] if file[0].rpartition("/")[2] > name))

    def last_word(self, directive: str) -> str:
        """The file whose assignment counts, be it an empty one; "" for none."""
        says = [
            path
            for path, text in self.files
            if any((s, k) == ("Service", directive) for s, k, _ in parse_unit_file([text]).assignments)
        ]
        return says[-1] if says else ""

    def limit(self, directive: str) -> Limit | None:
        """The value in force; None where no file gives one that can be understood."""
        found: Limit | None = None
        for path, text in self.files:
            for section, key, value in parse_unit_file([text]).assignments:
                if (section, key) == ("Service", directive):
                    found = _parse(value, path)
        return found


def manager_default(host: HostReader, directive: str) -> Limit | None:
    """What units without the directive get by configuration; None where that is left to systemd."""
    found: Limit | None = None
    for path in _manager_files(host):
        for section, key, value in parse_unit_file([host.read(path).text]).assignments:
            if (section, key) == ("Manager", f"Default{directive}"):
                found = _parse(value, path)
    return found


def process_limit(text: str, row: str) -> Limit | None:
    """One row of /proc/PID/limits; None where it is not there."""
    for line in text.splitlines():
        if line.startswith(f"{row} "):
            words = line.removeprefix(row).split()
            values = [_number("infinity" if word == "unlimited" else word) for word in words[:2]]
            if len(values) == 2 and values[0] is not None and values[1] is not None:
                return Limit(soft=values[0], hard=values[1])
    return None


def _manager_files(host: HostReader) -> Sequence[str]:
    main = next((p for place in _PLACES if host.read(p := f"{place}{_MANAGER}").ok), "")
    chosen: dict[str, str] = {}
    for place in _PLACES:
        for name in host.names(f"{place}{_MANAGER}.d"):
            if name.endswith(".conf"):
                chosen.setdefault(name, f"{place}{_MANAGER}.d/{name}")
    return [*([main] if main else []), *(path for _, path in sorted(chosen.items()))]


def _parse(value: str, path: str) -> Limit | None:
    soft, has_hard, hard = value.partition(":")
    numbers = [_number(soft), _number(hard if has_hard else soft)]
    if numbers[0] is None or numbers[1] is None:
        return None
    return Limit(soft=numbers[0], hard=numbers[1], path=path)


def _number(text: str) -> int | None:
    text = text.strip()
    if text == "infinity":
        return INFINITY
    factor = _FACTORS.get(text[-1:].upper(), 1)
    digits = text[:-1].strip() if factor > 1 else text
    return int(digits) * factor if digits.isascii() and digits.isdecimal() else None


def drop_in_text(unit: str, lines: Iterator[str]) -> str:
    """The whole file, with who owns it and how to be rid of it."""
    head = f"# Written by nodeagent (tune limits) for {unit}; undo it with: nodeagent tune rollback --tunable limits\n"
    return head + "[Service]\n" + "".join(f"{line}\n" for line in lines)
