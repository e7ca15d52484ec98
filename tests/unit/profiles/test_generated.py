"""Thousands of profiles that nobody would write: each is loaded and planned, or refused as a ProfileError, at once.

A sample by default; NODEAGENT_GENERATED_PROFILES=10000 runs the campaign.
"""

import os
import time
from pathlib import Path

import pytest

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.model.errors import ProfileError
from nodeagent.profiles import default_search, load_profile
from nodeagent.tune.tunables import TUNABLES
from tests.unit.profiles.generated import generate
from tests.unit.tunables.fake_kernel import FakeKernel, facts_of

COUNT = int(os.environ.get("NODEAGENT_GENERATED_PROFILES", "1000"))
_TYPES = {tunable.name: tunable.Settings for tunable in TUNABLES}
_BENCHMARKS = tuple(benchmark.name for benchmark in BENCHMARKS)
_PURE = tuple(tunable for tunable in TUNABLES if tunable.name != "filesystem")  # it asks for the drives' occupancy


@pytest.mark.timeout(1800)
def test_every_generated_profile_is_loaded_and_planned_or_refused_within_a_second(tmp_path: Path) -> None:
    kernel = FakeKernel(files={"/proc/sys/vm/swappiness": "60\n", "/proc/sys/vm/dirty_bytes": "0\n"})
    outcomes = {"loaded": 0, "refused": 0}
    slowest = (0.0, 0)
    (tmp_path / "loop.yaml").write_text("schema: 1\nsummary: a circle\nextends: [generated]\n")
    path = tmp_path / "generated.yaml"
    for number in range(COUNT):
        path.write_bytes(generate(number))
        started = time.process_time()
        outcomes[_load_and_plan(path, kernel)] += 1
        slowest = max(slowest, (time.process_time() - started, number))
    print(f"{COUNT} generated profiles: {outcomes}, slowest {slowest[0]:.3f} s (number {slowest[1]})")
    assert slowest[0] < 1.0
    assert min(outcomes.values()) > COUNT // 20
    assert sorted(file.name for file in tmp_path.iterdir()) == ["generated.yaml", "loop.yaml"]


def _load_and_plan(path: Path, kernel: FakeKernel) -> str:
    try:
        search = (path.parent, *default_search())
        profile = load_profile(path, settings_types=_TYPES, search=search, benchmarks=_BENCHMARKS)
    except ProfileError as error:
        return _refused(error, path)
    before = dict(kernel.files)
    for tunable in _PURE:
        if settings := profile.tune.get(tunable.name):
            observed = tunable.observe(kernel, settings, facts_of())
            tunable.plan(observed, settings, facts_of())
            tunable.judge(observed, settings, facts_of())
    assert kernel.files == before
    return "loaded"


def _refused(error: ProfileError, path: Path) -> str:
    """Every line of a refusal names its place."""
    first, *lines = error.message.splitlines()
    assert "problem" in first
    assert all(str(path.parent) in line or "shipped" in line for line in lines)
    return "refused"
