"""Two guests for the whole run: the node that is tuned, and the peer at the other end of its cable."""

import os
from collections.abc import Iterator

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.lab import Lab
from cherrylab.guests.template import PEER, WORKBENCH
from tests import needs
from tests.lab.agent import install

_COSTLY = (
    "test_verify_speed",
    "test_storage",
    "test_services",
    "test_boot",
    "test_vm_lab",
    "test_cloud",
    "test_campaigns",
)
"""The files that come last, in this order: what fails within minutes is told before what takes long."""

_PROGRAMS = ("qemu-system-x86_64", "qemu-img", "ip", "ssh", "scp")
_BOOT_SECONDS = 600.0
"""A guest boots in half a minute here; other work on the machine makes that two."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests of guests by what they cost; those of others stay where they are, before them."""
    items.sort(key=_cost)


def _cost(item: pytest.Item) -> int:
    name = item.path.stem
    if item.get_closest_marker("lab") is None:
        return -2
    return _COSTLY.index(name) if name in _COSTLY else -1


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    needs.root()
    for program in _PROGRAMS:
        if needs.find_tool(program) is None:
            needs.missing(f"the program {program}", remedy="scripts/install-system-tools lab")
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    with Lab.create() as lab:
        yield lab


@pytest.fixture(scope="session")
def node(lab: Lab) -> Guest:
    """The machine that is tuned, with nodeagent as a command."""
    guest = lab.add(WORKBENCH)
    guest.wait(timeout_seconds=_BOOT_SECONDS)
    install(guest)
    return guest


@pytest.fixture(scope="session")
def peer(lab: Lab, node: Guest) -> Guest:
    """After the node: two that boot at once take longer than one after the other."""
    guest = lab.add(PEER)
    guest.wait(timeout_seconds=_BOOT_SECONDS)
    return guest
