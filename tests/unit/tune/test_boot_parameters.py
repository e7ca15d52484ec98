"""GRUB's drop-in and its menu as one change, through the whole engine, on trees of files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nodeagent.host import Host, changes
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.boot_menu import carried, normal_entries
from nodeagent.model.change import Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import HostError
from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Profile
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import State, Verdict
from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.kernel.boot_loader import DROP_IN, MENU
from nodeagent.tune.kernel.boot_settings import CpuParameters, HugepageParameters, KernelCommandLineSettings
from nodeagent.tune.recover import recover
from nodeagent.tune.session import open_session
from nodeagent.tune.tunables.kernel_command_line import KERNEL_COMMAND_LINE
from tests.fixtures.grub import grub_files, grub_menu
from tests.unit.tune.clock import FakeClock
from tests.unit.tune.test_rollback import roll_back
from tests.unit.tune.toys import World, facts_of, make_host, profile_of

TOKENS = ("isolcpus=managed_irq,2-3", "nohz_full=2-3", "iommu=pt", "hugepagesz=1G", "hugepages=4")
REBOOT = frozenset({Risk.REBOOT})


def settings(*, cpus: str = "2-3", pages: str = "4", **parameters: str) -> KernelCommandLineSettings:
    return KernelCommandLineSettings(
        cpus=CpuParameters(isolcpus=Setting(value=cpus), isolcpus_flags="managed_irq", nohz_full=Setting(value=cpus)),
        parameters={name: Setting(value=value) for name, value in (parameters or {"iommu": "pt"}).items()},
        hugepages=(HugepageParameters(size="1G", pages=Setting(value=pages)),),
    )


def profile(**given: str) -> Profile:
    return replace(profile_of(), tune={"kernel-command-line": settings(**given)}, digest=str(sorted(given.items())))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return world_of(tmp_path, grub_files())


def world_of(directory: Path, files: Mapping[str, str]) -> World:
    host = make_host(directory / "root", files)
    return World(root=host.root, state=directory / "state", host=host, tunables=(KERNEL_COMMAND_LINE,))


def started_with(world: World) -> None:
    """The next boot: the kernel gets what the menu says."""
    arguments = normal_entries(world.value(MENU))[0]
    world.reboot()
    world.set("/proc/cmdline", " ".join(["BOOT_IMAGE=/boot/vmlinuz", *arguments]) + "\n")


def judged(world: World, wanted: Profile) -> Verdict:
    facts, given = facts_of(world.host), wanted.tune["kernel-command-line"]
    return KERNEL_COMMAND_LINE.judge(KERNEL_COMMAND_LINE.observe(world.host, given, facts), given, facts)


def contents(world: World) -> dict[str, str]:
    watched = (world.root / "etc", world.root / "boot")
    return {str(path): path.read_text() for top in watched for path in sorted(top.rglob("*")) if path.is_file()}


def test_it_is_in_the_menu_after_an_apply_running_after_a_boot_and_gone_after_a_rollback(world: World) -> None:
    before = contents(world)
    assert judged(world, profile()).state is State.DRIFT
    result = world.apply(profile(), allow=REBOOT)
    assert result.outcome is ApplyOutcome.APPLIED
    assert f"$GRUB_CMDLINE_LINUX_DEFAULT {' '.join(TOKENS)}" in world.value(DROP_IN)
    assert not world.plan(profile()).items
    assert judged(world, profile()).state is State.NEEDS_REBOOT
    started_with(world)
    assert judged(world, profile()).state is State.OK
    roll_back(world)
    assert contents(world) == before


def test_every_normal_entry_gets_them_and_no_recovery_entry_does(world: World) -> None:
    world.set(MENU, grub_menu(kernels=("6.1.0-28-amd64", "6.1.0-27-amd64")))
    world.apply(profile(), allow=REBOOT)
    menu = world.value(MENU)
    assert all(entry[-len(TOKENS) :] == TOKENS for entry in normal_entries(menu))
    assert len(normal_entries(menu)) == 3
    others = [line for line in menu.splitlines() if "single" in line or "rhgb" in line]
    assert len(others) == 3
    assert not any("isolcpus" in line for line in others)


def test_it_needs_to_be_allowed(world: World) -> None:
    assert [item.risk for item in world.plan(profile()).items] == [Risk.REBOOT]


def test_a_second_profile_replaces_the_first_and_one_rollback_undoes_both(world: World) -> None:
    before = contents(world)
    world.apply(profile(), allow=REBOOT)
    world.apply(profile(cpus="1-3", amd_pstate="active"), allow=REBOOT)
    assert "isolcpus=managed_irq,1-3" in world.value(MENU)
    assert "2-3" not in world.value(MENU)
    assert "iommu=pt" not in world.value(MENU)
    roll_back(world)
    assert contents(world) == before


def test_the_directory_is_made_where_there_is_none_and_removed_again(tmp_path: Path) -> None:
    files = {path: text for path, text in grub_files().items() if "grub.d" not in path}
    world = world_of(tmp_path, files)
    plan = world.plan(profile())
    assert [item.key for item in plan.items] == ["kernel-command-line:directory", "kernel-command-line:grub"]


def change_of(world: World) -> SetBootParameters:
    (change,) = world.plan(profile()).changes
    assert isinstance(change, SetBootParameters)
    return change


def test_a_kill_between_drop_in_and_menu_is_told_apart_and_undone(world: World, monkeypatch: Any) -> None:
    before = contents(world)

    class Killed(BaseException):
        """Nobody catches it, as nobody catches a SIGKILL."""

    def killed(*_: Any, **__: Any) -> str:
        raise Killed

    monkeypatch.setattr("nodeagent.host.changes.boot_parameters.regenerated", killed)
    with pytest.raises(Killed):
        world.apply(profile(), allow=REBOOT)
    monkeypatch.undo()
    assert (world.root / DROP_IN.lstrip("/")).exists()
    with open_session(world.host, world.state, command="test", clock=world.clock) as session:
        steps = recover(session).steps
    assert [step.fate for step in steps] == ["restored"]
    assert contents(world) == before


@pytest.mark.parametrize("half", [True, False])
def test_the_half_step_is_only_that_of_its_own_change(world: World, half: bool) -> None:
    change = change_of(world)
    state = change.half_state() if half else change.after_state()
    assert changes.is_half_done(change, state) is half


def test_a_menu_that_somebody_made_without_ours_is_kept_and_told(world: World) -> None:
    world.apply(profile(), allow=REBOOT)
    ours = world.value(MENU)
    world.set(MENU, grub_menu())
    assert [step.fate for step in roll_back(world).steps] == ["conflict"]
    world.set(MENU, ours)
    world.set(DROP_IN, "GRUB_CMDLINE_LINUX_DEFAULT=mine\n")
    assert [step.fate for step in roll_back(world).steps] == ["conflict"]
    assert world.value(DROP_IN) == "GRUB_CMDLINE_LINUX_DEFAULT=mine\n"


def test_without_a_menu_it_is_gone_and_unreadable_is_an_error(world: World) -> None:
    change = change_of(world)
    (world.root / MENU.lstrip("/")).unlink()
    assert changes.observe(world.host, change).gone
    (world.root / MENU.lstrip("/")).mkdir()
    with pytest.raises(HostError, match="EISDIR"):
        changes.observe(world.host, change)


def test_what_a_crash_left_beside_the_menu_is_removed(world: World) -> None:
    change = change_of(world)
    left = ["/boot/grub/.grub.cfg.nodeagent-new", "/boot/grub/.grub.cfg.nodeagent-new.new"]
    for path in left:
        world.set(path, "half a menu")
    changes.sweep(world.host, change)
    assert not [path for path in left if (world.root / path.lstrip("/")).exists()]


def _menu(*entries: Sequence[str]) -> str:
    return "".join(f"menuentry 'x' {{\n linux /vmlinuz {' '.join(entry)}\n}}\n" for entry in entries)


@pytest.mark.parametrize(
    ("menu", "found"),
    [
        (_menu(["a=1", "b"], ["b", "a=1"]), ("a=1",)),
        (_menu(["a=1"], ["a=2"]), None),
        (_menu(["b"]), ()),
        (_menu(["a=1", "c-d=2", "a=3"]), ("a=1", "c-d=2", "a=3")),
        ("", None),
    ],
)
def test_what_a_menu_carries(menu: str, found: tuple[str, ...] | None) -> None:
    assert carried(menu, {"a", "c_d"}) == found


def _with_cpus(host: Host, number: int) -> HostFacts:
    facts = facts_of(host)
    return replace(facts, cpus=replace(facts.cpus, possible=CpuSet.of(range(number))))


def test_all_cpus_are_never_isolated(world: World) -> None:
    given, facts = settings(cpus="0-3"), _with_cpus(world.host, 4)
    seen = KERNEL_COMMAND_LINE.observe(world.host, given, facts)
    (change,) = KERNEL_COMMAND_LINE.plan(seen, given, facts)
    assert isinstance(change, SetBootParameters)
    assert "isolcpus" not in (change.after or "")
    told = [finding for finding in KERNEL_COMMAND_LINE.judge(seen, given, facts).findings if finding.id]
    assert {finding.id for finding in told} == {"NA-BOOT-004"}


def test_a_clock_that_jumps_between_boots_changes_nothing(world: World) -> None:
    world.apply(profile(), allow=REBOOT)
    started_with(world)
    world.clock = FakeClock()
    assert not world.plan(profile()).items


def test_a_parameter_that_somebody_else_sets_does_not_stop_the_others(tmp_path: Path) -> None:
    main = 'GRUB_CMDLINE_LINUX_DEFAULT="quiet iommu=off"\n'
    world = world_of(tmp_path, grub_files(running=("quiet", "iommu=off"), main=main))
    assert world.apply(profile(), allow=REBOOT).outcome is ApplyOutcome.APPLIED
    assert "nohz_full=2-3" in world.value(MENU)
    assert "iommu=pt" not in world.value(MENU)
    assert "NA-BOOT-001" in {finding.id for finding in judged(world, profile()).findings}
