"""`host show` and `host capture` on fixture machines: the keys that stay, and text that fits."""

import json
from pathlib import Path
from typing import Any

import pytest

from nodeagent.cli.main import main
from nodeagent.model.errors import ExitCode
from tests.fixtures.captured import CAPTURED, HOSTS

KEYS = {
    "cpus": {"online", "possible", "packages", "cores", "threads_per_core", "l3_domains"},
    "numa_nodes": {"id", "cpus", "memory_bytes", "distances"},
    "block_devices": {
        "name",
        "model",
        "serial",
        "size_bytes",
        "rotational",
        "numa_node",
        "pcie",
        "holders",
        "mounts",
    },
    "nics": {"name", "driver", "pci_address", "numa_node", "speed_mbps", "mtu", "sriov"},
}


def shown(capsys: pytest.CaptureFixture[str], name: str, *options: str) -> str:
    assert main(["host", "show", "--root", str(HOSTS / f"{name}.capture"), *options]) == ExitCode.OK
    return capsys.readouterr().out


def document(capsys: pytest.CaptureFixture[str], name: str) -> dict[str, Any]:
    whole = json.loads(shown(capsys, name, "--output", "json"))
    assert isinstance(whole, dict)
    return whole


@pytest.mark.parametrize("name", CAPTURED)
def test_the_keys_that_stay_are_there(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    whole = document(capsys, name)
    assert whole["schema_version"] == 1
    assert KEYS["cpus"] <= whole["cpus"].keys()
    for part in ("numa_nodes", "block_devices", "nics"):
        assert all(KEYS[part] <= each.keys() for each in whole[part])


def test_cpu_sets_are_in_list_form_and_distances_by_node(capsys: pytest.CaptureFixture[str]) -> None:
    whole = document(capsys, "epyc-7302p-nps4")
    assert whole["cpus"]["online"] == "0-31"
    assert whole["numa_nodes"][1]["cpus"] == "4-7,20-23"
    assert whole["numa_nodes"][1]["distances"] == {"0": 12, "1": 10, "2": 12, "3": 12}
    assert whole["block_devices"][0]["pcie"]["width"] == 4
    assert whole["nics"][0]["sriov"] == {"total_vfs": 8, "configured_vfs": 0, "vf_addresses": []}


def test_the_unknown_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    whole = document(capsys, "odd")
    assert whole["cpus"]["cores"] is None
    zram = next(drive for drive in whole["block_devices"] if drive["name"] == "zram0")
    assert zram["size_bytes"] is None
    assert whole["problems"]


@pytest.mark.parametrize("name", CAPTURED)
def test_text_fits_eighty_columns_but_for_problems(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, name).split("\n")
    facts = lines[: lines.index("Could not be read")] if "Could not be read" in lines else lines
    assert max(map(len, facts)) <= 80
    assert not any(line != line.rstrip() for line in facts)


def test_text_tells_a_slow_link_and_who_uses_a_drive(capsys: pytest.CaptureFixture[str]) -> None:
    assert "PCIe 8 GT/s x4, could be 16 GT/s x4" in shown(capsys, "epyc-7302p-nps1")
    assert "used by dm-0" in shown(capsys, "laptop")
    odd = shown(capsys, "odd")
    assert "topology unknown" in odd
    assert "nvme1n1  3.84 TB  SAMSUNG MZWLO3T8HCLS" in odd


@pytest.mark.parametrize("content", ["", "nonsense", "nodeagent host capture 1\npage-bytes 4096\n/\n    .. 0755 /\n"])
def test_a_file_that_is_no_capture_is_one_clear_error(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.write_text(content)
    assert main(["host", "show", "--root", str(file)]) == ExitCode.ERROR
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("nodeagent: ")
    assert "next: " in printed.err


def test_a_directory_that_is_no_machine_is_one_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["host", "show", "--root", str(tmp_path)]) == ExitCode.ERROR
    assert "no copy of a machine's files" in capsys.readouterr().err
    assert main(["host", "show", "--root", str(tmp_path / "none")]) == ExitCode.USAGE


def test_a_capture_can_be_captured_from_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "again"
    source = HOSTS / "laptop.capture"
    assert main(["host", "capture", "--root", str(source), str(file)]) == ExitCode.OK
    assert file.read_text() == source.read_text()
    assert main(["host", "capture", "--root", str(source), "-"]) == ExitCode.OK
    assert capsys.readouterr().out == source.read_text()
    assert main(["host", "capture", "--root", str(source), str(tmp_path / "third")]) == ExitCode.OK
    assert "read it before you pass it on" in capsys.readouterr().err
    assert main(["host", "capture", "--root", str(source), str(file)]) == ExitCode.ERROR
    assert "exists already" in capsys.readouterr().err
