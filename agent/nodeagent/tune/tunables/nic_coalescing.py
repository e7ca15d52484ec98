"""nic-coalescing: how long, or for how many frames, a network port waits before it interrupts.

Why: an interrupt for each frame costs a CPU, and waiting costs latency. A card that adapts by itself does well for a
mix of everything; where the traffic is known, fixed times are steadier. `rx_usecs` is what a received frame may wait.

An adaptive card chooses the times itself: then they mean nothing, some drivers refuse them (ice) and others show what
was chosen a moment ago. So `adaptive_rx: true` beside `rx_usecs` is a fault of the profile, times on a port that is
adaptive now are told (NA-COALESCE-003) until the profile says `adaptive_rx: false` as well. The switch is turned first
then, and the times are known after apply: what an adaptive card shows moves by itself.

A change is live where the driver is known to write registers only (tune/ports/nic_drivers.py), otherwise it counts as
link-flap: mlx5 opens its queues anew, ixgbe may reset. Drivers may tie both directions (igb with paired queues takes
rx_usecs for both), and refuse what they lack with EOPNOTSUPP, which no driver tells before it is asked; the step fails
then, nothing is changed, and the error says to leave it out.

Rejected: the times below and above packet rates, which almost no driver has. Undo sets the values that were there,
the switch last. Follows nic-queues, because new queues get the driver's defaults (ice, i40e).

Sources beside those below: net/ethtool/coalesce.c, net/ethtool/ioctl.c; igb measured on Linux 6.1.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any

from nodeagent.model.change import Deferred, PlanItem, Risk
from nodeagent.model.ethtool_change import SetCoalescing
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need
from nodeagent.model.port_settings import Coalescing
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Verdict
from nodeagent.profiles.constraint import Check, Fault, Range
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import accepts, enforced, wanted_text, watched
from nodeagent.tune.ports.nic_drivers import coalescing_risk
from nodeagent.tune.ports.selection import entry_faults, no_ports, unmatched
from nodeagent.tune.ports.wanted_port import (
    NEEDS,
    SeenPort,
    Teller,
    Wish,
    observe_ports,
    wanted_ports,
)

NAME = "nic-coalescing"

Microseconds = Annotated[int, Range(0, 1_000_000)]
Frames = Annotated[int, Range(0, 65_535)]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoalescingSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    nic: NicSelector
    adaptive_rx: Setting[bool] | None = None
    adaptive_tx: Setting[bool] | None = None
    rx_usecs: Setting[Microseconds] | None = None
    rx_frames: Setting[Frames] | None = None
    tx_usecs: Setting[Microseconds] | None = None
    tx_frames: Setting[Frames] | None = None

    @property
    def watched(self) -> dict[str, Setting[Any]]:
        """What is to be looked at, switches first: they decide what the times mean."""
        named = {item.name: getattr(self, item.name) for item in fields(Coalescing)}
        return {name: setting for name, setting in named.items() if setting is not None and watched(setting)}


def faults(entries: tuple[CoalescingSettings, ...]) -> Iterator[Fault]:
    """Times beside the switch that makes them mean nothing."""
    yield from entry_faults(entries)
    for at, entry in enumerate(entries):
        for name, setting in entry.watched.items():
            switch = entry.watched.get(f"adaptive_{name[:2]}")
            if setting is not switch and switch is not None and switch.value is True:
                yield Fault(path=(at, name), problem=f"means nothing while adaptive_{name[:2]} is true", at_key=True)


class NicCoalescing:
    """The tunable; what was seen is every selected port by its PCI address."""

    name: str = NAME
    summary: str = "how long a network port waits before it interrupts"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = NEEDS
    follows: tuple[str, ...] = ("sriov", "nic-queues", "nic-rings")  # mlx5 and bnxt open queues anew for new rings
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/ethtool-netlink.html",
        "https://man7.org/linux/man-pages/man8/ethtool.8.html",
    )
    Settings: Any = Annotated[tuple[CoalescingSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return no_ports(facts)

    def observe(
        self, host: HostReader, settings: tuple[CoalescingSettings, ...], facts: HostFacts
    ) -> dict[str, SeenPort]:
        return observe_ports(host, settings, facts)

    def plan(
        self, observed: Mapping[str, SeenPort], settings: tuple[CoalescingSettings, ...], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        ports = wanted_ports(observed, settings, facts)
        return tuple(item for entry, nic, seen in ports for item in _steps(entry, nic, seen))

    def judge(
        self, observed: Mapping[str, SeenPort], settings: tuple[CoalescingSettings, ...], facts: HostFacts
    ) -> Verdict:
        told = [
            wish.finding
            for entry, nic, seen in wanted_ports(observed, settings, facts)
            for _, wish in _wishes(entry, nic, seen)
        ]
        missing = unmatched(NAME, settings, facts, none="NA-COALESCE-001", twice="NA-COALESCE-004")
        return Verdict(tunable=NAME, findings=(*told, *missing))


NIC_COALESCING = NicCoalescing()


def _steps(entry: CoalescingSettings, nic: Nic, seen: SeenPort) -> Iterator[PlanItem]:
    current = seen.settings.coalescing
    switched: set[str] = set()
    for name, wish in _wishes(entry, nic, seen):
        setting = entry.watched[name]
        if wish.value is None or current is None:
            continue
        told: dict[str, Any] = {
            "key": _key(nic, name),
            "tunable": NAME,
            "risk": coalescing_risk(nic.driver),
            "why": setting.why,
            "source": setting.source,
        }
        if (switch := f"adaptive_{name[:2]}") in switched:
            yield Deferred(**told, waits_for=_key(nic, switch), summary=f"{name} {wish.value} once nothing adapts it")
            continue
        switched |= {name} if name.startswith("adaptive") else set()
        after = Coalescing(**{name: wish.value})
        yield SetCoalescing(**told, address=nic.pci_address, before=current.only(after), after=after)


def _key(nic: Nic, name: str) -> str:
    return f"{NAME}:{nic.pci_address}:{name}"


def _wishes(entry: CoalescingSettings, nic: Nic, seen: SeenPort) -> Iterator[tuple[str, Wish]]:
    for name, setting in entry.watched.items():
        yield name, _wish(name, setting, entry, nic, seen)


def _wish(name: str, setting: Setting[Any], entry: CoalescingSettings, nic: Nic, seen: SeenPort) -> Wish:
    """`value` is what to set."""
    switch = name.startswith("adaptive")
    text = _on(setting.value) if switch else wanted_text(setting, str(setting.value))
    tell = Teller(key=_key(nic, name), label=name, setting=setting, wanted=text)
    current = seen.settings.coalescing
    if current is None:
        return tell.untold(seen.settings, "coalescing", "NA-COALESCE-002")
    now = getattr(current, name)
    if switch:
        return tell.ok(_on(now)) if now == setting.value else tell.drift(_on(now), setting.value)
    adaptive = f"adaptive_{name[:2]}"
    if getattr(current, adaptive) and not _switches_off(entry, adaptive):
        remedy = f"set {adaptive}: false as well, or leave {name} out: the card chooses it by itself now"
        return tell.unknown(f"chosen by the card ({adaptive} is on)", remedy, "NA-COALESCE-003")
    if accepts(setting, str(now), str(setting.value)) and not getattr(current, adaptive):
        return tell.ok(str(now))
    return tell.drift(str(now), setting.value)


def _switches_off(entry: CoalescingSettings, adaptive: str) -> bool:
    setting = entry.watched.get(adaptive)
    return setting is not None and enforced(setting) and setting.value is False


def _on(switch: bool) -> str:
    return "on" if switch else "off"
