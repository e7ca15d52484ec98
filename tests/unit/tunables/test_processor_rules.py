"""What a profile may not ask of a processor, told at its place when it is loaded; and what only code could ask."""

from pathlib import Path

import pytest

from nodeagent.model.setting import Bound, Setting
from nodeagent.profiles import load_profile
from nodeagent.profiles.problems import DocumentError
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.tunables.cpu_governor import CPU_GOVERNOR, GovernorSettings, faults
from nodeagent.tune.tunables.cpu_idle import CPU_IDLE
from nodeagent.tune.tunables.smt import SMT
from tests.unit.tunables.fake_kernel import facts_of
from tests.unit.tunables.fake_processor import CPU, CPUFREQ, FakeProcessor

_TYPES = {tunable.name: tunable.Settings for tunable in TUNABLES}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("clocksource: {current: 'TSC now'}", "clocksource.current: wanted the name of a clock source"),
        (f"clocksource: {{current: {'x' * 31}}}", "clocksource.current: wanted the name of a clock source"),
        ("smt: {control: forceoff}", "smt.control: wanted on or off"),
        ("smt: {control: 2}", "smt.control: wanted on or off"),
        ("cpu-governor: {governor: userspace}", "cpu-governor.governor: wanted a governor that needs no hand"),
        (
            "cpu-governor: {energy_performance_preference: default}",
            "cpu-governor.energy_performance_preference: wanted one",
        ),
        (
            "cpu-governor: {energy_performance_preference: 128}",
            "cpu-governor.energy_performance_preference: wanted one",
        ),
        ("cpu-governor: {boost: 2}", "cpu-governor.boost: wanted 1 or less"),
        ("cpu-governor: {boost: '>= 1'}", "cpu-governor.boost: there is no more or less of it"),
        (
            "cpu-governor: {governor: performance, energy_performance_preference: power}",
            "cpu-governor.energy_performance_preference: the governor performance allows no other preference",
        ),
        ("cpu-idle: [{name: a, resume_latency_us: -1}]", "cpu-idle[0].resume_latency_us: wanted microseconds"),
        ("cpu-idle: [{name: a, resume_latency_us: 010}]", "cpu-idle[0].resume_latency_us: wanted microseconds"),
        ("cpu-idle: [{name: a, resume_latency_us: 2147483647}]", "cpu-idle[0].resume_latency_us: wanted microseconds"),
        ("cpu-idle: [{name: a, resume_latency_us: '>= 5'}]", "cpu-idle[0].resume_latency_us: a limit is only lowered"),
        ("cpu-idle: [{name: a, cpus: 3-1}]", "cpu-idle[0].cpus: not a CPU range"),
        ("cpu-idle: [{name: a, cpus: all}]", "cpu-idle[0].cpus: wanted a list of CPUs"),
        ("cpu-idle: [{name: a, cpus: '1'}, {name: b, cpus: 0-3}]", "cpu-idle[1].cpus: CPU 1 belongs to a already"),
        ("cpu-idle: [{name: a}, {name: b}]", "cpu-idle[1]: a second entry without cpus"),
    ],
)
def test_what_can_not_be_meant_is_told_at_its_place(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "top.yaml"
    path.write_text(f"schema: 1\nsummary: x\ntune:\n  {line}\n")
    with pytest.raises(DocumentError) as caught:
        load_profile(path, settings_types=_TYPES, search=[])
    (problem,) = [str(problem) for problem in caught.value.problems]
    assert problem.partition(": ")[2].startswith(f"tune.{told}")


def test_a_word_with_a_bound_is_a_fault_even_where_no_profile_could_write_it() -> None:
    wanted = GovernorSettings(governor=Setting(value="performance", bound=Bound.AT_LEAST))
    assert [fault.path for fault in faults(wanted)] == [("governor",)]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("on", ""),
        ("off", ""),
        ("forceoff", "SMT is forceoff here"),
        ("notimplemented", "this kernel can not switch SMT"),
        (None, "this kernel can not switch SMT"),
    ],
)
def test_smt_says_where_it_can_not_be_switched(state: str | None, told: str) -> None:
    kernel = FakeProcessor(files={f"{CPU}/smt/control": f"{state}\n"} if state else {})
    assert SMT.supported(kernel, facts_of()) == told


def test_a_machine_without_policies_or_driver_is_not_supported() -> None:
    bare = FakeProcessor(files={f"{CPU}/cpuidle/current_driver": "none\n"})
    assert CPU_IDLE.supported(bare, facts_of()) == "no cpuidle driver is in use here"
    assert CPU_GOVERNOR.supported(bare, facts_of()) == "no cpufreq driver governs the CPUs here"


def test_one_policy_is_enough_to_be_supported() -> None:
    assert CPU_GOVERNOR.supported(FakeProcessor(files={f"{CPUFREQ}/policy0/scaling_governor": "x\n"}), facts_of()) == ""
