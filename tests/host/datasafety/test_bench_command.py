"""The command as a person would type it by mistake: a device, a link to one, an image in use. fio measures nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nodeagent.model.errors import ExitCode
from nodeagent.model.occupancy import Reason
from tests import needs
from tests.host.datasafety.loops import Bench, run
from tests.needs import need_kernel, need_root, need_tool

pytestmark = [pytest.mark.host, need_root, need_kernel("/dev/loop-control"), need_tool("losetup", "mkfs.ext4", "fio")]

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("the drive", Reason.AREA_RAW_DEVICE),
        ("a link to it", Reason.AREA_RAW_DEVICE),
        ("its image", Reason.AREA_NOT_A_DIRECTORY),
        ("nothing", Reason.AREA_NOT_A_DIRECTORY),
    ],
)
def test_it_refuses_names_the_reason_and_measures_nothing(what: str, reason: Reason, bench: Bench) -> None:
    image = bench.image()
    run("mkfs.ext4", "-q", "-F", str(image))
    node = bench.attach(image)
    bench.mount(node)
    link = bench.directory / "scratch"
    link.symlink_to(node)
    path = {"the drive": node, "a link to it": str(link), "its image": str(image)}.get(what, "/no/such/place")
    before = bench.digests()
    started = _fio_that_notes(bench.directory)
    done = _nodeagent(bench.directory, "bench", "run", "randwrite-4k", "--quick", "--directory", f"scratch={path}")
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert reason.value in done.stdout + done.stderr
    about_itself = ("--version", "help", "--name=probe --filename=probe ")
    assert [line for line in started.read_text().splitlines() if not any(word in line for word in about_itself)] == []
    assert bench.digests() == before


def _fio_that_notes(directory: Path) -> Path:
    """Passes on to the real one, so that its version is known; what it was asked is noted."""
    log = directory / "started"
    log.touch()
    program = directory / "fio"
    program.write_text(f'#!/bin/sh\necho "$*" >> {log}\nexec {needs.tool("fio")} "$@"\n')
    program.chmod(0o755)
    return log


def _nodeagent(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    start = "import sys; from nodeagent.cli.main import main; sys.exit(main())"
    environment = os.environ | {
        "PATH": f"{directory}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "agent"),
        "NODEAGENT_STATE_DIR": str(directory / "state"),
    }
    argv = (sys.executable, "-c", start, *arguments)
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=100)
