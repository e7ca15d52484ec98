"""QEMU that stops at an assertion of its own is started once more, but only as long as nothing of the guest has run.

A script stands for QEMU: it counts its starts, says something on the console or nothing, and fails.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cherrylab.guests.guest import Guest
from cherrylab.guests.image import Image
from cherrylab.guests.lab import Lab
from cherrylab.guests.template import PEER
from nodeagent.model.errors import HostError
from tests.needs import need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_tool("ip"), need_tool("ssh")]

_QEMU = """#!/bin/sh
echo started >> {directory}/starts
printf %s '{console}' >> {directory}/console.log
echo "{said}" >&2
exit 134
"""
_ASSERTION = "qemu-system-x86_64: physmem.c:2678: iotlb_to_section: Assertion \\`index < number' failed."

Fails = Callable[..., Guest]


@pytest.fixture
def fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fails]:
    """Switches a guest on whose QEMU says something on its console and on its stderr, and ends."""
    monkeypatch.setenv("NODEAGENT_LAB_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    with Lab.create(image=Image(directory=Path("/nowhere"))) as lab:

        def switch_on(*, console: str = "", said: str = _ASSERTION) -> Guest:
            guest = lab.guest(PEER, number=1)
            guest.directory.mkdir()
            program = tmp_path / "bin" / "qemu-system-x86_64"
            program.parent.mkdir()
            program.write_text(_QEMU.format(directory=guest.directory, console=console, said=said))
            program.chmod(0o755)
            guest.power_on()
            return guest

        yield switch_on


def _starts(guest: Guest) -> int:
    return len((guest.directory / "starts").read_text().splitlines())


def test_before_its_first_word_it_is_switched_on_once_more_and_said(
    fails: Fails, caplog: pytest.LogCaptureFixture
) -> None:
    guest = fails()
    with pytest.raises(HostError, match="Assertion"):
        guest.wait_until_answering(timeout_seconds=30)
    assert _starts(guest) == 2
    assert "guest 1 is switched on once more" in caplog.text


@pytest.mark.parametrize(
    "words",
    [{"console": "Linux version 6.1"}, {"said": "qemu-system-x86_64: cannot set up guest memory"}],
    ids=["it has said something", "it was told why"],
)
def test_otherwise_it_stays_off(fails: Fails, words: dict[str, str]) -> None:
    guest = fails(**words)
    with pytest.raises(HostError, match="ended before it answered"):
        guest.wait_until_answering(timeout_seconds=30)
    assert _starts(guest) == 1
