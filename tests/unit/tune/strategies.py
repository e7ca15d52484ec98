"""Hypothesis strategies for every kind of change, with texts as odd as real ones."""

from hypothesis import strategies as st

from nodeagent.model.array_change import MakeArray, MembersState
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import (
    Change,
    CoupledKnob,
    Deferred,
    DeviceIdentity,
    DirectoryState,
    FilesystemName,
    KnobForm,
    MakeFilesystem,
    MountState,
    Risk,
    SetDirectory,
    SetMount,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.cpuset import CPU_LIMIT, CpuSet
from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.ethtool_change import FeatureState, SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.firewall_change import FirewallTable, SetFirewallTable
from nodeagent.model.interrupts import VectorName
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.network_change import BindDriver, DriverBinding, SetLink, SetVf, SetVfCount, VfCount
from nodeagent.model.port import VfAttributes
from nodeagent.model.port_settings import Channels, Coalescing, Rings
from nodeagent.model.service_change import SetUnit, UnitCondition
from nodeagent.model.swap_change import SetSwap, SwapState

# What surrogateescape makes of bytes that are no UTF-8, as well as ordinary text.
texts = st.text(
    st.one_of(st.characters(exclude_categories=["Cs"]), st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF))
)
numbers = st.integers(0, 2**63)
risks = st.sampled_from(Risk)
forms = st.sampled_from(KnobForm)

_told = {"key": texts, "tunable": texts, "risk": risks, "why": texts, "source": texts}

directory_states = st.builds(DirectoryState, mode=st.integers(0, 0o7777), uid=numbers, gid=numbers)
mount_states = st.builds(MountState, source=texts, fstype=texts, options=st.frozensets(texts, max_size=4))
devices = st.builds(
    DeviceIdentity, serial=texts, wwn=texts, model=texts, size_bytes=numbers, backing_file=texts, name=texts
)
coupled_knobs = st.builds(
    CoupledKnob, path=texts, before=texts, after=texts, form=forms, forward=st.booleans(), back=st.booleans()
)

vf_counts = st.builds(VfCount, vfs=numbers, autoprobe=st.none() | st.booleans())
vf_attributes = st.builds(
    VfAttributes,
    msix=st.none() | numbers,
    mac=st.none() | texts,
    vlan=st.none() | numbers,
    qos=st.none() | numbers,
    proto=st.none() | texts,
    max_tx_rate=st.none() | numbers,
    min_tx_rate=st.none() | numbers,
    spoofchk=st.none() | st.booleans(),
    trust=st.none() | st.booleans(),
    link_state=st.none() | texts,
)
cpu_sets = st.builds(CpuSet, cpus=st.frozensets(st.integers(0, CPU_LIMIT - 1), max_size=4))
vectors = st.builds(VectorName, action=texts, turn=st.integers(0, 64))
firewall_tables = st.builds(FirewallTable, text=texts, state=texts)
unit_conditions = st.builds(
    UnitCondition, active=st.none() | st.booleans(), masked=st.booleans(), links=st.lists(texts, max_size=3).map(tuple)
)
swap_states = st.builds(SwapState, priority=st.integers(-40, 32767), discard=st.sampled_from(["", "once", "both"]))
counts = st.none() | numbers
channels = st.builds(Channels, combined=counts, rx=counts, tx=counts, other=counts)
rings = st.builds(Rings, rx=counts, tx=counts)
switches = st.none() | st.booleans()
coalescings = st.builds(
    Coalescing, adaptive_rx=switches, adaptive_tx=switches, rx_usecs=counts, rx_frames=counts, tx_usecs=counts
)
flags = st.lists(st.builds(FeatureState, name=texts, active=st.booleans(), requested=st.booleans()), max_size=3)
bindings = st.builds(DriverBinding, driver=texts, override=texts)

changes: st.SearchStrategy[Change] = st.one_of(
    st.builds(WriteFile, **_told, path=texts, before=texts, after=texts, form=forms),
    st.builds(WriteCoupled, **_told, members=st.lists(coupled_knobs, max_size=3).map(tuple)),
    st.builds(
        WriteConfig, **_told, path=texts, before=st.none() | texts, after=st.none() | texts, mode=st.integers(0, 0o7777)
    ),
    st.builds(
        SetDirectory,
        **_told,
        path=texts,
        before=st.none() | directory_states,
        after=st.none() | directory_states,
        root_of=st.none() | st.builds(FilesystemName, uuid=texts, fstype=texts),
    ),
    st.builds(
        SetMount,
        **_told,
        target=texts,
        before=st.none() | mount_states,
        after=st.none() | mount_states,
        comes_back=st.booleans(),
    ),
    st.builds(
        MakeFilesystem,
        **_told,
        device=devices,
        fstype=st.sampled_from(["ext4", "btrfs", "xfs"]),
        label=texts,
        uuid=texts,
        options=st.lists(texts, max_size=3).map(tuple),
    ),
    st.builds(
        MakeArray,
        **_told,
        members=st.lists(devices, max_size=3).map(tuple),
        uuid=texts,
        name=texts,
        chunk_bytes=numbers,
        before=st.sampled_from(MembersState),
    ),
    st.builds(SetNvmeFeature, **_told, address=texts, serial=texts, feature=numbers, before=numbers, after=numbers),
    st.builds(SetVfCount, **_told, address=texts, before=vf_counts, after=vf_counts),
    st.builds(
        SetVf,
        **_told,
        address=texts,
        index=numbers,
        before=vf_attributes,
        after=vf_attributes,
        rebind=texts,
        own_vectors=numbers,
    ),
    st.builds(BindDriver, **_told, address=texts, index=numbers, before=bindings, after=bindings),
    st.builds(SetChannels, **_told, address=texts, before=channels, after=channels),
    st.builds(SetRings, **_told, address=texts, before=rings, after=rings),
    st.builds(SetCoalescing, **_told, address=texts, before=coalescings, after=coalescings),
    st.builds(SetFeatures, **_told, address=texts, before=flags.map(tuple), after=flags.map(tuple)),
    st.builds(SetFlowHash, **_told, address=texts, flow=texts, before=texts, after=texts),
    st.builds(SetLink, **_told, address=texts, index=st.none() | numbers, before_mtu=numbers, after_mtu=numbers),
    st.builds(
        SetBootParameters,
        **_told,
        path=texts,
        menu=texts,
        before=st.none() | texts,
        after=st.none() | texts,
        before_menu=st.lists(texts, max_size=3).map(tuple),
        after_menu=st.lists(texts, max_size=3).map(tuple),
    ),
    st.builds(SetUnit, **_told, unit=texts, before=unit_conditions, after=unit_conditions),
    st.builds(SetSwap, **_told, path=texts, uuid=texts, before=st.none() | swap_states, after=st.none() | swap_states),
    st.builds(SetFirewallTable, **_told, before=st.none() | firewall_tables, after=st.none() | firewall_tables),
    st.builds(SetIrqAffinity, **_told, address=texts, vector=vectors, before=cpu_sets, after=cpu_sets),
)
deferred = st.builds(Deferred, **_told, waits_for=texts, summary=texts)
items = st.one_of(changes, deferred)
