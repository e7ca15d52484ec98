"""Versions as programs print them, what they are worth, and who listens where."""

from pathlib import Path

import pytest

from nodeagent.host import Host
from nodeagent.host.diagnosis import Health
from nodeagent.host.doctor import listening_ports
from nodeagent.host.programs import PROGRAMS, Program, judge_program, version_in
from tests.fixtures.tree import Tree


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("fio-3.33", "3.33"),
        ("iperf 3.12 (cJSON 1.7.15)\nLinux vm 6.1.44", "3.12"),
        ("ethtool version 6.1", "6.1"),
        ("mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0", "1.47.0"),
        ("mkfs.btrfs, part of btrfs-progs v6.2", "6.2"),
        ("ip utility, iproute2-6.1.0, libbpf 1.1.2", "6.1.0"),
        ("systemd 252 (252.39-1~deb12u2)\n+PAM", "252"),
        ("nvme version 2.3 (git 2.3)", "2.3"),
        ("promtool, version 2.42.0+ds (branch: debian/sid)", "2.42.0"),
        ("unrecognized option '--version'", ""),
        ("", ""),
    ],
)
def test_a_version_is_found_in_what_a_program_prints(printed: str, version: str) -> None:
    assert version_in(printed) == version


def program(name: str) -> Program:
    return next(each for each in PROGRAMS if each.name == name)


@pytest.mark.parametrize(
    ("version", "state", "wanted"),
    [
        ("3.9", Health.WARN, "3.16"),
        ("3.12", Health.WARN, "3.16"),
        ("3.16", Health.WARN, "3.19.1"),
        ("3.19", Health.WARN, "3.19.1"),
        ("3.19.1", Health.OK, ""),
        ("3.21", Health.OK, ""),
        ("", Health.WARN, "3.16"),
    ],
)
def test_an_old_iperf3_is_told_with_the_version_to_get(version: str, state: Health, wanted: str) -> None:
    check = judge_program(program("iperf3"), path=Path("/usr/bin/iperf3"), version=version)
    assert check.state is state
    assert wanted in check.remedy
    assert bool(check.remedy) == bool(wanted)


def test_a_missing_program_comes_with_its_package() -> None:
    fio = judge_program(program("fio"), path=None, version="")
    assert (fio.state, fio.remedy) == (Health.MISSING, "apt-get install fio")
    nvme = judge_program(program("nvme"), path=None, version="")
    assert (nvme.state, nvme.remedy) == (Health.WARN, "apt-get install nvme-cli")


def test_every_program_can_be_installed_by_a_command() -> None:
    for each in PROGRAMS:
        assert judge_program(each, path=None, version="").remedy.startswith("apt-get install ")


def test_only_listening_ports_count(tmp_path: Path) -> None:
    tree = Tree(root=tmp_path)
    head = "  sl  local_address rem_address   st tx_queue rx_queue"
    tree.file("/proc/self/net/tcp", f"{head}\n   0: 0100007F:2AF5 00000000:0000 0A 0:0\n   1: 0100007F:01BB x 01 0:0")
    tree.file("/proc/self/net/tcp6", f"{head}\n   0: {'0' * 32}:238C {'0' * 32}:0000 0A 0:0\nshort")
    assert listening_ports(Host(root=tmp_path)) == {10997, 9100}
