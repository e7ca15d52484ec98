"""Who mounts: we ourselves where our mounts are everybody's, else PID 1."""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.changes.mount import outside


@pytest.mark.parametrize(
    ("systemd", "ours", "of_first", "asks"),
    [
        (True, "mnt:[1]", "mnt:[1]", False),
        (True, "mnt:[2]", "mnt:[1]", True),
        (True, "mnt:[2]", "", False),
        (False, "mnt:[2]", "mnt:[1]", False),
    ],
)
def test_pid_1_mounts_where_systemd_runs_and_our_mounts_are_our_own(
    systemd: bool, ours: str, of_first: str, asks: bool, tmp_path: Path
) -> None:
    for pid, target in (("self", ours), ("1", of_first)):
        place = tmp_path / "proc" / pid / "ns"
        place.mkdir(parents=True)
        if target:
            (place / "mnt").symlink_to(target)
    if systemd:
        (tmp_path / "run/systemd/system").mkdir(parents=True)
    words = outside(Host(root=tmp_path))
    assert words[:1] == (("systemd-run",) if asks else ())
