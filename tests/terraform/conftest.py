"""The cloud that the tests of provisioning rehearse on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cherrylab.service import Options
from tests.terraform.running_cloud import RunningCloud


@pytest.fixture
def cloud_options() -> Options:
    """How the cloud behaves: no limit of requests, no delay. A test module overrides it to have it otherwise."""
    return Options()


@pytest.fixture
def cloud(tmp_path: Path, cloud_options: Options) -> Iterator[RunningCloud]:
    """A fresh cloud; the test must be marked `host` or `e2e`, as it opens connections on loopback."""
    directory = tmp_path / "cloud"
    directory.mkdir(mode=0o700)
    with RunningCloud(directory, cloud_options) as running:
        yield running
