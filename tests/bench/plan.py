"""`tune plan` on machines far larger than any here: how long, and does twice the machine take twice the time?

The trees are generated (tests/fixtures/generate_host.py); the profile sets the queue of every drive, the sysctls and
the hugepage switches, so that every part of a plan has something to read. Whole commands are timed; a bare `--help` is
taken off where two sizes are compared, since starting up does not grow with the machine. The planner of CPUs, which an
apply asks again whenever it made something, is timed by itself on the largest server there is.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nodeagent.model.errors import ExitCode
from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.setting import Setting
from nodeagent.tune.placement.planner import plan_placement
from tests.bench.figure import Goal, Row, command_seconds, take_turns
from tests.fixtures.generate_host import generate_host
from tests.fixtures.machines import largest

_SIZES = {"256 CPUs": 1, "512 CPUs": 2, "1024 CPUs": 4}
_START = "nodeagent tune --help"
_LARGEST, _HALF = "1024 CPUs", "512 CPUs"

_PROFILE = """\
schema: 1
name: large
summary: every queue, the sysctls and the hugepage switches of a large machine
tune:
  sysctl:
    net.core.rmem_max: ">= 134217728"
    vm.max_map_count: ">= 1000000"
  transparent-hugepages:
    enabled: madvise
  block-queue:
    - name: every-nvme
      devices: {driver: nvme}
      read_ahead_kb: 64
      rq_affinity: 2
"""


class Plan:
    """Up to 1024 CPUs, 4096 interrupts and 64 drives."""

    name = "plan"
    summary = "tune plan on generated machines of up to 1024 CPUs"

    def measure(self, *, workspace: Path, rounds: int) -> Sequence[Row]:
        profile = workspace / "large.yaml"
        profile.write_text(_PROFILE)
        contenders = {label: _planning(workspace, profile, label, size) for label, size in _SIZES.items()}
        program = str(Path(sys.executable).with_name("nodeagent"))
        contenders[_START] = partial(command_seconds, [program, "tune", "--help"], workspace=workspace)
        seconds = take_turns(contenders, rounds=max(rounds // 5, 3))
        start = seconds.pop(_START)
        rows = [
            Row(label=f"plan, {label}", unit="s", ours=value, goal=Goal(bound=1.0) if label == _LARGEST else None)
            for label, value in seconds.items()
        ]
        growth = Row(
            label=f"plan without start-up, {_LARGEST}",
            unit="s",
            ours=seconds[_LARGEST] - start,
            beside_label=_HALF,
            beside=seconds[_HALF] - start,
            goal=Goal(bound=2.3),
        )
        return [*rows, growth, _placing(rounds)]


def _planning(workspace: Path, profile: Path, label: str, size: int) -> Callable[[], float]:
    root = workspace / label.replace(" ", "-")
    root.mkdir()
    generate_host(root, cpus=256 * size, irqs=1024 * size, nvme=16 * size, nodes=2 * size)
    program = str(Path(sys.executable).with_name("nodeagent"))
    command = [program, "tune", "plan", "--root", str(root), "--profile", str(profile)]
    return partial(command_seconds, command, workspace=workspace, expected=(ExitCode.OK, ExitCode.DIFFERS))


def _placing(rounds: int) -> Row:
    """2 x EPYC 9654 with 384 CPUs, 4 ports, 64 VFs, 24 NVMe drives and 4096 interrupts."""
    facts = largest()
    wanted = PlacementSettings(housekeeping=Setting(value=2), interrupts=Setting(value=4), xdp=Setting(value=1))

    def place() -> float:
        started = time.perf_counter()
        placement = plan_placement(facts, wanted)
        seconds = time.perf_counter() - started
        if placement.problems or len(placement.devices) != 92:
            raise RuntimeError(f"placed {len(placement.devices)} devices, wanted 92: {placement.problems}")
        return seconds

    seconds = take_turns({"place": place}, rounds=rounds)["place"]
    return Row(label="placement, 2 x 9654, 92 devices", unit="s", ours=seconds, goal=Goal(bound=1.0))


PLAN = Plan()
