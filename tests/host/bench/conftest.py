"""Fixtures of the benchmark tests on the real kernel."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from nodeagent.host.process import run
from nodeagent.model.command import Command
from tests import needs
from tests.host.bench.ground import Ground


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    made = Ground(directory=tmp_path)
    yield made
    made.check_nothing_left()


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable: 192.0.2.1 in the first, 192.0.2.2 in the second (TEST-NET-1, RFC 5737)."""
    needs.root()
    ip = needs.tool("ip")
    tag = uuid.uuid4().hex[:8]
    first, second = f"na-{tag}-a", f"na-{tag}-b"
    commands = [
        f"netns add {first}",
        f"netns add {second}",
        f"-n {first} link add veth0 type veth peer name veth0 netns {second}",
        f"-n {first} address add 192.0.2.1/24 dev veth0",
        f"-n {second} address add 192.0.2.2/24 dev veth0",
        f"-n {first} link set veth0 up",
        f"-n {second} link set veth0 up",
    ]
    try:
        for words in commands:
            completed = run(Command(argv=(ip, *words.split()), timeout_seconds=10))
            assert completed.ok, completed.stderr
        yield first, second
    finally:
        for name in (first, second):
            run(Command(argv=(ip, "netns", "delete", name), timeout_seconds=10))
