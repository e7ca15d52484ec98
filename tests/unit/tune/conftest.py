"""A toy world for each test."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from nodeagent.tune.tunable import AnyTunable
from tests.unit.tune.toys import KnobTunable, World, make_host

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> MakeWorld:
    def make(files: Mapping[str, str] | None = None, *, tunables: tuple[AnyTunable, ...] = (KnobTunable(),)) -> World:
        root = tmp_path / "root"
        host = make_host(root, files or {"/proc/sys/a": "1\n", "/proc/sys/b": "2\n", "/proc/sys/c": "3\n"})
        return World(root=root, state=tmp_path / "state", host=host, tunables=tunables)

    return make


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    return make_world()
