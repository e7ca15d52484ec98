"""nic-offloads: the feature flags of a network port, what the card or the stack does for packets.

Why: segmentation, checksums and GRO let one CPU move a gigabyte where it would otherwise count packets. Some stand in
the way: LRO joins packets of different senders' segments beyond undoing, so a machine that forwards, or runs XDP, must
not have it. Names are ethtool's (`gro`, `tso`, `generic-receive-offload`) or the kernel's (`rx-gro`,
`tx-udp-segmentation`); one of ethtool's may mean several flags, and all that the port can change are then set.

The kernel keeps two things of a flag: the wish, and what became of it. A flag that needs another one is held off while
that is off, keeps its wish and comes back with it (`tx: false` takes TSO along). So only the wishes for the flags that
are named are written, both halves of them are recorded and compared, and undo needs nothing of the others. What goes
off goes before what it needs, and what goes on after it. Some drivers tie flags that the kernel doesn't (igb: rxvlan
takes txvlan along); they too keep the wish.

A flag that is fixed on this port, or that the card lacks, is not applicable. One whose wish stands and that is held off
is told with what it needs, unless another step switches that on. GRO and GSO are done above the driver and are live
everywhere; what makes a driver reset the port is a link-flap, and so is what nobody here knows
(tune/ports/nic_drivers.py).

Rejected: the private flags of drivers, whose meaning is theirs alone. Undo sets the wishes that were there.

Sources beside those below: net/core/dev.c (netdev_fix_features, __netdev_update_features), igb measured on Linux 6.1.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Annotated, Any

from nodeagent.model.change import Deferred, PlanItem, Risk
from nodeagent.model.ethtool_change import FeatureState, SetFeatures
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need
from nodeagent.model.port_settings import Feature
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import enforced, watched
from nodeagent.tune.ports.feature_names import members, needs, needs_it, overlap, rank, shortest
from nodeagent.tune.ports.nic_drivers import feature_risk
from nodeagent.tune.ports.selection import entry_faults, no_ports, unmatched
from nodeagent.tune.ports.wanted_port import (
    NEEDS,
    SeenPort,
    Teller,
    Wish,
    observe_ports,
    wanted_ports,
)

NAME = "nic-offloads"
_FORWARDING = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")


@dataclass(frozen=True, slots=True, kw_only=True)
class OffloadSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    nic: NicSelector
    features: dict[str, Setting[bool]] = field(default_factory=dict)

    @property
    def watched(self) -> dict[str, Setting[bool]]:
        return {name: setting for name, setting in self.features.items() if watched(setting)}


def faults(entries: tuple[OffloadSettings, ...]) -> Iterator[Fault]:
    """One flag under two names."""
    yield from entry_faults(entries)
    for at, entry in enumerate(entries):
        for earlier, later in combinations(entry.features, 2):
            if overlap(earlier, later):
                yield Fault(path=(at, "features", later), problem=f"{earlier} sets this too", at_key=True)
        off = [name for name, setting in entry.watched.items() if not setting.value]
        for name in (name for name, setting in entry.watched.items() if setting.value):
            if lacking := [other for other in off if needs_it(name, other)]:
                yield Fault(path=(at, "features", name), problem=f"needs {lacking[0]}, which is to be off", at_key=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Ports by PCI address, and whether this machine forwards packets."""

    ports: Mapping[str, SeenPort]
    forwards: bool


class NicOffloads:
    """The tunable."""

    name: str = NAME
    summary: str = "what a network port does for packets: checksums, segmentation, GRO and the like"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = NEEDS
    follows: tuple[str, ...] = ("sriov", "nic-queues")  # ixgbe and i40e drop ntuple with SR-IOV and with new queues
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/netdev-features.html",
        "https://man7.org/linux/man-pages/man8/ethtool.8.html",
    )
    Settings: Any = Annotated[tuple[OffloadSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return no_ports(facts)

    def observe(self, host: HostReader, settings: tuple[OffloadSettings, ...], facts: HostFacts) -> Seen:
        return Seen(
            ports=observe_ports(host, settings, facts),
            forwards=any(host.read(path).value == "1" for path in _FORWARDING),
        )

    def plan(self, observed: Seen, settings: tuple[OffloadSettings, ...], facts: HostFacts) -> tuple[PlanItem, ...]:
        ports = wanted_ports(observed.ports, settings, facts)
        meant = (_WantedPort(entry=entry, nic=nic, seen=seen) for entry, nic, seen in ports)
        return tuple(item for port in meant for item in port.items())

    def judge(self, observed: Seen, settings: tuple[OffloadSettings, ...], facts: HostFacts) -> Verdict:
        told: list[Finding] = []
        for entry, nic, seen in wanted_ports(observed.ports, settings, facts):
            port = _WantedPort(entry=entry, nic=nic, seen=seen)
            told += [wish.finding for _, wish in port.wishes()]
            told += port.joined_packets(observed.forwards)
        missing = unmatched(NAME, settings, facts, none="NA-OFFLOAD-001", twice="NA-OFFLOAD-005")
        return Verdict(tunable=NAME, findings=(*told, *missing))


NIC_OFFLOADS = NicOffloads()


@dataclass(frozen=True, kw_only=True)
class _WantedPort:
    """One port against its entry."""

    entry: OffloadSettings
    nic: Nic
    seen: SeenPort

    @property
    def _flags(self) -> dict[str, Feature]:
        return {flag.name: flag for flag in self.seen.settings.features or ()}

    def items(self) -> Iterator[PlanItem]:
        """What goes off comes first, those that need others before them; then what goes on, those after."""
        moving = [(name, self.entry.features[name]) for name, wish in self.wishes() if wish.value is not None]
        off = [pair for pair in moving if not pair[1].value]
        on = [pair for pair in moving if pair[1].value]
        ordered = [*sorted(off, key=lambda pair: -rank(pair[0])), *sorted(on, key=lambda pair: rank(pair[0]))]
        made: dict[str, SetFeatures] = {}
        for name, setting in ordered:
            change = self._change(name, setting)
            provider = next((made[other].key for other in reversed(made) if needs_it(name, other)), "")
            held = any(flag.requested and not flag.active for flag in change.before)
            # What is held off may come on with the earlier step, and only then shows how it is.
            yield self._deferred(change, provider) if setting.value and held and provider else change
            made[name] = change

    def _change(self, name: str, setting: Setting[bool]) -> SetFeatures:
        """All that the port can change of what a name means, so that the key always stands for the same flags."""
        flags = self._flags
        every = [flags[flag] for flag in members(name, flags, on=False) if not flags[flag].fixed]
        switched = members(name, flags, on=setting.value)
        before = tuple(FeatureState(name=f.name, active=f.active, requested=f.requested) for f in every)
        risks = {feature_risk(self.nic.driver, flag.name) for flag in every}
        return SetFeatures(
            key=self._key(name),
            tunable=NAME,
            risk=Risk.LINK_FLAP if Risk.LINK_FLAP in risks else Risk.LIVE,
            why=setting.why,
            source=setting.source,
            address=self.nic.pci_address,
            before=before,
            after=tuple(
                FeatureState(name=old.name, active=setting.value, requested=setting.value)
                if old.name in switched
                else old
                for old in before
            ),
        )

    @staticmethod
    def _deferred(change: SetFeatures, waits_for: str) -> Deferred:
        return Deferred(
            key=change.key,
            tunable=NAME,
            risk=change.risk,
            why=change.why,
            source=change.source,
            waits_for=waits_for,
            summary="switched on once what it needs is on",
        )

    def _key(self, name: str) -> str:
        """By one word for all that mean the same flags, so that another one goes on with the same key."""
        return f"{NAME}:{self.nic.pci_address}:{shortest(name)}"

    def wishes(self) -> Iterator[tuple[str, Wish]]:
        for name, setting in self.entry.watched.items():
            yield name, self._wish(name, setting)

    def _wish(self, name: str, setting: Setting[bool]) -> Wish:
        """`value` is True where flags are to be switched."""
        tell = Teller(key=self._key(name), label=name, setting=setting, wanted=_on(setting.value))
        flags = self._flags
        meant = [flags[flag] for flag in members(name, flags, on=setting.value)]
        if self.seen.settings.features is None:
            return tell.untold(self.seen.settings, "features", "NA-OFFLOAD-002")
        if not meant:
            remedy = f"the names are those of ethtool -k {self.nic.name}; leave out what this kernel lacks"
            return tell.not_applicable("unknown here", remedy, "NA-OFFLOAD-002")
        free = [flag for flag in meant if not flag.fixed]
        # One that is only held off comes back with what it needs, so off means that nobody asks for it.
        wrong = [flag for flag in free if flag.active != setting.value or (flag.requested and not setting.value)]
        if not wrong:
            right = bool(free) or all(flag.active for flag in meant) == setting.value
            right = right or (setting.value and any(flag.active for flag in meant))
            remedy = "the port can't change it; leave it out of the profile"
            got = f"{_on(not setting.value)}, fixed"
            return tell.ok(_on(setting.value)) if right else tell.not_applicable(got, remedy, "NA-OFFLOAD-003")
        held = [flag for flag in wrong if setting.value and flag.requested]
        if setting.value and (missing := self._missing(name, held)):
            got = f"off, though asked for ({', '.join(flag.name for flag in held)})" if held else "off"
            return tell.unknown(got, f"it needs {missing}", "NA-OFFLOAD-004")
        # What another step sets free comes on by itself then.
        asleep = not setting.value and not any(flag.active for flag in wrong)
        got = "off, though asked for" if asleep else _on(not setting.value)
        return tell.drift(got, None if held and len(held) == len(wrong) else True)

    def _missing(self, name: str, held: Sequence[Feature]) -> str:
        """What keeps flags from coming on, in words; "" where nothing is known against them."""
        lacking = [shortest(provider) for provider in needs(name) if not self._will_be_on(provider)]
        if lacking:
            return f"{' and '.join(lacking)}: switch that on as well"
        freed = any(not self._is_on(provider) for provider in needs(name))
        return "" if freed or not held else "something else that is off; see `dmesg`"

    def _is_on(self, name: str) -> bool:
        flags = self._flags
        return any(flags[flag].active for flag in members(name, flags, on=True))

    def _will_be_on(self, name: str) -> bool:
        """Once all steps of this entry are made."""
        said = [
            setting.value for word, setting in self.entry.features.items() if overlap(word, name) and enforced(setting)
        ]
        flags = self._flags
        meant = [flags[flag] for flag in members(name, flags, on=True)]
        if said and not said[0]:
            return False
        able = any(flag.requested or (bool(said) and not flag.fixed) for flag in meant)
        freed = able and all(self._will_be_on(provider) for provider in needs(name))
        return freed or any(flag.active for flag in meant)

    def joined_packets(self, forwards: bool) -> Iterator[Finding]:
        """LRO beside what it breaks; told and not forbidden."""
        wanted = [name for name, setting in self.entry.watched.items() if setting.value and overlap(name, "lro")]
        xdp = self.seen.port.xdp in ("native", "offload")
        if not wanted or not (forwards or xdp):
            return
        beside = "native XDP" if xdp else "forwarding of packets"
        yield Finding(
            subject=f"{self._key(wanted[0])}:beside",
            state=State.UNKNOWN,
            got=f"lro is wanted, beside {beside}",
            wanted=f"lro or {beside}",
            remedy="leave lro off; gro does the same for this machine and can be undone for the next",
            optional=True,
            id="NA-OFFLOAD-006",
        )


def _on(switch: bool) -> str:
    return "on" if switch else "off"
