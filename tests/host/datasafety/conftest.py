"""Fixtures of the data-safety tests; every device they hand out is a loop device of the test's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.datasafety.loops import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    try:
        yield made
    finally:
        made.close()
