"""The topology as one SVG file: no script, no request, light and dark, for a phone and for a desk.

A panel a node, as wide as a small phone. Panels are stacked, or stand in columns where there is room, which the file's
own style decides by the width it is shown at. Roles are told by colour (near Okabe and Ito's, made for colour-blind
readers), by a letter in every cell and by name beside every cache, so that no colour is needed to read it.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from nodeagent.model.placement import CpuRole
from nodeagent.model.units import counted, format_bytes
from nodeagent.report.templates import environment
from nodeagent.report.topology import Cache, Device, DrawnCore, Node, Topology, broken

LETTERS = {
    CpuRole.HOUSEKEEPING: "H",
    CpuRole.INTERRUPTS: "I",
    CpuRole.POH: "P",
    CpuRole.XDP: "X",
    CpuRole.VALIDATOR: "V",
}
_PANEL, _GAP, _PAD = 340, 10, 10
_COLUMNS = 8
_CELL, _ROW, _SPACE = 37, 16, 3
_LINE = 17
_TEXT_WIDTH = 45
"""Characters of a line in a panel; lines are broken by count, since nobody measures text here, and DejaVu is wide."""

_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""What XML can't hold or nobody should see, whatever a drive calls itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line; `style` is a class of the style sheet."""

    x: int
    y: int
    text: str
    style: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A thread of a core; `style` is the role's class."""

    x: int
    y: int
    number: str
    letter: str
    style: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One box of the page: what is in it, its height, and what it says to who can't see it."""

    name: str
    height: int
    texts: tuple[Text, ...]
    cells: tuple[Cell, ...] = ()
    swatches: tuple[Cell, ...] = ()


def render(topology: Topology) -> str:
    """The file; every text of the host is escaped, and what can't be seen is replaced."""
    panels = list(_panels(topology))
    title = _clean(f"Topology of {topology.hostname or 'this host'}")
    return (
        environment(autoescape=True)
        .get_template("topology.svg.j2")
        .render(
            title=title,
            panels=panels,
            panel_width=_PANEL,
            cell_width=_CELL,
            row_height=_ROW,
            layouts=[_layout(panels, columns) for columns in (1, 2, 3)],
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrangement:
    """Where the panels stand in so many columns: one place each, and the size of the whole."""

    from_width: int
    width: int
    height: int
    places: tuple[tuple[int, int], ...]


def _layout(panels: Sequence[Panel], columns: int) -> Arrangement:
    """Each panel goes to the column that is shortest so far, so the order stays and the page stays short."""
    heights = [_GAP] * columns
    places = []
    for panel in panels:
        column = heights.index(min(heights))
        places.append((_GAP + column * (_PANEL + _GAP), heights[column]))
        heights[column] += panel.height + _GAP
    width = columns * (_PANEL + _GAP) + _GAP
    return Arrangement(from_width=width, width=width, height=max(heights), places=tuple(places))


def _panels(topology: Topology) -> Iterator[Panel]:
    """What is wrong comes first, the reasons last."""
    placement = topology.placement
    yield _head(topology)
    if placement is not None and placement.problems:
        yield _sentences("Not as asked", placement.problems)
    for package in topology.packages:
        for node in package.nodes:
            yield _node_panel(node, "" if package.id is None else f"package {package.id}")
    if topology.elsewhere:
        sheet = _Sheet("devices of unknown place")
        sheet.say("The firmware doesn't tell on which node they are.")
        sheet.devices(topology.elsewhere)
        yield sheet.panel()
    if placement is not None:
        yield _sentences("Why", placement.reasons)


def _sentences(title: str, lines: Sequence[str]) -> Panel:
    sheet = _Sheet(title)
    for line in lines:
        sheet.say(line)
        sheet.skip(5)
    return sheet.panel()


def _head(topology: Topology) -> Panel:
    sheet = _Sheet(topology.hostname or "this host")
    sheet.say(topology.model or "unknown processor")
    sheet.say(f"profile {topology.profile}" if topology.profile else "no profile: nobody is placed")
    if topology.placement is not None:
        sheet.skip(6)
        for role in CpuRole:
            sheet.legend(role, str(topology.placement.cpus(role)) or "none")
    return sheet.panel()


def _node_panel(node: Node, package: str) -> Panel:
    name = "all CPUs, no NUMA" if node.id is None else f"node {node.id}"
    sheet = _Sheet(", ".join(filter(None, (package, name))))
    if node.memory_bytes is not None:
        sheet.say(f"{format_bytes(node.memory_bytes)} of memory")
    if node.validator_memory:
        sheet.say("the validator's memory belongs here", "strong")
    if len(node.distances) > 1:
        sheet.say("distances " + " ".join(f"{other}:{distance}" for other, distance in node.distances), "soft")
    for cache in node.caches:
        sheet.cache(cache)
    sheet.devices(node.devices)
    return sheet.panel()


class _Sheet:
    """A panel being filled from the top."""

    def __init__(self, title: str) -> None:
        self.name = _clean(title)
        self.y = _PAD
        self.texts: list[Text] = []
        self.cells: list[Cell] = []
        self.swatches: list[Cell] = []
        self.say(title, "title", width=32, step=22)

    def panel(self) -> Panel:
        return Panel(
            name=self.name,
            height=self.y + _PAD,
            texts=tuple(self.texts),
            cells=tuple(self.cells),
            swatches=tuple(self.swatches),
        )

    def skip(self, pixels: int) -> None:
        self.y += pixels

    def say(self, text: str, style: str = "", *, x: int = _PAD, width: int = _TEXT_WIDTH, step: int = _LINE) -> None:
        for line in broken(_clean(text), width):
            self.y += step
            self.texts.append(Text(x=x, y=self.y - 4, text=line, style=style))

    def legend(self, role: CpuRole, cpus: str) -> None:
        """The letter in its colour, the name, the CPUs."""
        self.swatches.append(Cell(x=_PAD, y=self.y + 2, number="", letter=LETTERS[role], style=role))
        self.say(f"{role}  {cpus}", x=_PAD + 26, width=_TEXT_WIDTH - 5)
        self.skip(4)

    def cache(self, cache: Cache) -> None:
        self.skip(6)
        size = "" if cache.size_bytes is None else f", {format_bytes(cache.size_bytes)}"
        name = "no cache known" if cache.id is None else f"cache {cache.id}{size}"
        roles = ", ".join(cache.roles())
        self.say(f"{name}: {roles}" if roles else name, "soft")
        for at in range(0, len(cache.cores), _COLUMNS):
            self._cores(cache.cores[at : at + _COLUMNS])

    def _cores(self, cores: Sequence[DrawnCore]) -> None:
        rows = max(len(core.threads) for core in cores)
        for column, core in enumerate(cores):
            for row, thread in enumerate(core.threads):
                letter = LETTERS[thread.role] if thread.role else ""
                x, y = _PAD + column * (_CELL + _SPACE), self.y + row * _ROW
                style = thread.role.value if thread.role else "nobody"
                self.cells.append(Cell(x=x, y=y, number=str(thread.cpu), letter=letter, style=style))
        self.y += rows * _ROW + _SPACE

    def devices(self, devices: Iterable[Device]) -> None:
        """A line each; who serves them is told once for those that share it."""
        for (kind, cpus, queues), group in groupby(devices, key=lambda each: (each.kind, each.cpus, each.queues)):
            self.skip(8)
            for device in group:
                vfs = f", {counted(device.vfs, 'VF')}" if device.vfs else ""
                about = " ".join(dict.fromkeys(filter(None, (device.name, device.address, device.driver))))
                self.say(f"{'port' if kind == 'nic' else 'drive'} {about}{vfs}")
            if cpus:
                each = f", {counted(queues, 'queue')} a port" if queues else ""
                self.say(f"interrupts to CPUs {cpus}{each}", "soft")


def _clean(text: str) -> str:
    return _UNSEEN.sub("\ufffd", text)
