"""A sample of each campaign, as `make campaign` runs it in full: no fault, and as much was tried as was asked for."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.needs import need_root, need_tool

pytestmark = [
    pytest.mark.host,
    # One campaign at a time uses what the kernel has once, so this may have to wait for another run's.
    pytest.mark.timeout(900),
]

_TOP = Path(__file__).parents[3]


def summary_of(name: str, points: int) -> str:
    argv = [sys.executable, "-m", "tests.campaigns", name, "--points", str(points)]
    done = subprocess.run(argv, cwd=_TOP, capture_output=True, text=True, timeout=880, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    print(done.stdout)
    return done.stdout.strip()


@need_root
@need_tool("strace", "losetup", "mkfs.ext4")
def test_a_kill_at_any_system_call_loses_no_original() -> None:
    found = re.fullmatch(
        r"C1: (\d+) kill points and (\d+) kills of the recovery, 0 faults, .*", summary_of("kill-sweep", 30)
    )
    assert found
    assert int(found[1]) >= 25
    assert int(found[2]) >= 1


@need_root
@need_tool("strace", "losetup", "mkfs.ext4")
def test_an_error_of_any_system_call_is_told_and_undone() -> None:
    found = re.fullmatch(
        r"C3: (\d+) injected errors, 0 faults \((\d+) harmless, .*\)", summary_of("injected-errors", 40)
    )
    assert found
    assert int(found[1]) >= 30
    assert int(found[2]) < int(found[1])


@need_root
@need_tool("strace")
def test_a_power_cut_at_any_time_loses_no_original_and_every_mutant_is_caught() -> None:
    pattern = r"C4: (\d+) states of (\d+) .*, (\d+) undo scripts run, .*, 0 faults; (\d+) of (\d+) mutants caught"
    found = re.fullmatch(pattern, summary_of("power-loss", 200))
    assert found
    assert int(found[1]) >= 190
    assert int(found[2]) >= 5000
    assert int(found[3]) >= 5
    assert int(found[4]) == int(found[5]) >= 6


@need_root
def test_what_somebody_else_set_is_kept_and_reported() -> None:
    found = re.fullmatch(
        r"C7: 40 interleavings .*, 0 faults; (\d+) conflicts kept and reported, (\d+) values restored",
        summary_of("foreign-writers", 40),
    )
    assert found
    assert int(found[1]) >= 20
    assert int(found[2]) >= 20


@need_root
def test_of_two_agents_one_acts_and_a_killed_one_leaves_no_lock() -> None:
    found = re.fullmatch(
        r"C15: 40 points \((\d+) double starts, 2 of command lines, 8 races .*, 8 killed .*\), 0 faults; .*",
        summary_of("two-agents", 40),
    )
    assert found
    assert int(found[1]) >= 20
