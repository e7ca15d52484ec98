"""`tune boot` as it is typed, on a machine of files: the record, the unit, and what a person is told."""

import json
from pathlib import Path

import pytest

from nodeagent.model.errors import ExitCode
from nodeagent.tune.boot_unit import unit_text
from tests.unit.tune.test_tune_command import AFTER, BEFORE, PROFILE, Answer, Toy, toy  # noqa: F401 - a fixture
from tests.unit.tune.toys import BOOT_ID_FILE, write

_UNIT = "etc/systemd/system/nodeagent-apply.service"
_SHIPPED = Path(__file__).parents[3] / "systemd" / "nodeagent-apply.service"


def start(toy: Toy) -> None:  # noqa: F811
    """The next boot: other id, the kernel's own values, an empty /run."""
    for path, value in zip(
        ("/proc/sys/vm/swappiness", "/proc/sys/vm/max_map_count", "/proc/sys/net/ipv4/ip_local_port_range"),
        BEFORE,
        strict=True,
    ):
        write(toy.root, path, value)
    write(toy.root, BOOT_ID_FILE, "boot-2\n")


def boot(toy: Toy, *arguments: str) -> Answer:  # noqa: F811
    return toy("boot", *arguments, profile=False)


def test_a_boot_brings_back_what_was_applied_and_keeps_a_record(toy: Toy) -> None:  # noqa: F811
    toy("apply", "--yes")
    start(toy)
    answer = boot(toy)
    assert answer.code == ExitCode.OK
    assert "2 settings are back" in answer.out
    assert toy.values() == AFTER
    record = json.loads((toy.root / "run/nodeagent/boot.json").read_text())
    assert (record["outcome"], record["profile"], record["exit_code"]) == ("applied", "toys", 0)
    assert not (toy.root / "run/nodeagent/boot-failed").exists()


def test_the_profile_file_may_be_gone_or_say_something_else_by_then(toy: Toy) -> None:  # noqa: F811
    toy("apply", "--yes")
    start(toy)
    (toy.base / "toys.yaml").unlink()
    boot(toy)
    assert toy.values() == AFTER


def test_a_boot_without_a_confirmed_profile_says_so(toy: Toy) -> None:  # noqa: F811
    answer = boot(toy)
    assert answer.code == ExitCode.OK
    assert "no profile is confirmed" in answer.out


def test_a_boot_that_fails_says_so_everywhere_and_the_next_good_one_takes_it_back(toy: Toy) -> None:  # noqa: F811
    toy("apply", "--yes")
    start(toy)
    kept = toy.state / "boot" / "profile.json"
    good = kept.read_text()
    kept.write_text("{}")
    answer = boot(toy)
    assert answer.code == ExitCode.ERROR
    assert "not what this nodeagent wrote" in answer.out
    assert toy.values() == BEFORE
    for path in ("run/nodeagent/boot-failed", "run/motd.d/50-nodeagent-boot"):
        assert "NOT set up as confirmed" in (toy.root / path).read_text()
    kept.write_text(good)
    assert boot(toy).code == ExitCode.OK
    assert not (toy.root / "run/nodeagent/boot-failed").exists()
    assert not (toy.root / "run/motd.d/50-nodeagent-boot").exists()


@pytest.fixture
def with_systemd(toy: Toy) -> Toy:  # noqa: F811
    (toy.root / _UNIT).parent.mkdir(parents=True)
    return toy


def test_status_tells_the_next_boot_and_this_one(with_systemd: Toy) -> None:
    toy = with_systemd  # noqa: F811
    assert "is not enabled" in boot(toy, "--status").out
    toy("apply", "--yes")
    boot(toy, "--enable")
    start(toy)
    boot(toy)
    answer = boot(toy, "--status")
    assert "Next boot: profile toys (sysctl)" in answer.out
    assert "This boot: profile toys, 2 settings are back" in answer.out
    document = boot(toy, "--status", "--output", "json").document
    assert document["enabled"] is True
    assert document["next_boot"] == {"profile": "toys", "tunables": ["sysctl"]}
    assert document["this_boot"]["outcome"] == "applied"


def test_enable_writes_the_unit_before_the_validator_and_disable_removes_it(with_systemd: Toy) -> None:
    toy = with_systemd  # noqa: F811
    (toy.base / "toys.yaml").write_text(PROFILE + "validator: {unit: sol.service}\n")
    toy("apply", "--yes")
    assert "before sol.service" in boot(toy, "--enable").out
    assert "Before=sol.service multi-user.target\n" in (toy.root / _UNIT).read_text()
    assert boot(toy, "--enable").code == ExitCode.OK
    assert boot(toy, "--disable").code == ExitCode.OK
    assert not (toy.root / _UNIT).exists()
    assert "was not enabled" in boot(toy, "--disable").out


@pytest.mark.parametrize("option", ["--enable", "--disable"])
def test_a_unit_of_somebody_else_is_left_alone(toy: Toy, option: str) -> None:  # noqa: F811
    write(toy.root, f"/{_UNIT}", "[Service]\nExecStart=/bin/mine\n")
    assert boot(toy, option).code == ExitCode.REFUSED
    assert "mine" in (toy.root / _UNIT).read_text()


def test_one_thing_at_a_time(toy: Toy) -> None:  # noqa: F811
    assert boot(toy, "--enable", "--disable").code == ExitCode.USAGE


def test_the_unit_that_ships_is_the_one_that_is_written() -> None:
    assert _SHIPPED.read_text() == unit_text(program="/usr/bin/nodeagent")


def test_the_unit_has_no_option_that_hides_a_mount_or_a_drive() -> None:
    names = {line.partition("=")[0] for line in unit_text(program="x").splitlines()}
    hiding = {"ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateDevices", "PrivateMounts", "ReadWritePaths"}
    assert not names & (hiding | {"ProtectKernelTunables", "ProtectKernelModules", "ProtectClock", "DevicePolicy"})
