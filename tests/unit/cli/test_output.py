"""Colour policy, symbols, tables and JSON."""

import io
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.cli.output import ColorChoice, Symbol, Terminal, Tone, plain, print_json, table
from nodeagent.model.cpuset import CpuSet


class _Stream(io.StringIO):
    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal = terminal
        self._encoding = encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding


@pytest.mark.parametrize(
    ("terminal", "choice", "environment", "colored"),
    [
        (True, ColorChoice.AUTO, {}, True),
        (False, ColorChoice.AUTO, {}, False),
        (True, ColorChoice.AUTO, {"NO_COLOR": "1"}, False),
        (True, ColorChoice.AUTO, {"NO_COLOR": ""}, True),
        (True, ColorChoice.AUTO, {"TERM": "dumb"}, False),
        (False, ColorChoice.ALWAYS, {"NO_COLOR": "1"}, True),
        (True, ColorChoice.NEVER, {}, False),
    ],
)
def test_color_follows_the_option_then_no_color_then_the_terminal(
    terminal: bool, choice: ColorChoice, environment: dict[str, str], colored: bool
) -> None:
    made = Terminal.of(stream=_Stream(terminal=terminal), choice=choice, environment=environment)
    assert made.color is colored
    assert made.style("x", Tone.BAD) == ("\x1b[31mx\x1b[0m" if colored else "x")


def test_symbols_are_ascii_where_the_encoding_has_no_others() -> None:
    made = Terminal.of(stream=_Stream(terminal=True, encoding="ascii"), choice=ColorChoice.AUTO, environment={})
    assert all(made.symbol(symbol).isascii() for symbol in Symbol)


def test_a_table_aligns_its_columns_and_leaves_no_trailing_blanks() -> None:
    assert table([["sda", "1 TB", ""], ["nvme0n1", "15 TB", "ledger"]], header=["NAME", "SIZE", "FOR"]) == (
        "NAME     SIZE   FOR\nsda      1 TB\nnvme0n1  15 TB  ledger"
    )


def test_a_table_without_rows_is_empty() -> None:
    assert table([], header=["NAME"]) == ""


_CELLS = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=200)


@given(st.lists(st.tuples(_CELLS, _CELLS, _CELLS), min_size=1, max_size=5))
def test_a_table_never_cuts_a_cell_and_color_does_not_move_a_column(rows: list[tuple[str, str, str]]) -> None:
    terminal = Terminal(color=True)
    colored = [(terminal.style(first, Tone.GOOD), second, third) for first, second, third in rows]
    bare = table(rows)
    assert all(cell in bare for row in rows for cell in row)
    assert table(colored).replace("\x1b[32m", "").replace("\x1b[0m", "") == bare


class _Kind(StrEnum):
    DISK = "disk"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Device:
    name: str
    kind: _Kind
    cpus: CpuSet
    path: Path
    iops: float
    tags: frozenset[int]
    distances: dict[int, int]
    parts: tuple["_Device", ...] = ()


def test_a_document_is_written_with_cpu_sets_as_lists_and_impossible_floats_as_null() -> None:
    inner = _Device(
        name="sda1",
        kind=_Kind.DISK,
        cpus=CpuSet(),
        path=Path("/dev/sda1"),
        iops=float("nan"),
        tags=frozenset(),
        distances={},
    )
    device = _Device(
        name="sda",
        kind=_Kind.DISK,
        cpus=CpuSet.parse("0-3,8"),
        path=Path("/dev/sda"),
        iops=float("inf"),
        tags=frozenset({10, 9}),
        distances={0: 10},
        parts=(inner,),
    )
    stream = io.StringIO()
    print_json({"device": device}, kind="example", stream=stream)
    empty: dict[str, object] = {"cpus": "", "iops": None, "tags": [], "distances": {}, "parts": []}
    assert json.loads(stream.getvalue()) == {
        "schema_version": 1,
        "kind": "example",
        "device": {
            "name": "sda",
            "kind": "disk",
            "cpus": "0-3,8",
            "path": "/dev/sda",
            "iops": None,
            "tags": [9, 10],
            "distances": {"0": 10},
            "parts": [{"name": "sda1", "kind": "disk", "path": "/dev/sda1", **empty}],
        },
    }


def test_a_document_may_not_hide_its_own_schema_version() -> None:
    with pytest.raises(ValueError, match="schema_version"):
        print_json({"schema_version": 7}, kind="example", stream=io.StringIO())


@pytest.mark.parametrize("value", [object(), b"bytes", _Device])
def test_what_has_no_json_form_is_an_error_and_not_a_guess(value: object) -> None:
    with pytest.raises(TypeError, match="no JSON form"):
        plain(value)
