"""The undo script and NVMe drives: real shells on a tree of files, with what nvme-cli prints in two versions."""

import os
import subprocess
from pathlib import Path

import pytest

from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.tune.undo import script as undo_script
from nodeagent.tune.undo.drive import drive_action, drive_condition, drive_functions
from tests import needs
from tests.fixtures.tree import Tree

pytestmark = pytest.mark.host

ADDRESS = "0000:41:00.0"
CHANGE = SetNvmeFeature(
    key="nvme:S1:power_state", tunable="nvme", address=ADDRESS, serial="S1", feature=2, before=0, after=34
)
SAYS = {
    "1.12": "get-feature:0x2 (Power Management), Current value:00000022",
    "2.3": "get-feature:0x02 (Power Management), Current value:0x00000022",
}


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param.split()
    needs.tool(words[0])
    return words


def run(shell: list[str], root: Path, script: str, *, says: str = SAYS["2.3"], serial: str = "S1") -> int:
    Tree(root=root).file(f"/sys/bus/pci/devices/{ADDRESS}/nvme/nvme3/serial", f"{serial}      ")
    programs = root / "bin"
    programs.mkdir()
    (programs / "nvme").write_text(f'#!/bin/sh\necho "$@" >> {root}/asked\necho "{says}"\n')
    (programs / "nvme").chmod(0o755)
    head = undo_script._HEAD.replace("@ROOT@", str(root)).replace("@BOOT@", "")
    text = f"{head}{drive_functions([CHANGE])}\n{script}"
    environment = {"PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    return subprocess.run([*shell, "-c", text], env=environment, check=False, timeout=30).returncode


@pytest.mark.parametrize("version", SAYS)
def test_a_value_is_read_off_nvme_cli(shell: list[str], version: str, tmp_path: Path) -> None:
    assert run(shell, tmp_path, drive_condition(CHANGE), says=SAYS[version]) == 0
    assert (tmp_path / "asked").read_text() == "get-feature /dev/nvme3 --feature-id=2\n"


def test_another_value_is_somebody_elses(shell: list[str], tmp_path: Path) -> None:
    assert run(shell, tmp_path, drive_condition(CHANGE.inverse())) != 0


def test_another_drive_at_the_address_is_not_asked(shell: list[str], tmp_path: Path) -> None:
    assert run(shell, tmp_path, drive_condition(CHANGE), serial="S2") != 0
    assert not (tmp_path / "asked").exists()


def test_the_way_back_is_sent_to_the_drive_of_the_serial(shell: list[str], tmp_path: Path) -> None:
    assert run(shell, tmp_path, drive_action(CHANGE.inverse())) == 0
    assert (tmp_path / "asked").read_text() == "set-feature /dev/nvme3 --feature-id=2 --value=0\n"
