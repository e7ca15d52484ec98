"""nvme: applied it is done, undone it never was, on drives that keep a power state of their own."""

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.model.change import Change, WriteFile
from nodeagent.model.drive_change import SetNvmeFeature, feature_state
from nodeagent.model.facts import BlockDevice, PcieLink
from nodeagent.model.nvme import NvmeDrive, PowerState
from nodeagent.model.selector import DeviceSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.tune.drives.nvme_settings import NvmeSettings, RuntimeSuspend
from nodeagent.tune.drives.nvme_told import lost_percent
from nodeagent.tune.tunables.nvme import NVME
from tests.unit.tunables.fake_kernel import FakeKernel, facts_of
from tests.unit.tunables.promises import check

STATES = tuple(PowerState(number=number, operational=number < 3, watts=25.0 - number) for number in range(4))


@dataclass(slots=True)
class FakeDrives(FakeKernel):
    """Adds drives; they are kept as files of no path, so that the promises compare them too."""

    drives: dict[str, NvmeDrive] = field(default_factory=dict)

    def nvme(self, device: str) -> NvmeDrive:  # type: ignore[override]
        known = self.drives[device]
        return replace(known, power=int(self.files[f"feature {known.address}"]))

    def perform(self, change: Change) -> None:
        if isinstance(change, SetNvmeFeature):
            self.files[f"feature {change.address}"] = str(change.after)
        elif isinstance(change, WriteFile):
            self.files[change.path] = f"{change.after}\n"

    def state(self, change: Change) -> str:
        if isinstance(change, SetNvmeFeature):
            return feature_state(change.feature, int(self.files[f"feature {change.address}"]))
        assert isinstance(change, WriteFile)
        return self.files[change.path].strip()


def setting(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    bounds = st.sampled_from([Bound.EXACTLY, Bound.AT_MOST])
    return st.none() | st.builds(Setting, value=values, mode=st.sampled_from(Mode), bound=bounds)


wanted = st.builds(
    NvmeSettings,
    name=st.just("data"),
    devices=st.just(DeviceSelector(transport="nvme")),
    power_state=setting(st.integers(0, 2)),
    latency_tolerance_us=setting(st.integers(0, 200_000)),
    runtime_suspend=st.none() | st.builds(Setting, value=st.sampled_from(RuntimeSuspend), mode=st.sampled_from(Mode)),
)


@st.composite
def machines(draw: st.DrawFn) -> tuple[FakeDrives, tuple[BlockDevice, ...]]:
    kernel, devices = FakeDrives(files={}), []
    for number in range(draw(st.integers(1, 3))):
        address, name = f"0000:4{number}:00.0", f"nvme{number}"
        kernel.drives[f"{name}n1"] = NvmeDrive(name=name, address=address, serial=f"S{number}", power_states=STATES)
        kernel.files[f"feature {address}"] = str(draw(st.integers(0, 2)) | draw(st.integers(0, 7)) << 5)
        kernel.files[f"/sys/class/nvme/{name}/power/pm_qos_latency_tolerance_us"] = f"{draw(st.integers(0, 100_000))}\n"
        kernel.files[f"/sys/bus/pci/devices/{address}/power/control"] = draw(st.sampled_from(["on\n", "auto\n"]))
        devices.append(BlockDevice(name=f"{name}n1", major_minor=f"259:{number}", transport="nvme"))
    return kernel, tuple(devices)


@given(machines(), wanted)
@settings(max_examples=200, deadline=None)
def test_drives_applied_are_done_and_undone_never_were(
    machine: tuple[FakeDrives, tuple[BlockDevice, ...]], entry: NvmeSettings
) -> None:
    kernel, devices = machine
    check(NVME, kernel, (entry,), facts_of(*devices))


@given(machines())
@settings(deadline=None)
def test_a_workload_hint_that_somebody_gave_stays(machine: tuple[FakeDrives, tuple[BlockDevice, ...]]) -> None:
    kernel, devices = machine
    entry = NvmeSettings(name="data", devices=DeviceSelector(transport="nvme"), power_state=Setting(value=0))
    facts = facts_of(*devices)
    for change in NVME.plan(NVME.observe(kernel, (entry,), facts), (entry,), facts):
        assert isinstance(change, SetNvmeFeature)
        assert (change.before >> 5, change.after & 0x1F) == (change.after >> 5, 0)


def test_what_a_link_loses_counts_lanes_speed_and_coding() -> None:
    def link(speed: float | None, width: int | None) -> PcieLink:
        return PcieLink(address="0000:41:00.0", speed_gts=speed, speed_max_gts=16.0, width=width, width_max=4)

    assert lost_percent(link(16.0, 4)) == 0
    assert lost_percent(link(16.0, 2)) == 50
    assert lost_percent(link(8.0, 4)) == 50
    assert lost_percent(link(5.0, 4)) == 75
    assert lost_percent(link(None, 4)) is None
