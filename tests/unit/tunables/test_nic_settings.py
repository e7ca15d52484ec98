"""Queues, rings, coalescing and offloads: what a profile may say, and that applied is done and undone never was.

The card is made of data and does what igb, ice and the kernel were seen to do: it rounds rings, keeps the wish for a
flag apart from what became of it, and chooses its times by itself while it is adaptive.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import assume, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from nodeagent.host.changes.port_settings import state_of
from nodeagent.model.change import Change, Deferred, PlanItem, Risk
from nodeagent.model.cpuset import CpuSet
from nodeagent.model.errors import ProfileError
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.placement import DevicePlacement, Placement
from nodeagent.model.port import Port
from nodeagent.model.port_settings import Channels, Coalescing, Feature, PortSettings, Rings
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Mode, Setting
from nodeagent.model.verdict import State
from nodeagent.profiles import load_profile
from nodeagent.tune.agreement import differences
from nodeagent.tune.conflicts import find_conflicts
from nodeagent.tune.ports.feature_names import members, needs_it, overlap
from nodeagent.tune.ports.nic_drivers import coalescing_risk, feature_risk, ring_size
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables import TUNABLES
from nodeagent.tune.tunables.nic_coalescing import NIC_COALESCING, CoalescingSettings
from nodeagent.tune.tunables.nic_offloads import NIC_OFFLOADS, OffloadSettings
from nodeagent.tune.tunables.nic_queues import NIC_QUEUES, QueueSettings
from nodeagent.tune.tunables.nic_rings import NIC_RINGS, RingSettings
from tests.unit.tunables.fake_kernel import FakeKernel, facts_of

_ADDRESS = "0000:82:00.0"
_NEEDS = {
    "tx-scatter-gather": ("tx-checksum-ip-generic",),
    "tx-tcp-segmentation": ("tx-checksum-ip-generic", "tx-scatter-gather"),
    "tx-tcp6-segmentation": ("tx-checksum-ip-generic", "tx-scatter-gather"),
    "tx-generic-segmentation": ("tx-checksum-ip-generic", "tx-scatter-gather"),
    "rx-lro": ("rx-checksum",),
}
_FLAGS = (*_NEEDS, "tx-checksum-ip-generic", "tx-tcp-mangleid-segmentation", "rx-checksum", "rx-gro", "rx-hashing")


@dataclass(slots=True)
class FakeCard(FakeKernel):
    """One port; `wishes` are those for its flags, and what the rest of `settings.features` says follows from them."""

    settings: PortSettings = field(default_factory=lambda: PortSettings(address=_ADDRESS))
    driver: str = "igb"
    wishes: dict[str, bool] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()

    def port(self, address: str) -> Port:  # type: ignore[override]
        return Port(address=address, interface="pf0", driver=self.driver)

    def port_settings(self, address: str) -> PortSettings:  # type: ignore[override]
        """Times of an adaptive card move whenever somebody looks."""
        told = self.settings.coalescing or Coalescing()
        if told.adaptive_rx:
            told = replace(told, rx_usecs=random.randrange(100))
        return replace(self.settings, coalescing=told, features=tuple(map(self._flag, sorted(self.wishes))))

    def _flag(self, name: str) -> Feature:
        active = self.wishes[name] and all(self._flag(other).active for other in _NEEDS.get(name, ()))
        return Feature(name=name, active=active, requested=self.wishes[name], fixed=name in self.fixed)

    def occupancy(self, device: Any) -> NoReturn:
        raise NotImplementedError(device)

    def perform(self, change: Change) -> None:
        match change:
            case SetChannels():
                assert self.settings.channels is not None
                self.settings = replace(self.settings, channels=replace(self.settings.channels, **change.after.given()))
            case SetRings():
                asked = {name: ring_size(self.driver, size, 4096) for name, size in change.after.given().items()}
                self.settings = replace(self.settings, rings=Rings(**asked))
            case SetCoalescing():
                assert self.settings.coalescing is not None
                after = replace(self.settings.coalescing, **change.after.given())
                self.settings = replace(self.settings, coalescing=after)
            case SetFeatures():
                assert not {flag.name for flag in change.after} & self.fixed
                self.wishes |= {flag.name: flag.requested for flag in change.after}
            case SetFlowHash():
                hashes: dict[str, Any] = {f"{change.flow}_hash": change.after}
                self.settings = replace(self.settings, **hashes)
            case _:
                raise TypeError(change)

    def remembered(self) -> Any:
        return self.settings, dict(self.wishes)


def _facts(driver: str = "igb", *, cpus: int = 8, placement: Placement | None = None) -> HostFacts:
    facts = facts_of()
    nic = Nic(name="pf0", driver=driver, pci_address=_ADDRESS)
    online = CpuSet(frozenset(range(cpus)))
    return replace(facts, nics=(nic,), cpus=replace(facts.cpus, online=online), placement=placement)


def _plan(tunable: AnyTunable, card: FakeCard, wanted: Any, facts: HostFacts) -> tuple[PlanItem, ...]:
    return tunable.plan(tunable.observe(card, wanted, facts), wanted, facts)


def _check(tunable: AnyTunable, card: FakeCard, wanted: Any, facts: HostFacts) -> None:
    """What apply does: after each step the rest of the plan is what is planned anew, filled in at most."""
    before, planned, made = card.remembered(), list(_plan(tunable, card, wanted, facts)), []
    assert find_conflicts(planned) == ()
    while planned:
        now = _plan(tunable, card, wanted, facts)
        assert differences(planned, now) == ()
        item = planned.pop(0)
        step = next((found for found in now if found.key == item.key), None)
        assert not isinstance(step, Deferred)
        if step is not None:
            made.append(step)
            assert _state(card, step) == step.before_state()
            card.perform(step)
            assert _state(card, step) == step.after_state()
    assert _plan(tunable, card, wanted, facts) == ()
    for finding in tunable.judge(tunable.observe(card, wanted, facts), wanted, facts).findings:
        assert finding.state is not State.DRIFT or finding.optional
        assert (finding.remedy == "") is (finding.state is State.OK)
    for step in reversed(made):
        back = step.inverse()
        assert back is not None
        card.perform(back)
        assert _state(card, step) == step.before_state()
    assert card.remembered() == before


def _state(card: FakeCard, change: Any) -> str | None:
    return state_of(card.port_settings(_ADDRESS), change)


_NIC = NicSelector(driver="*")
_modes = st.sampled_from([Mode.ENFORCE, Mode.ENFORCE, Mode.ENFORCE, Mode.WARN, Mode.IGNORE])


def _settings(values: st.SearchStrategy[Any], *, bounded: bool = False) -> st.SearchStrategy[Any]:
    bounds = st.sampled_from(list(Bound)) if bounded else st.just(Bound.EXACTLY)
    return st.none() | st.builds(Setting, value=values, bound=bounds, mode=_modes)


@given(
    now=st.integers(1, 8),
    separate=st.booleans(),
    queues=_settings(st.integers(1, 9).map(str), bounded=True) | _settings(st.sampled_from(["max", "placement"])),
    udp4=_settings(st.sampled_from(["sd", "sdfn", "fnsd"])),
    table=st.sampled_from([(), (0, 0, 0, 1)]),
)
@limits(max_examples=150, deadline=None)
def test_queues_applied_are_done_and_undone_never_were(
    now: int, separate: bool, queues: Any, udp4: Any, table: tuple[int, ...]
) -> None:
    channels = Channels(combined=0, rx=now, tx=1, other=0) if separate else Channels(combined=now, rx=0, tx=0, other=1)
    most = Channels(combined=0, rx=8, tx=4, other=0) if separate else Channels(combined=8, rx=0, tx=0, other=1)
    settings = PortSettings(
        address=_ADDRESS, channels=channels, max_channels=most, udp4_hash="sd", table=table, rx_rings=4
    )
    card = FakeCard(files={}, settings=settings)
    _check(NIC_QUEUES, card, (QueueSettings(name="a", nic=_NIC, queues=queues, udp4_hash=udp4),), _facts())


_sizes = _settings(st.integers(1, 5000).map(str), bounded=True) | _settings(st.just("max"))


@given(
    driver=st.sampled_from(["igb", "ice", "mlx5_core", "unheard_of"]),
    now=st.tuples(st.sampled_from([256, 512, 4096]), st.sampled_from([256, 512, 4096])),
    rx=_sizes,
    tx=_sizes,
)
@limits(max_examples=200, deadline=None)
def test_rings_applied_are_done_and_undone_never_were(driver: str, now: tuple[int, int], rx: Any, tx: Any) -> None:
    settings = PortSettings(address=_ADDRESS, rings=Rings(rx=now[0], tx=now[1]), max_rings=Rings(rx=4096, tx=4096))
    card = FakeCard(files={}, settings=settings, driver=driver)
    _check(NIC_RINGS, card, (RingSettings(name="a", nic=_NIC, rx=rx, tx=tx),), _facts(driver))


@given(
    adaptive=st.booleans(),
    switch=_settings(st.booleans()),
    rx=_settings(st.integers(0, 100), bounded=True),
    tx=_settings(st.integers(0, 100), bounded=True),
)
@limits(max_examples=200, deadline=None)
def test_coalescing_applied_is_done_and_undone_never_was(adaptive: bool, switch: Any, rx: Any, tx: Any) -> None:
    told = Coalescing(adaptive_rx=adaptive, adaptive_tx=False, rx_usecs=3, rx_frames=0, tx_usecs=5, tx_frames=0)
    card = FakeCard(files={}, settings=PortSettings(address=_ADDRESS, coalescing=told))
    on = switch is not None and switch.value
    entry = CoalescingSettings(name="a", nic=_NIC, adaptive_rx=switch, rx_usecs=None if on else rx, tx_usecs=tx)
    _check(NIC_COALESCING, card, (entry,), _facts())


_words = ["tx", "sg", "tso", "gso", "gro", "lro", "rx", "rxhash", "hw-tc-offload"]


@given(
    wishes=st.fixed_dictionaries({flag: st.booleans() for flag in _FLAGS}),
    fixed=st.frozensets(st.sampled_from(["rx-checksum", "rx-hashing", "tx-tcp6-segmentation"])),
    features=st.dictionaries(st.sampled_from(_words), st.builds(Setting, value=st.booleans(), mode=_modes)),
)
@limits(max_examples=400, deadline=None)
def test_offloads_applied_are_done_and_undone_never_were(
    wishes: dict[str, bool], fixed: frozenset[str], features: dict[str, Setting[bool]]
) -> None:
    card = FakeCard(files={}, wishes=wishes, fixed=fixed)
    assume(not any(needs_it(word, other) for word in _named(features, on=True) for other in _named(features, on=False)))
    _check(NIC_OFFLOADS, card, (OffloadSettings(name="a", nic=_NIC, features=features),), _facts())


def _named(features: dict[str, Setting[bool]], *, on: bool) -> list[str]:
    return [word for word, setting in features.items() if setting.value is on]


def test_a_number_of_the_placement_is_that_of_the_port() -> None:
    device = DevicePlacement(
        address=_ADDRESS, kind="nic", name="pf0", node=0, interrupt_cpus=CpuSet(frozenset({2, 3})), queues=2
    )
    facts = _facts(placement=Placement(roles={}, devices=(device,)))
    settings = PortSettings(
        address=_ADDRESS, channels=Channels(combined=4, rx=0, tx=0), max_channels=Channels(combined=8, rx=0, tx=0)
    )
    entry = QueueSettings(name="a", nic=_NIC, queues=Setting(value="placement"))
    (change,) = _plan(NIC_QUEUES, FakeCard(files={}, settings=settings), (entry,), facts)
    assert isinstance(change, SetChannels)
    assert change.after == Channels(combined=2)


@pytest.mark.parametrize(
    ("driver", "wanted", "size"),
    [("igb", 1001, 1008), ("ice", 1001, 1024), ("mlx5_core", 1025, 2048), ("veth", 1001, 1001), ("igb", 4095, 4096)],
)
def test_a_size_is_known_as_the_driver_rounds_it(driver: str, wanted: int, size: int) -> None:
    assert ring_size(driver, wanted, 4096) == size
    assert ring_size(driver, size, 4096) == size


@pytest.mark.parametrize(
    ("driver", "flag", "risk"),
    [
        ("unheard_of", "rx-gro", Risk.LIVE),
        ("unheard_of", "rx-lro", Risk.LINK_FLAP),
        ("igb", "rx-hashing", Risk.LIVE),
        ("igb", "rx-ntuple-filter", Risk.LINK_FLAP),
        ("ice", "tx-tcp-segmentation", Risk.LIVE),
        ("ice", "tx-vlan-hw-insert", Risk.LINK_FLAP),
    ],
)
def test_what_nobody_knows_to_be_live_is_a_link_flap(driver: str, flag: str, risk: Risk) -> None:
    assert feature_risk(driver, flag) is risk
    assert coalescing_risk("unheard_of") is Risk.LINK_FLAP


def test_they_run_between_the_vfs_and_the_mtu_and_follow_what_remakes_them() -> None:
    names = [tunable.name for tunable in TUNABLES]
    family = ["nic-queues", "nic-rings", "nic-coalescing", "nic-offloads"]
    start = names.index("sriov")
    assert names[start : start + 6] == ["sriov", *family, "nic-mtu"]
    for tunable in TUNABLES:
        if tunable.name in family:
            assert "sriov" in tunable.follows
            assert tunable.name == "nic-queues" or "nic-queues" in tunable.follows


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("gro", "rx-gro", True),
        ("tso", "tx-tcp6-segmentation", True),
        ("gro", "gso", False),
        ("tx", "tx-udp-segmentation", False),
    ],
)
def test_two_words_for_one_flag_are_known(first: str, second: str, same: bool) -> None:
    assert overlap(first, second) is overlap(second, first) is same


def test_a_word_means_the_flags_that_this_kernel_has() -> None:
    assert members("tso", _FLAGS, on=True) == ("tx-tcp-segmentation", "tx-tcp6-segmentation")
    assert members("tso", _FLAGS, on=False) == (
        *("tx-tcp-mangleid-segmentation", "tx-tcp-segmentation", "tx-tcp6-segmentation"),
    )
    assert members("warp-drive", _FLAGS, on=True) == ()


_FAULTS: Sequence[tuple[AnyTunable, str, str]] = [
    (NIC_QUEUES, "nic: {driver: igb}, queues: 0", "a number of queues"),
    (NIC_QUEUES, "nic: {driver: igb}, queues: all", "a number of queues"),
    (NIC_QUEUES, "nic: {driver: igb}, udp4_hash: xyz", "letters of ethtool"),
    (NIC_QUEUES, "nic: {}, queues: 2", "names no property"),
    (NIC_RINGS, "nic: {driver: igb}, rx: all", "a number of frames"),
    (NIC_RINGS, "nic: {driver: igb, count: 0}, rx: 512", "1 or more"),
    (NIC_COALESCING, "nic: {driver: igb}, adaptive_rx: true, rx_usecs: 3", "means nothing while adaptive_rx"),
    (NIC_COALESCING, "nic: {driver: igb}, adaptive_tx: true, tx_frames: 3", "means nothing while adaptive_tx"),
    (NIC_COALESCING, "nic: {driver: igb}, rx_usecs: -1", "0 or more"),
    (NIC_OFFLOADS, "nic: {driver: igb}, features: {gro: true, rx-gro: false}", "gro sets this too"),
    (NIC_OFFLOADS, "nic: {driver: igb}, features: {tso: true, tx: false}", "needs tx, which is to be off"),
    (NIC_OFFLOADS, "nic: {driver: igb}, features: {gro: maybe}", "true or false"),
]


@pytest.mark.parametrize(("tunable", "entry", "message"), _FAULTS)
def test_what_can_not_be_meant_is_told_with_its_place(
    tunable: AnyTunable, entry: str, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(f"schema: 1\nsummary: x\ntune:\n  {tunable.name}:\n    - {{name: a, {entry}}}\n")
    with pytest.raises(ProfileError, match=message):
        load_profile(path, settings_types={tunable.name: tunable.Settings}, search=())


@pytest.mark.parametrize("tunable", [NIC_QUEUES, NIC_RINGS, NIC_COALESCING, NIC_OFFLOADS], ids=lambda t: t.name)
def test_two_entries_of_one_name_are_a_fault(tunable: AnyTunable, tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    entry = "    - {name: a, nic: {driver: igb}}\n"
    path.write_text(f"schema: 1\nsummary: x\ntune:\n  {tunable.name}:\n{entry}{entry}")
    with pytest.raises(ProfileError, match="a second entry of this name"):
        load_profile(path, settings_types={tunable.name: tunable.Settings}, search=())
