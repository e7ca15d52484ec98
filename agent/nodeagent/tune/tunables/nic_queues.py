"""nic-queues: how many queues a network port has, and which fields of a packet choose one.

Why: each queue has an interrupt and so a CPU. Fewer than there are CPUs for the network leaves packets waiting, more
only cost interrupts and memory, and on CPUs that belong to the validator they cost it. `placement` takes the number
from the planner, which knows how many CPUs serve the port. Gossip and Turbine are UDP between few addresses: a hash
over addresses alone sends much of it to one queue, one over ports as well (`sdfn`) spreads it.

What a change of queues takes along: the port's interrupts are new ones, the link is down for a moment, and the table
that spreads flows may be wrong (igb, i40e) or may name queues that are gone, which the kernel refuses. So the table is
looked at before: one that somebody set by hand is told and nothing is done, because it would be lost. After the change
it is looked at again, and spread anew where a queue has no share.

Drivers have combined queues, or separate ones for both directions (tg3, gve): then both get the number, as far as each
goes. A number beyond the driver's maximum or beyond the online CPUs is told and not tried: igb says yes to it and
leaves things as they are. Where native XDP runs, queues are not touched: drivers refuse it or have queues of their own
for it (NA-QUEUE-004).

Rejected: setting the table by weights (a queue without flows is for a program that then must be told which one it is:
that program sets it); the number of `other` channels, which nobody can set. Undo sets the numbers that were there; the
table is then even again, though drivers spread evenly in more than one order.

Sources beside those below: net/ethtool/channels.c, net/ethtool/ioctl.c, igb measured on Linux 6.1.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import Deferred, PlanItem, Risk
from nodeagent.model.ethtool_change import SetChannels, SetFlowHash
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need
from nodeagent.model.placement import CpuRole
from nodeagent.model.port_settings import Channels
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Bound, Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check, Fault, Pattern
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import accepts, wanted_text, watched
from nodeagent.tune.ports.nic_drivers import hash_risk
from nodeagent.tune.ports.selection import entry_faults, no_ports, unmatched
from nodeagent.tune.ports.wanted_port import (
    NEEDS,
    SeenPort,
    Teller,
    Wish,
    observe_ports,
    wanted_ports,
)

NAME = "nic-queues"
PLACED = "placement"
MOST = "max"
_LETTERS = "mvtsdfnr"

_QUEUES = re.compile(r"[1-9]\d{0,4}|placement|max", re.ASCII)

HashFields = Annotated[str, Pattern(r"[mvtsdfnr]{1,8}", "letters of ethtool's rx-flow-hash, such as sdfn")]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    nic: NicSelector
    queues: Setting[str] | None = None
    udp4_hash: Setting[HashFields] | None = None
    udp6_hash: Setting[HashFields] | None = None


def faults(entries: tuple[QueueSettings, ...]) -> Iterator[Fault]:
    """Numbers that are none; a text with a pattern of its own could have no bound."""
    yield from entry_faults(entries)
    for at, entry in enumerate(entries):
        if entry.queues is not None and not _QUEUES.fullmatch(entry.queues.value):
            yield Fault(path=(at, "queues"), problem="wanted a number of queues, placement or max")


class NicQueues:
    """The tunable; what was seen is every selected port by its PCI address."""

    name: str = NAME
    summary: str = "how many queues a network port has, and what spreads packets over them"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = NEEDS
    follows: tuple[str, ...] = ("smt", "sriov")  # igb gives queues to its VFs and has fewer itself
    roles: tuple[CpuRole, ...] = (CpuRole.INTERRUPTS,)
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/scaling.html",
        "https://man7.org/linux/man-pages/man8/ethtool.8.html",
    )
    Settings: Any = Annotated[tuple[QueueSettings, ...], Check(faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return no_ports(facts)

    def observe(self, host: HostReader, settings: tuple[QueueSettings, ...], facts: HostFacts) -> dict[str, SeenPort]:
        return observe_ports(host, settings, facts)

    def plan(
        self, observed: Mapping[str, SeenPort], settings: tuple[QueueSettings, ...], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        return tuple(item for port in _ports(observed, settings, facts) for item in port.items)

    def judge(self, observed: Mapping[str, SeenPort], settings: tuple[QueueSettings, ...], facts: HostFacts) -> Verdict:
        told = (finding for port in _ports(observed, settings, facts) for finding in port.findings)
        missing = unmatched(NAME, settings, facts, none="NA-QUEUE-001", twice="NA-QUEUE-008")
        return Verdict(tunable=NAME, findings=(*told, *missing))


NIC_QUEUES = NicQueues()


def _ports(
    observed: Mapping[str, SeenPort], settings: tuple[QueueSettings, ...], facts: HostFacts
) -> Iterator["_WantedPort"]:
    for entry, nic, seen in wanted_ports(observed, settings, facts):
        yield _WantedPort(entry=entry, nic=nic, seen=seen, facts=facts)


def _is_enough(setting: Setting[Any], now: str, number: str) -> bool:
    """Is the present number within the bound? Exactly is not decided by one of two numbers."""
    return setting.bound is not Bound.EXACTLY and accepts(setting, now, number)


@dataclass(frozen=True, kw_only=True)
class _WantedPort:
    """One port against its entry."""

    entry: QueueSettings
    nic: Nic
    seen: SeenPort
    facts: HostFacts

    @property
    def key(self) -> str:
        return f"{NAME}:{self.nic.pci_address}"

    @property
    def items(self) -> tuple[PlanItem, ...]:
        """The queues first: a driver may set its hash anew with them."""
        queues = self._change()
        hashes = [self._hash_step(flow, setting, queues) for flow, setting in self._hashes()]
        return tuple(item for item in (queues, *hashes) if item is not None)

    @property
    def findings(self) -> tuple[Finding, ...]:
        wishes = [self._queues()] if watched(self.entry.queues) else []
        wishes += [self._hash(flow, setting) for flow, setting in self._hashes()]
        return (*(wish.finding for wish in wishes), *self._told())

    def _change(self) -> SetChannels | None:
        setting, current = self.entry.queues, self.seen.settings.channels
        after = self._queues().value if setting is not None and watched(setting) else None
        if after is None or current is None or setting is None:
            return None
        return SetChannels(
            key=self.key,
            tunable=NAME,
            risk=Risk.LINK_FLAP,
            why=setting.why,
            source=setting.source,
            address=self.nic.pci_address,
            before=current.only(after),
            after=after,
        )

    def _queues(self) -> Wish:
        """`value` is the Channels to set."""
        setting, settings = self.entry.queues, self.seen.settings
        assert setting is not None
        tell = Teller(key=self.key, label="queues", setting=setting, wanted=wanted_text(setting, setting.value))
        if settings.channels is None or settings.max_channels is None:
            return tell.untold(settings, "channels", "NA-QUEUE-002")
        limit = settings.max_channels.combined or settings.max_channels.rx or 0
        number = self._number(setting.value, limit)
        if number is None:
            remedy = "name the place of interrupts (placement) in the profile, or write a number"
            return tell.unknown("nobody places queues here", remedy, "NA-QUEUE-003")
        tell = Teller(key=self.key, label="queues", setting=setting, wanted=wanted_text(setting, str(number)))
        now = settings.channels.combined if settings.max_channels.combined else settings.channels.rx
        after = self._channels(number, settings.max_channels)
        if settings.channels.only(after) == after or _is_enough(setting, str(now), str(number)):
            return tell.ok(str(now))
        return self._refusal(tell, number, limit, str(now)) or tell.drift(str(now), after)

    def _number(self, wish: str, limit: int) -> int | None:
        if wish == MOST:
            return min(limit, len(self.facts.cpus.online) or limit)
        if wish != PLACED:
            return int(wish)
        device = self.facts.placement.device(self.nic.pci_address) if self.facts.placement else None
        return device.queues if device is not None else None

    @staticmethod
    def _channels(number: int, most: Channels) -> Channels:
        if most.combined:
            return Channels(combined=number)
        return Channels(rx=number, tx=min(number, most.tx or 0) or None)

    def _refusal(self, tell: Teller, number: int, limit: int, got: str) -> Wish | None:
        """What speaks against it, told before anything is tried."""
        if number > limit:
            return tell.unknown(got, f"the driver has at most {limit}: ask for that, or for max", "NA-QUEUE-005")
        online = len(self.facts.cpus.online)
        if online and number > online:
            remedy = f"there are {online} CPUs, and a queue without a CPU of its own gains nothing: ask for max"
            return tell.unknown(got, remedy, "NA-QUEUE-005")
        if self.seen.native_xdp:
            remedy = f"take the program off first: ip link set dev {self.nic.name} xdp off, or stop who put it there"
            return tell.unknown(f"{got}, and native XDP runs on them", remedy, "NA-QUEUE-004")
        if not self.seen.settings.table_is_even:
            remedy = f"somebody spreads flows by hand; if nobody needs it: ethtool -X {self.nic.name} default"
            return tell.unknown(f"{got}, with an indirection table of its own", remedy, "NA-QUEUE-006")
        return None

    def _hashes(self) -> Iterator[tuple[str, Setting[Any]]]:
        for flow, setting in (("udp4", self.entry.udp4_hash), ("udp6", self.entry.udp6_hash)):
            if setting is not None and watched(setting):
                yield flow, setting

    def _hash(self, flow: str, setting: Setting[Any]) -> Wish:
        wanted = "".join(letter for letter in _LETTERS if letter in setting.value)
        tell = Teller(key=f"{self.key}:{flow}", label=f"{flow} hash", setting=setting, wanted=wanted)
        now = self.seen.settings.udp4_hash if flow == "udp4" else self.seen.settings.udp6_hash
        if not now:  # a driver that hashes by itself and takes no orders answers with no fields at all
            return tell.untold(self.seen.settings, f"{flow}_hash", "NA-QUEUE-007")
        return tell.ok(now) if now == wanted else tell.drift(now, wanted)

    def _hash_step(self, flow: str, setting: Setting[Any], queues: SetChannels | None) -> PlanItem | None:
        wish = self._hash(flow, setting)
        if wish.value is None:
            return None
        told: dict[str, Any] = {
            "key": f"{self.key}:{flow}",
            "tunable": NAME,
            "risk": hash_risk(self.nic.driver),
            "why": setting.why,
            "source": setting.source,
        }
        if queues is not None:
            return Deferred(**told, waits_for=queues.key, summary=f"spread {flow} over the new queues by {wish.value}")
        now = self.seen.settings.udp4_hash if flow == "udp4" else self.seen.settings.udp6_hash
        address = self.nic.pci_address
        return SetFlowHash(**told, address=address, flow=flow, before=now or "", after=wish.value)

    def _told(self) -> Iterator[Finding]:
        """What a person should know about the port and that stops nothing."""
        if not watched(self.entry.queues):
            return
        if self.seen.settings.bond and self._change() is not None:
            yield self._note(
                "bond",
                f"part of {self.seen.settings.bond}, which loses this port for a moment",
                "the other ports of the bond carry on",
                f"see that another port is up (cat /proc/net/bonding/{self.seen.settings.bond}), one port at a time",
                "NA-QUEUE-009",
            )
        if self.seen.port.xdp == "generic":
            yield self._note(
                "xdp",
                "an XDP program runs in the stack (generic)",
                "native XDP",
                "the driver may take it natively: fewer queues (half of the maximum on many), an MTU within a page",
                "NA-QUEUE-010",
            )

    def _note(self, part: str, got: str, wanted: str, remedy: str, id: str) -> Finding:
        return Finding(
            subject=f"{self.key}:{part}",
            state=State.UNKNOWN,
            got=got,
            wanted=wanted,
            remedy=remedy,
            optional=True,
            id=id,
        )
