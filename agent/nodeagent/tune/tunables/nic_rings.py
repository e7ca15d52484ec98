"""nic-rings: how many frames a queue of a network port holds, received and to be sent.

Why: a validator receives in bursts. A frame that finds its ring full is dropped by the card (rx_missed, rx_no_buffer in
`ethtool -S`), before the kernel or a program could know. A larger ring rides out the burst; far too large a one costs
cache, so `max` is a choice and no law. `>=` leaves a larger one alone.

Drivers round sizes: to a multiple of 8 or 32 (Intel), to a power of two (Mellanox). Where the rule is known, what the
driver makes of a size is planned and compared, so 1001 on igb is 1008 in the plan, and right when it reads 1008. Where
it isn't, the size is asked for as it is; a driver that keeps another one fails the step, which is undone, and the error
names the number to write into the profile. So a second run never drifts. Sizes beyond the driver's maximum are told.

Changing rings takes the link down for a moment on most drivers, and is not done while native XDP runs (NA-RING-004):
its program may hold the buffers. A change of the number of queues may set rings anew, so this follows nic-queues.

Rejected: rx_mini and rx_jumbo rings, which cards of today lack. Undo sets the sizes that were there.

Sources beside those below: net/ethtool/rings.c; igb measured on Linux 6.1 (1001 is kept as 1008, 5000 is refused).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from nodeagent.model.change import PlanItem, Risk
from nodeagent.model.ethtool_change import SetRings
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need
from nodeagent.model.port_settings import Rings
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Verdict
from nodeagent.profiles.constraint import Check, Fault
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import accepts, wanted_text, watched
from nodeagent.tune.ports.nic_drivers import ring_size
from nodeagent.tune.ports.selection import entry_faults, no_ports, unmatched
from nodeagent.tune.ports.wanted_port import (
    NEEDS,
    SeenPort,
    Teller,
    Wish,
    first,
    observe_ports,
    wanted_ports,
)

NAME = "nic-rings"
MOST = "max"

_SIZE = re.compile(r"[1-9]\d{0,6}|max", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class RingSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    nic: NicSelector
    rx: Setting[str] | None = None
    tx: Setting[str] | None = None

    @property
    def watched(self) -> dict[str, Setting[Any]]:
        named = {"rx": self.rx, "tx": self.tx}
        return {name: setting for name, setting in named.items() if setting is not None and watched(setting)}


def faults(entries: tuple[RingSettings, ...]) -> Iterator[Fault]:
    """Sizes that are none; a text with a pattern of its own could have no bound."""
    yield from entry_faults(entries)
    for at, entry in enumerate(entries):
        for name, setting in (("rx", entry.rx), ("tx", entry.tx)):
            if setting is not None and not _SIZE.fullmatch(setting.value):
                yield Fault(path=(at, name), problem="wanted a number of frames, or max")


class NicRings:
    """The tunable; what was seen is every selected port by its PCI address."""

    name: str = NAME
    summary: str = "how many frames the queues of a network port hold"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = NEEDS
    follows: tuple[str, ...] = ("sriov", "nic-queues")
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/ethtool-netlink.html",
        "https://man7.org/linux/man-pages/man8/ethtool.8.html",
    )
    Settings: Any = Annotated[tuple[RingSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return no_ports(facts)

    def observe(self, host: HostReader, settings: tuple[RingSettings, ...], facts: HostFacts) -> dict[str, SeenPort]:
        return observe_ports(host, settings, facts)

    def plan(
        self, observed: Mapping[str, SeenPort], settings: tuple[RingSettings, ...], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        changes = (_change(entry, nic, seen) for entry, nic, seen in wanted_ports(observed, settings, facts))
        return tuple(change for change in changes if change is not None)

    def judge(self, observed: Mapping[str, SeenPort], settings: tuple[RingSettings, ...], facts: HostFacts) -> Verdict:
        told = [
            wish.finding
            for entry, nic, seen in wanted_ports(observed, settings, facts)
            for _, wish in _wishes(entry, nic, seen)
        ]
        missing = unmatched(NAME, settings, facts, none="NA-RING-001", twice="NA-RING-005")
        return Verdict(tunable=NAME, findings=(*told, *missing))


NIC_RINGS = NicRings()


def _change(entry: RingSettings, nic: Nic, seen: SeenPort) -> SetRings | None:
    wanted = {name: wish.value for name, wish in _wishes(entry, nic, seen) if wish.value is not None}
    if not wanted or seen.settings.rings is None:
        return None
    # A ring that the driver lacks reads 0, which nobody can ask for.
    current = seen.settings.rings.only(_existing(seen.settings.max_rings))
    reason = first(entry.watched[name] for name in wanted)
    return SetRings(
        key=f"{NAME}:{nic.pci_address}",
        tunable=NAME,
        risk=Risk.LINK_FLAP,
        why=reason.why,
        source=reason.source,
        address=nic.pci_address,
        before=current,
        after=replace(current, **wanted),
    )


def _existing(most: Rings | None) -> Rings:
    return Rings(**{name: value for name, value in most.given().items() if value}) if most else Rings()


def _wishes(entry: RingSettings, nic: Nic, seen: SeenPort) -> Iterator[tuple[str, Wish]]:
    for name, setting in entry.watched.items():
        yield name, _wish(name, setting, nic, seen)


def _wish(name: str, setting: Setting[Any], nic: Nic, seen: SeenPort) -> Wish:
    """`value` is the size to set."""
    settings, key = seen.settings, f"{NAME}:{nic.pci_address}"
    tell = Teller(key=key, label=name, setting=setting, wanted=wanted_text(setting, setting.value))
    now, most = getattr(settings.rings, name, None), getattr(settings.max_rings, name, None)
    if now is None or not most:
        return tell.untold(settings, "rings", "NA-RING-002")
    asked = most if setting.value == MOST else int(setting.value)
    size = ring_size(nic.driver, asked, most) if asked <= most else asked
    rounded = f" ({nic.driver} makes {size} of it)" if size != asked else ""
    tell = Teller(key=key, label=name, setting=setting, wanted=wanted_text(setting, str(asked)) + rounded)
    if accepts(setting, str(now), str(size)):
        return tell.ok(str(now))
    if asked > most:
        return tell.unknown(str(now), f"the driver has at most {most}: ask for that, or for max", "NA-RING-003")
    if seen.native_xdp:
        remedy = f"take the program off first: ip link set dev {nic.name} xdp off, or stop who put it there"
        return tell.unknown(f"{now}, and native XDP runs on it", remedy, "NA-RING-004")
    return tell.drift(str(now), size)
