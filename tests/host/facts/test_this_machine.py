"""Facts of the real kernel, held against what util-linux and iproute2 say about the same machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host
from nodeagent.host.kernel_features import clock_is_synchronised, io_uring_problem
from tests.needs import need_tool, tool

pytestmark = pytest.mark.host


def said(*argv: str) -> Any:
    done = subprocess.run([tool(argv[0]), *argv[1:]], capture_output=True, text=True, check=True, timeout=30)
    return json.loads(done.stdout)


@need_tool("lsblk")
def test_drives_are_those_of_lsblk() -> None:
    columns = "KNAME,MAJ:MIN,SIZE,RO,ROTA,RM,SCHED,TYPE"
    listed = said("lsblk", "--json", "--bytes", "--all", "--list", "--output", columns)["blockdevices"]
    whole = {each["kname"]: each for each in listed if each["type"] != "part"}
    found = {device.name: device for device in Host().facts().block_devices}
    assert set(whole) <= set(found)
    for name, each in whole.items():
        device = found[name]
        assert (device.major_minor, device.size_bytes) == (each["maj:min"], each["size"] or 0)
        assert (device.read_only, device.rotational, device.removable) == (each["ro"], each["rota"], each["rm"])
        assert device.scheduler in (each["sched"] or "", "none")


@need_tool("lscpu")
def test_processors_are_those_of_lscpu() -> None:
    rows = said("lscpu", "--json", "--extended=CPU,CORE,SOCKET,ONLINE")["cpus"]
    online = [row for row in rows if row["online"]]
    cpus = Host().facts().cpus
    assert set(cpus.online) == {int(row["cpu"]) for row in online}
    assert cpus.cores == len({(row["socket"], row["core"]) for row in online})
    assert cpus.packages == len({row["socket"] for row in online})


@need_tool("ip")
def test_ports_are_those_of_ip_link() -> None:
    links = {each["ifname"]: each for each in said("ip", "-json", "link", "show")}
    ports = {nic.name: nic for nic in Host().facts().nics}
    assert set(ports) == set(links)
    for name, link in links.items():
        assert (ports[name].mtu, ports[name].mac) == (link["mtu"], link["address"])
        assert ports[name].operstate.upper() == link["operstate"]


@need_tool("findmnt")
def test_mounts_are_those_of_findmnt() -> None:
    listed = said("findmnt", "--json", "--list", "--output", "TARGET,FSTYPE,MAJ:MIN")["filesystems"]
    wanted = sorted((each["target"], each["fstype"], each["maj:min"]) for each in listed)
    assert sorted((each.target, each.fstype, each.major_minor) for each in Host().mounts()) == wanted


def test_sizes_are_those_of_the_kernel() -> None:
    facts = Host().facts()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert facts.memory.total_bytes is not None
    assert facts.memory.total_bytes == pytest.approx(pages, rel=0.01)
    assert facts.kernel.page_bytes == os.sysconf("SC_PAGE_SIZE")
    assert facts.kernel.release == os.uname().release
    assert facts.platform.hostname == os.uname().nodename


def test_asking_the_kernel_leaves_no_descriptor_open() -> None:
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only
    assert io_uring_problem() in ("", "EPERM", "ENOSYS", "ENOMEM")
    assert clock_is_synchronised() in (True, False, None)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


def nodeagent(*arguments: str, environment: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    call = "import sys; from nodeagent.cli.main import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.run(
        [sys.executable, "-c", call, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **(environment or {})},
    )


def test_doctor_gives_a_remedy_for_whatever_is_not_well() -> None:
    done = nodeagent("host", "doctor", "--output", "json")
    document = json.loads(done.stdout)
    states = {check["state"] for check in document["checks"]}
    assert states <= {"ok", "warn", "missing"}
    assert done.returncode == (1 if "missing" in states else 0)
    assert all(check["reason"] for check in document["checks"])
    assert all(bool(check["remedy"]) == (check["state"] != "ok") for check in document["checks"])


def test_doctor_misses_a_place_for_the_state(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = nodeagent("host", "doctor", "--state-dir", str(tmp_path / "file" / "state"))
    assert done.returncode == 1
    assert "to be made: not writable" in done.stdout
    assert "--state-dir" in done.stdout


def test_doctor_makes_no_state_directory(tmp_path: Path) -> None:
    nodeagent("host", "doctor", "--state-dir", str(tmp_path / "state"))
    assert list(tmp_path.iterdir()) == []


def test_show_in_a_pipe_has_no_colour_and_fits(tmp_path: Path) -> None:
    done = nodeagent("host", "show", environment={"COLUMNS": "40"})
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stderr == ""
    assert done.stdout.startswith("host ")
