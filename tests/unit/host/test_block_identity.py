"""Drives told apart cheaply: the same answer as the full reading gives, from a fraction of the files."""

from pathlib import Path

import pytest

from nodeagent.host.block import identify_block_devices, read_block_devices
from nodeagent.host.inspection import Inspection
from nodeagent.host.recording import RecordingHost
from nodeagent.model.facts import BlockDevice
from tests.fixtures.captured import captured_host

MACHINES = ("cloud-vm", "epyc-7302p-nps1", "laptop", "odd", "vm")


@pytest.mark.parametrize("name", MACHINES)
def test_what_tells_drives_apart_is_what_the_full_reading_tells(name: str, tmp_path: Path) -> None:
    host = captured_host(name, tmp_path)
    full = read_block_devices(Inspection(host=host))
    known = identify_block_devices(Inspection(host=host))
    assert full
    assert [_lasting(device) for device in known] == [_lasting(device) for device in full]


def test_telling_drives_apart_asks_no_queue_for_its_knobs(tmp_path: Path) -> None:
    host = RecordingHost(root=captured_host("epyc-7302p-nps1", tmp_path).root)
    drives = identify_block_devices(Inspection(host=host))
    asked = {path for path in host.contents if "/queue/" in path}
    assert asked == {f"/sys/block/{drive.name}/queue/rotational" for drive in drives}


def _lasting(device: BlockDevice) -> tuple[object, ...]:
    return device.identity, device.major_minor, device.rotational
