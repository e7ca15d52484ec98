"""What a plan asks to be allowed, and what an apply does by itself, as it is typed and told."""

from pathlib import Path

import pytest

from nodeagent.cli.output import Terminal
from nodeagent.cli.tune_view import permission_lines
from nodeagent.model.change import Risk
from nodeagent.model.errors import ExitCode
from nodeagent.model.network_change import SetLink
from nodeagent.model.verdict import Verdict
from nodeagent.tune.plan import Plan, TunablePlan
from tests.fixtures.grub import grub_files
from tests.unit.tune.test_tune_command import Toy, toy  # noqa: F401 - a fixture
from tests.unit.tune.toys import write

_PROFILE = """\
schema: 1
summary: a parameter of the kernel
validator: {unit: sol.service}
tune:
  kernel-command-line:
    parameters: {iommu: {value: pt, why: virtual functions, source: here}}
"""


@pytest.fixture
def grub(toy: Toy) -> Toy:  # noqa: F811
    for path, text in grub_files().items():
        write(toy.root, path, text)
    write(toy.root, "/sys/fs/cgroup/system.slice/ssh.service/cgroup.procs", "700\n")
    (toy.base / "toys.yaml").write_text(_PROFILE)
    return toy


def _menu(toy: Toy) -> str:  # noqa: F811
    return (toy.root / "boot/grub/grub.cfg").read_text()


def test_a_plan_names_what_must_be_allowed_and_keeps_its_summary_last(grub: Toy) -> None:
    lines = grub("plan").out.splitlines()
    assert "  ! grub: nothing → iommu=pt" in lines
    assert lines[-2:] == ["To apply: --allow reboot", "Plan: 1 to change, 0 to create, 0 to remove."]
    assert grub("plan", "--output", "json").document["needs_allow"] == ["reboot"]


def test_it_is_refused_until_it_is_allowed(grub: Toy) -> None:
    assert grub("apply", "--yes").code == ExitCode.REFUSED
    assert "iommu=pt" not in _menu(grub)
    assert grub("apply", "--yes", "--allow", "reboot").code == ExitCode.DIFFERS  # it waits for a boot
    assert "iommu=pt" in _menu(grub)


def test_a_running_validator_is_named_by_plan_and_apply_and_force_overrides_it(grub: Toy) -> None:
    write(grub.root, "/sys/fs/cgroup/system.slice/sol.service/cgroup.procs", "4711\n")
    assert "sol.service runs (1 process: 4711)" in grub("plan").out
    refused = grub("apply", "--yes", "--allow", "reboot")
    assert refused.code == ExitCode.REFUSED
    assert "sol.service runs (1 process: 4711)" in refused.err
    assert grub("apply", "--yes", "--allow", "reboot", "--force").code == ExitCode.DIFFERS
    assert grub("rollback", profile=False).code == ExitCode.REFUSED
    assert "iommu=pt" in _menu(grub)
    assert grub("rollback", "--force", profile=False).code == ExitCode.OK
    assert "iommu=pt" not in _menu(grub)


def test_a_window_and_none_cannot_both_be_meant(grub: Toy) -> None:
    assert grub("apply", "--yes", "--no-confirm", "--confirm-within", "60s").code == ExitCode.USAGE


def test_what_affects_links_says_how_it_is_undone(tmp_path: Path) -> None:
    change = SetLink(
        key="nic-mtu:data", tunable="nic-mtu", risk=Risk.LINK_FLAP, address="0000:01:00.0", index=None,
        before_mtu=1500, after_mtu=9000,
    )  # fmt: skip
    items = TunablePlan(tunable="nic-mtu", items=(change,), verdict=Verdict(tunable="nic-mtu"))
    plan = Plan(machine_id="m", hostname="h", boot_id="b", profile="p", profile_digest="d", tunables=(items,))
    text = " ".join(permission_lines(plan, 80, terminal=Terminal()))
    assert "--allow link-flap" in text
    assert "rolled back unless nodeagent tune confirm follows within 120 s" in text
