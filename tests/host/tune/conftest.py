"""A network namespace for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.tune.netns import Namespace, network_namespace


@pytest.fixture
def namespace(tmp_path: Path) -> Iterator[Namespace]:
    directory = tmp_path / "own"
    directory.mkdir()
    with network_namespace(directory) as made:
        yield made
