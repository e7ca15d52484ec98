"""A slice's drop-ins and its partition through the whole engine, on a tree where a test plays PID 1 and the kernel."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host.changes import config
from nodeagent.model.change import WriteConfig
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.profile import Profile
from nodeagent.model.setting import Setting
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.processors.isolation_state import WORKQUEUES, drop_in_path
from nodeagent.tune.tunables.cpu_isolation import CPU_ISOLATION, CpuIsolationSettings
from tests.unit.tune.test_rollback import roll_back
from tests.unit.tune.toys import World, make_host, profile_of

SLICE = "validator.slice"
GROUP = f"/sys/fs/cgroup/{SLICE}"
FILES = {
    "/run/systemd/system/.keep": "",
    "/etc/systemd/system/.keep": "",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu memory\n",
    f"{GROUP}/cgroup.procs": "4711\n",
    WORKQUEUES: "ff\n",
}


def profile(cpus: str = "2-3") -> Profile:
    settings = CpuIsolationSettings(
        cpus=Setting(value=cpus), partition=Setting(value="isolated"), workqueues=Setting(value="0-1,4-7")
    )
    return replace(profile_of(), tune={"cpu-isolation": settings}, digest=cpus)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    host = make_host(tmp_path / "root", FILES)
    world = World(root=host.root, state=tmp_path / "state", host=host, tunables=(CPU_ISOLATION,))
    real = config.perform

    def perform(host: Any, change: WriteConfig) -> None:
        """As PID 1 does at a daemon-reload: the slice gets the CPUs of its drop-in, and with them its cpuset files."""
        real(host, change)
        if change.path != drop_in_path(SLICE):
            return
        if change.after is None:
            (world.root / GROUP.lstrip("/") / "cpuset.cpus").unlink()
            (world.root / GROUP.lstrip("/") / "cpuset.cpus.partition").unlink()
            return
        world.set(f"{GROUP}/cpuset.cpus", change.after.strip().rpartition("=")[2] + "\n")
        if not (world.root / GROUP.lstrip("/") / "cpuset.cpus.partition").exists():
            world.set(f"{GROUP}/cpuset.cpus.partition", "member\n")

    monkeypatch.setattr(config, "perform", perform)
    return world


def contents(world: World) -> dict[str, str]:
    tops = (world.root / "etc", world.root / "sys")
    return {str(path): path.read_text() for top in tops for path in sorted(top.rglob("*")) if path.is_file()}


def directories(world: World) -> set[str]:
    return {str(path) for path in (world.root / "etc").rglob("*") if path.is_dir()}


def _own(world: World) -> bool:
    """Making directories for root needs root."""
    return (world.root / "etc").stat().st_uid == 0


def test_the_slice_gets_its_cpus_then_its_partition_and_gives_all_back(world: World) -> None:
    if not _own(world):
        for directory in (f"{SLICE}.d", "slices.target.d"):
            (world.root / "etc/systemd/system" / directory).mkdir()
    before, made = contents(world), directories(world)
    assert world.apply(profile()).outcome is ApplyOutcome.APPLIED
    assert world.value(f"{GROUP}/cpuset.cpus.partition") == "isolated\n"
    assert CpuSet.parse_mask(world.value(WORKQUEUES)) == CpuSet.parse("0-1,4-7")
    assert not world.plan(profile()).items
    roll_back(world)
    assert contents(world) == before
    assert directories(world) == made


def test_other_cpus_go_through_the_same_file_and_back_to_none(world: World) -> None:
    for directory in (f"{SLICE}.d", "slices.target.d"):
        (world.root / "etc/systemd/system" / directory).mkdir()
    before = contents(world)
    world.apply(profile())
    assert world.apply(profile("4-5")).outcome is ApplyOutcome.APPLIED
    assert world.value(f"{GROUP}/cpuset.cpus") == "4-5\n"
    assert not world.plan(profile("4-5")).items
    roll_back(world)
    assert contents(world) == before


def test_after_a_boot_only_the_partition_and_the_mask_are_to_be_set(world: World) -> None:
    for directory in (f"{SLICE}.d", "slices.target.d"):
        (world.root / "etc/systemd/system" / directory).mkdir()
    world.apply(profile())
    world.reboot()
    world.set(f"{GROUP}/cpuset.cpus.partition", "member\n")
    world.set(WORKQUEUES, "ff\n")
    assert [item.key for item in world.plan(profile()).items] == ["cpu-isolation:workqueues", "cpu-isolation:partition"]
