"""A machine as files for each test."""

from pathlib import Path

import pytest

from tests.unit.datasafety.trees import Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine.build(tmp_path)
