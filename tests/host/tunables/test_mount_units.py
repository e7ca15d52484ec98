"""The names and files of mount units, held against systemd's own tools."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.host import Host
from nodeagent.profiles import load_profile
from nodeagent.tune.filesystems.boot_mounts import SYSTEM_UNITS, drop_in_path, escaped_path, mount_unit
from nodeagent.tune.filesystems.next_boot import drop_in_text, unit_text
from nodeagent.tune.filesystems.settings import FilesystemSettings
from nodeagent.tune.filesystems.state import look_at_all
from tests import needs
from tests.fixtures.tree import Tree

pytestmark = pytest.mark.host

UUID = "0b5e55ed-0000-4000-8000-000000000001"
PROFILE = """\
schema: 1
summary: one filesystem
tune:
  filesystem:
    - mount_point: /mnt/100% of it
      device: {serial: S1}
      type: ext4
      label: ledger
      uuid: 0b5e55ed-0000-4000-8000-000000000001
      options: [noatime]
      persist: unit
"""
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\n"), min_size=1, max_size=10)
paths = st.lists(names.filter(lambda name: name not in (".", "..")), max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)


@given(st.lists(paths, min_size=20, max_size=60))
@settings(max_examples=20, deadline=None)
def test_a_path_is_escaped_as_systemd_escapes_it(drawn: list[str]) -> None:
    tool = needs.tool("systemd-escape")
    told = subprocess.run([tool, "--path", "--", *drawn], check=True, capture_output=True, timeout=60)
    assert told.stdout.decode().rstrip("\n").split(" ") == [escaped_path(path) for path in drawn]


def test_systemd_finds_nothing_wrong_with_what_is_written(tmp_path: Path) -> None:
    tool = needs.tool("systemd-analyze")
    tree = Tree(root=tmp_path / "host")
    tree.file("/sys/block/nvme0n1/dev", "259:0")
    tree.file("/sys/block/nvme0n1/size", "2000000")
    tree.file("/sys/block/nvme0n1/device/serial", "S1")
    (tmp_path / "profile.yaml").write_text(PROFILE)
    types = {"filesystem": FilesystemSettings}
    wanted = load_profile(tmp_path / "profile.yaml", settings_types=types, search=()).tune["filesystem"]
    host = Host(root=tree.root)
    [seen] = look_at_all(host, wanted, host.facts())
    units = tmp_path / "units"
    unit = units / mount_unit(seen.entry.mount_point)
    drop_in = units / Path(drop_in_path(seen.entry.mount_point)).relative_to(SYSTEM_UNITS)
    drop_in.parent.mkdir(parents=True)
    unit.write_text(unit_text(seen))
    drop_in.write_text(drop_in_text(seen))
    command = [tool, "verify", "--man=no", str(unit)]
    checked = subprocess.run(
        command, check=False, capture_output=True, timeout=60, env={"SYSTEMD_UNIT_PATH": f"{units}:"}
    )
    said = [line for line in checked.stderr.decode().splitlines() if str(units) in line or unit.name in line]
    assert (checked.returncode, said) == (0, [])
