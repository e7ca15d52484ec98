"""How many interrupts the MSI-X table of a function holds, also where its configuration space makes no sense."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.host.vector_table import read_table_size
from tests.fixtures.ports import PF, configuration_space
from tests.fixtures.tree import Tree


def _host(root: Path, content: bytes) -> Host:
    Tree(root=root).file(f"/sys/bus/pci/devices/{PF}/config", content)
    return Host(root=root)


@pytest.mark.parametrize("vectors", [1, 3, 256, 257, 2048])
def test_the_size_is_one_more_than_the_last_index(tmp_path: Path, vectors: int) -> None:
    assert read_table_size(_host(tmp_path, configuration_space(vectors)), PF) == vectors


def _changed(offset: int, value: int) -> bytes:
    content = bytearray(configuration_space(3))
    content[offset] = value
    return bytes(content)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(configuration_space(3)[:64], id="what is told to others than root"),
        pytest.param(configuration_space(3)[:0x72], id="cut in the middle of the capability"),
        pytest.param(_changed(0x06, 0), id="no list of capabilities"),
        pytest.param(_changed(0x34, 0), id="an empty list"),
        pytest.param(_changed(0x70, 0x05), id="no MSI-X in the list"),
        pytest.param(_changed(0x41, 0x40), id="a list that leads back to itself"),
        pytest.param(b"\xff" * 256, id="a function that is gone"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_what_does_not_lead_to_a_table_is_unknown(tmp_path: Path, content: bytes) -> None:
    assert read_table_size(_host(tmp_path, content), PF) is None


def test_no_function_is_unknown(tmp_path: Path) -> None:
    assert read_table_size(Host(root=tmp_path), PF) is None


@given(content=st.binary(min_size=64, max_size=256), start=st.integers(0, 255))
@settings(max_examples=150, deadline=None)
def test_any_content_ends_in_a_size_or_in_unknown(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: int
) -> None:
    space = bytearray(content)
    space[0x06], space[0x34] = 0x10, start
    size = read_table_size(_host(tmp_path_factory.mktemp("tree"), bytes(space)), PF)
    assert size is None or 1 <= size <= 2048
