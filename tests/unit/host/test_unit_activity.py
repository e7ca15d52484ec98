"""Who is at work in a systemd unit, told from trees of control groups."""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.unit_activity import unit_activity
from nodeagent.model.unit_activity import Activity
from tests.unit.tune.toys import make_host, write

SYSTEM = "/sys/fs/cgroup/system.slice"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return make_host(tmp_path, {f"{SYSTEM}/ssh.service/cgroup.procs": "700\n"})


def seen(host: Host) -> tuple[Activity, tuple[int, ...]]:
    found = unit_activity(host, "sol.service")
    return found.activity, found.pids


def test_a_unit_without_a_group_does_not_run(host: Host) -> None:
    assert seen(host) == (Activity.STOPPED, ())


def test_a_unit_with_processes_runs(host: Host) -> None:
    write(host.root, f"{SYSTEM}/sol.service/cgroup.procs", "4712\n4711\n")
    assert seen(host) == (Activity.RUNNING, (4711, 4712))


def test_a_group_that_is_empty_is_one_that_has_just_ended(host: Host) -> None:
    write(host.root, f"{SYSTEM}/sol.service/cgroup.procs", "")
    assert seen(host) == (Activity.STOPPED, ())


def test_processes_of_sub_groups_count(host: Host) -> None:
    write(host.root, f"{SYSTEM}/sol.service/cgroup.procs", "")
    write(host.root, f"{SYSTEM}/sol.service/workers/cgroup.procs", "4711\n")
    assert seen(host) == (Activity.RUNNING, (4711,))


@pytest.mark.parametrize("slice", ["validator.slice", "machine.slice/machine-sol.slice"])
def test_it_is_found_in_whatever_slice_it_is(host: Host, slice: str) -> None:
    write(host.root, f"/sys/fs/cgroup/{slice}/sol.service/cgroup.procs", "4711\n")
    assert seen(host) == (Activity.RUNNING, (4711,))


@pytest.mark.parametrize("tree", ["unified", "systemd"])
def test_hybrid_and_old_hierarchies_are_read_too(tmp_path: Path, tree: str) -> None:
    host = make_host(tmp_path, {f"/sys/fs/cgroup/{tree}/system.slice/sol.service/cgroup.procs": "4711\n"})
    assert seen(host) == (Activity.RUNNING, (4711,))


def test_without_control_groups_of_systemd_nobody_can_say(tmp_path: Path) -> None:
    found = unit_activity(make_host(tmp_path, {}), "sol.service")
    assert found.activity is Activity.UNKNOWN
    assert "system.slice" in found.problem


def test_what_cannot_be_read_is_not_taken_for_empty(host: Host) -> None:
    (host.root / SYSTEM.lstrip("/") / "sol.service" / "cgroup.procs").mkdir(parents=True)
    found = unit_activity(host, "sol.service")
    assert found.activity is Activity.UNKNOWN
    assert "EISDIR" in found.problem
