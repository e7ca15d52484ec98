"""What switches swap areas on at boot: lines of fstab, swap units of systemd, services that make one in memory.

systemd turns each line of fstab into a swap unit at boot, and with GPT it makes units for partitions of the right type.
A unit counts where something wants it: the generators leave a unit for a line with `noauto`, but no link to it.

Sources: fstab(5), systemd.swap(5), systemd-fstab-generator(8), systemd-gpt-auto-generator(8), swapon(8).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nodeagent.model.host_reader import HostReader
from nodeagent.model.swap_area import SwapArea
from nodeagent.model.unit_file import parse_unit_file
from nodeagent.model.unit_state import UnitState
from nodeagent.tune.filesystems.fstab import PATH as FSTAB

_UNIT_DIRECTORIES = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
    "/run/systemd/generator.late",
)
_GENERATORS = ("/run/systemd/generator", "/run/systemd/generator.late")
MAKERS = ("zramswap.service", "systemd-zram-setup@zram0.service", "dphys-swapfile.service", "swapspace.service")
"""Services that make a swap area of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapUnit:
    """One swap unit; `what` and `options` are as in its file, `at_boot` says whether something wants it."""

    unit: UnitState
    what: str
    options: tuple[str, ...]
    at_boot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapLine:
    """A line of fstab, counted from 1."""

    number: int
    what: str
    options: tuple[str, ...]

    @property
    def at_boot(self) -> bool:
        return "noauto" not in self.options


def swap_units(host: HostReader) -> tuple[SwapUnit, ...]:
    """Every swap unit that has a file, by name."""
    names = {name for place in _UNIT_DIRECTORIES for name in host.names(place) if name.endswith(".swap")}
    return tuple(_unit(host, name) for name in sorted(names))


def swap_lines(host: HostReader) -> tuple[SwapLine, ...]:
    """Every line of fstab with the type swap."""
    found = []
    for number, line in enumerate(host.read(FSTAB).text.splitlines(), start=1):
        fields = line.split()
        if len(fields) > 2 and not fields[0].startswith("#") and fields[2] == "swap":
            options = fields[3].split(",") if len(fields) > 3 else []
            found.append(SwapLine(number=number, what=fields[0], options=tuple(options)))
    return tuple(found)


def means(what: str, area: SwapArea) -> bool:
    """Does a word of fstab or a unit name this area? By path, UUID or label; anything else can't be told."""
    name = _specification(what)
    return name == area.path or (
        bool(area.uuid and name.lower() == f"/dev/disk/by-uuid/{area.uuid}".lower())
        or bool(area.label and name == f"/dev/disk/by-label/{area.label}")
    )


def same(one: str, other: str) -> bool:
    """Do two words name the same thing (`UUID=x` and `/dev/disk/by-uuid/x`)?"""
    return _specification(one) == _specification(other)


def discard_of(area: SwapArea, units: tuple[SwapUnit, ...], lines: tuple[SwapLine, ...]) -> str:
    """The discard policy that the area was configured with: "", once, pages or both."""
    sources: tuple[SwapLine | SwapUnit, ...] = (*lines, *units)
    for source in sources:
        if means(source.what, area):
            return next((_policy(option) for option in source.options if option.split("=")[0] == "discard"), "")
    return ""


def _policy(option: str) -> str:
    value = option.partition("=")[2]
    return value if value in ("once", "pages") else "both"


def _unit(host: HostReader, name: str) -> SwapUnit:
    unit = host.unit(name)
    file = parse_unit_file([host.read(path).text for path in (unit.fragment, *unit.drop_ins) if path])
    return SwapUnit(
        unit=unit,
        what=file.last("Swap", "What"),
        options=tuple(option for option in file.last("Swap", "Options").split(",") if option),
        at_boot=bool(unit.links or unit.runtime_links) or any(_wanted_by(host, unit.name)),
    )


def _wanted_by(host: HostReader, name: str) -> Iterator[bool]:
    for place in _GENERATORS:
        for directory in host.names(place):
            if directory.endswith((".wants", ".requires")):
                yield name in host.names(f"{place}/{directory}")


def _specification(what: str) -> str:
    what = what.replace("\\040", " ")
    for tag, directory in (("UUID=", "by-uuid"), ("LABEL=", "by-label"), ("PARTUUID=", "by-partuuid")):
        if what.startswith(tag):
            return f"/dev/disk/{directory}/{what.removeprefix(tag).strip(chr(34))}"
    return what
