"""The tunables whose objects no test machine has to itself: processors, cards, drives and units made of files.

Each machine is one of the plan cases (tests/plans), so that what is struck here is what is told there; who answers for
the kernel and the drivers stands in tree_machine.py.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nodeagent.model.change import Change, Risk, SetDirectory, WriteConfig, WriteCoupled, WriteFile
from nodeagent.model.errors import ExitCode
from nodeagent.model.facts import HostFacts
from nodeagent.tune.placement import placed
from tests.campaigns.grounds import Ground, Snapshot
from tests.campaigns.tree_machine import DriverMachine, MovingTreeHost, SystemdMachine, TreeHost, TreeMachine, VfMachine
from tests.plans import cases

_WITH_PATHS = (WriteFile, WriteCoupled, WriteConfig, SetDirectory)


class TreeGround(Ground):
    """The machine of a plan case, with other settings where `settings` has some."""

    exists_once = False
    sentence: str
    settings = ""
    machine: type[TreeMachine] = TreeMachine
    keeps_directories = True
    """systemctl leaves a directory of links behind, empty, or takes it along; nobody asks for it back."""

    def prepare(self) -> None:
        (case,) = [each for each in cases.find_cases() if (each.tunable, each.sentence) == (self.name, self.sentence)]
        self.case: dict[str, Any] = case.read()
        self.root = cases.build(self.case, self.directory).root
        _file(self.root / "proc/sys/kernel/random/boot_id", "5a8f3c1e-0d2b-4a3c-9c1d-7e5f00c0ffee\n")
        self.furnish()
        self.host = (MovingTreeHost if self.machine is VfMachine else TreeHost)(root=self.root)
        self.knobs = (f"{self.root}/",)
        self.spare = self.directory / "spare"
        shutil.copytree(self.root, self.spare, symlinks=True)
        self.stack.enter_context(self.machine(root=self.root).answering())

    def furnish(self) -> None:
        """Add what the case leaves out and the machine would have."""

    def profile_text(self) -> str:
        indented = (self.settings or self.case["settings"]).replace("\n", "\n    ").rstrip()
        return f"  {self.name}:\n    {indented}\n"

    def look(self) -> HostFacts:
        return placed(self.host.facts(fresh=True), self.profile)

    def paths(self) -> tuple[str, ...]:
        return ()

    def snapshot(self) -> Snapshot:
        """Every file and link below the root, what it holds and its mode; directories too."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = f"/{path.relative_to(self.root)}"
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = f"{path.stat().st_mode:o} {path.read_text()}"
            elif self.keeps_directories:
                found[name] = f"{path.stat().st_mode:o}"
        return found

    def intended(self, change: Change) -> Iterator[str]:
        is_reloaded = isinstance(change, WriteConfig) and issubclass(self.machine, SystemdMachine)
        if is_reloaded or not isinstance(change, _WITH_PATHS):
            yield from {*self.snapshot(), *self.original}
        for path in super().intended(change):
            yield path
            yield self.host.real(path) if path else ""

    def reset(self) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self.spare, self.root, symlinks=True)


class GovernorGround(TreeGround):
    """The governor takes the preference along: two knobs that are one change."""

    name = "cpu-governor"
    sentence = "going_to_performance_holds_the_preference_for_the_way_back"
    settings = "governor: performance\nboost: 0"

    def furnish(self) -> None:
        _file(self.root / "sys/devices/system/cpu/cpufreq/boost", "1\n")


class IdleGround(TreeGround):
    name = "cpu-idle"
    sentence = "chosen_cpus_get_a_limit"


class ThreadsGround(TreeGround):
    name = "smt"
    share = 0.035
    sentence = "second_threads_are_switched_off_and_what_follows_is_told"
    allow = frozenset(Risk)


class ClockGround(TreeGround):
    name = "clocksource"
    share = 0.035
    sentence = "a_slow_source_is_replaced_by_tsc"


class CommandLineGround(TreeGround):
    """GRUB's drop-in and its menu."""

    name = "kernel-command-line"
    sentence = "parameters_that_nobody_gave_are_written_once"
    allow = frozenset(Risk)
    done = ExitCode.DIFFERS

    def furnish(self) -> None:
        (self.root / "boot/grub/grub.cfg").chmod(0o444)  # As grub-mkconfig leaves it.


class UnitsGround(TreeGround):
    name = "conflicting-services"
    share = 0.02
    sentence = "a_unit_that_runs_is_masked_and_stopped_and_undo_brings_both_back"
    machine = SystemdMachine
    allow = frozenset(Risk)
    keeps_directories = False

    def furnish(self) -> None:
        _links_of_systemctl(self.root)


class TimeGround(TreeGround):
    """One daemon goes, the other comes."""

    name = "time-sync"
    share = 0.02
    sentence = "the_other_daemon_goes_first_and_comes_back_last"
    machine = SystemdMachine
    allow = frozenset(Risk)
    keeps_directories = False

    def furnish(self) -> None:
        _links_of_systemctl(self.root)


class LimitsGround(TreeGround):
    name = "limits"
    sentence = "a_unit_without_limits_gets_a_drop_in_with_its_directory"
    machine = SystemdMachine


class VfGround(TreeGround):
    """Functions are made, get addresses, and go to drivers."""

    name = "sriov"
    share = 0.03
    sentence = "addresses_are_set_before_the_driver_comes"
    settings = (
        "- name: data\n  nic: {driver: igb}\n  vfs: 2\n  vf:\n"
        '    - {index: "0", mac: "02:00:00:00:00:10", vlan: 100, qos: 3}\n'
        '    - {index: "1", trust: true}\n'
    )
    machine = VfMachine
    allow = frozenset(Risk)

    def furnish(self) -> None:
        _file(self.root / "sys/bus/pci/drivers/igbvf/bind", "")
        _file(self.root / "sys/bus/pci/drivers/igbvf/unbind", "")


class RingsGround(TreeGround):
    """Rings are a matter of hardware: no virtual port has them."""

    name = "nic-rings"
    sentence = "both_rings_are_set_in_one_step_and_undo_restores_them"
    machine = DriverMachine
    allow = frozenset(Risk)


class CoalescingGround(TreeGround):
    """A virtual port knows one value of the dozen, so this is a card of files."""

    name = "nic-coalescing"
    sentence = "a_card_is_made_adaptive_and_undone"
    settings = "- name: data\n  nic: {driver: igb}\n  rx_usecs: 30\n  tx_usecs: 50"
    machine = DriverMachine
    allow = frozenset(Risk)


class InterruptsGround(TreeGround):
    """irqbalance gets its script, and interrupts move."""

    name = "irq-affinity"
    sentence = "irqbalance_gets_a_policy_script_before_interrupts_move"
    machine = SystemdMachine
    allow = frozenset(Risk)
    done = ExitCode.DIFFERS  # irqbalance itself is never restarted, and that is told.

    def furnish(self) -> None:
        (self.root / "etc/systemd/system").mkdir(parents=True)


class IsolationGround(TreeGround):
    """A slice gets CPUs of its own and becomes a partition."""

    name = "cpu-isolation"
    share = 0.035
    sentence = "a_slice_without_cpus_gets_them_and_then_its_partition"
    machine = SystemdMachine
    allow = frozenset(Risk)


class NvmeGround(TreeGround):
    name = "nvme"
    share = 0.035
    sentence = "sleep_is_switched_off_before_the_power_state_is_set"
    machine = DriverMachine


def _links_of_systemctl(root: Path) -> None:
    """Links to units say the whole path, as systemctl writes them; a tree's links are relative."""
    for link in [path for path in (root / "etc/systemd/system").rglob("*") if path.is_symlink()]:
        target = link.resolve().relative_to(root)
        link.unlink()
        link.symlink_to(f"/{target}")


def _file(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
