"""Processors in any state, and settings that may be wanted of them."""

from hypothesis import strategies as st

from nodeagent.model.setting import Bound, Setting
from nodeagent.tune.tunables.clocksource import ClocksourceSettings
from nodeagent.tune.tunables.cpu_governor import PREFERENCES, GovernorSettings, faults
from nodeagent.tune.tunables.cpu_idle import IdleSettings
from nodeagent.tune.tunables.hugepages import HugepagesSettings
from nodeagent.tune.tunables.smt import SmtSettings
from tests.unit.tunables.fake_processor import ACTIVE, CLOCK, CPU, CPUFREQ, NODES, FakeProcessor
from tests.unit.tunables.strategies import modes, settings_of


@st.composite
def clocks(draw: st.DrawFn) -> tuple[FakeProcessor, ClocksourceSettings]:
    names = ["tsc", "hpet", "acpi_pm", "kvm-clock"]
    offered = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    files = {
        f"{CLOCK}/current_clocksource": f"{draw(st.sampled_from(offered))}\n",
        f"{CLOCK}/available_clocksource": f"{' '.join(offered)} \n",
    }
    kernel = FakeProcessor(files=files if draw(st.booleans()) else {})
    return kernel, ClocksourceSettings(current=draw(settings_of(st.sampled_from(names), bounded=False)))


@st.composite
def threads(draw: st.DrawFn) -> tuple[FakeProcessor, SmtSettings]:
    states = ["on", "off", "forceoff", "notsupported", "notimplemented", "4"]
    files = {
        f"{CPU}/smt/control": f"{draw(st.sampled_from(states))}\n",
        f"{CPU}/present": "0-7\n",
        f"{CPU}/online": f"{draw(st.sampled_from(['0-7', '0-3', '0-6', '0-3,5']))}\n",
    }
    return FakeProcessor(files=files), SmtSettings(
        control=draw(settings_of(st.sampled_from(["on", "off"]), bounded=False))
    )


@st.composite
def limits(draw: st.DrawFn) -> tuple[FakeProcessor, tuple[IdleSettings, ...]]:
    values = st.sampled_from(["0", "n/a", "1", "10", "200", "999999999"])
    files = {
        f"{CPU}/cpu{cpu}/power/pm_qos_resume_latency_us": f"{draw(values)}\n" for cpu in range(draw(st.integers(1, 6)))
    }
    files |= {f"{CPU}/cpufreq/boost": "1\n", f"{CPU}/cpuidle/current_driver": f"{draw(st.sampled_from(_DRIVERS))}\n"}
    settings = st.builds(Setting, value=values, bound=st.sampled_from([Bound.EXACTLY, Bound.AT_MOST]), mode=modes)
    entries = (
        IdleSettings(name="some", cpus=draw(st.sampled_from(["0", "0-2", "1,3-9"])), resume_latency_us=draw(settings)),
        IdleSettings(name="rest", resume_latency_us=draw(st.none() | settings)),
    )
    return FakeProcessor(files=files), entries[: draw(st.integers(1, 2))]


_DRIVERS = ["acpi_idle", "acpi_idle", "intel_idle", "none"]


@st.composite
def policies(draw: st.DrawFn) -> tuple[FakeProcessor, GovernorSettings]:
    driver = draw(st.sampled_from([*ACTIVE, "acpi-cpufreq", "intel_cpufreq"]))
    governors = ["performance", "powersave"] + ([] if driver in ACTIVE else ["ondemand", "schedutil", "userspace"])
    kernel = FakeProcessor(files={}, remembers=draw(st.booleans()))
    switch = draw(st.sampled_from(["boost", "no_turbo", "none"]))
    if switch == "boost":
        kernel.files[f"{CPUFREQ}/boost"] = f"{draw(st.integers(0, 1))}\n"
    elif switch == "no_turbo":
        kernel.files[f"{CPU}/intel_pstate/no_turbo"] = f"{draw(st.integers(0, 1))}\n"
    has_preference, has_own_boost = draw(st.booleans()), draw(st.booleans())
    for number in range(draw(st.integers(1, 3))):
        _add_policy(draw, kernel, f"{CPUFREQ}/policy{number * 2}", driver, governors, has_preference)
        if has_own_boost and switch != "no_turbo":
            machine = kernel.files.get(f"{CPUFREQ}/boost", "1\n")
            own = "0\n" if machine == "0\n" else f"{draw(st.integers(0, 1))}\n"
            kernel.files[f"{CPUFREQ}/policy{number * 2}/boost"] = own
    wanted = st.builds(
        GovernorSettings,
        governor=st.none() | settings_of(st.sampled_from(["performance", "powersave", "ondemand"]), bounded=False),
        energy_performance_preference=st.none() | settings_of(st.sampled_from(PREFERENCES), bounded=False),
        boost=st.none() | settings_of(st.integers(0, 1), bounded=False),
    )
    return kernel, draw(wanted.filter(lambda settings: not list(faults(settings))))


def _add_policy(
    draw: st.DrawFn, kernel: FakeProcessor, policy: str, driver: str, governors: list[str], has_preference: bool
) -> None:
    governor = draw(st.sampled_from(governors))
    kernel.files |= {
        f"{policy}/scaling_driver": f"{driver}\n",
        f"{policy}/scaling_available_governors": f"{' '.join(governors)} \n",
        f"{policy}/scaling_governor": f"{governor}\n",
    }
    if has_preference:
        forced = driver in ACTIVE and governor == "performance"
        shown = "performance" if forced else draw(st.sampled_from([*PREFERENCES, "custom", "77"]))
        kernel.files[f"{policy}/energy_performance_preference"] = f"{shown}\n"


@st.composite
def pools(draw: st.DrawFn) -> tuple[FakeProcessor, tuple[HugepagesSettings, ...]]:
    kernel = FakeProcessor(files={})
    for node in range(draw(st.integers(1, 3))):
        total = draw(st.sampled_from([0, 4 << 20, 16 << 20]))
        held = 0
        for kilobytes in (2048, 1048576)[: draw(st.integers(1, 2))]:
            pages = draw(st.integers(0, 3)) if total else 0
            held += pages * kilobytes
            directory = f"{NODES}/node{node}/hugepages/hugepages-{kilobytes}kB"
            kernel.files |= {
                f"{directory}/nr_hugepages": f"{pages}\n",
                f"{directory}/free_hugepages": f"{draw(st.integers(0, pages))}\n",
                f"{directory}/surplus_hugepages": f"{draw(st.sampled_from([0, 0, 0, min(1, pages)]))}\n",
            }
        free = draw(st.integers(0, total - held)) if total else 0
        kernel.files[f"{NODES}/node{node}/meminfo"] = (
            f"Node {node} MemTotal:       {total} kB\nNode {node} MemFree:        {free} kB\n"
        )
    counts = settings_of(st.sampled_from([0, 1, 2, 3, 5, 500, 4000]))
    entries = (
        HugepagesSettings(name="small", size="2MiB", pages=draw(counts)),
        HugepagesSettings(
            name="large", size="1GiB", nodes=draw(st.sampled_from(["0", "0-1", "2-3"])), pages=draw(counts)
        ),
        HugepagesSettings(name="others", size="1GiB", pages=draw(st.none() | counts)),
    )
    return kernel, entries[: draw(st.integers(1, 3))]
