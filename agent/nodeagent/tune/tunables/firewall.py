"""firewall: who may send packets to this host, as one nftables table of our own.

Why: a validator's ports are open to the world by their nature, and everything else on the machine need not be. One
table, `inet nodeagent`, lets in what the profile names, limits what each source may send to the open ports, and drops
the rest. It is put in place, replaced and taken out as a whole in one transaction of the kernel, so that no packet
meets half of it. Tables of others are neither read nor written; what is forwarded or sent is no matter of ours.

A wrong one cuts the connection by which it was sent, so a change of it is a link-flap: apply it with
`--confirm-within`. That the present connection would be refused is a conflict (tune/conflicts), told before anything
is written.

The kernel forgets it at a reboot. Until nodeagent has applied its profile again, the host is as open as it was before.

Drift is seen by the seal of the table (model/firewall_change.py): a rule taken out or put in, another policy, another
address. What the kernel counts is no drift.

Rejected: rules in the tables of others (nobody could tell whose they are); text compared with text (the kernel prints
other words than it was given); a file below /etc for nftables.service (it flushes the rules of everybody when it
starts); limits for all sources together (one source could use them up for the others); `notrack` for the open ports (it
needs a chain on the way out as well; size net.netfilter.nf_conntrack_max instead).

Needs Linux 5.2 or later (chains of inet, dynamic sets with a size) and nft 0.9.3 or later.
Sources beside those below: RFC 4890, net/netfilter/nf_tables_api.c, https://wiki.nftables.org.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeagent.model.change import ABSENT, PlanItem, Risk
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.firewall_change import FAMILY, TABLE, FirewallReading, FirewallTable, SetFirewallTable
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.setting import Mode
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.tune.knob import APPLY_REMEDY, enforced, watched
from nodeagent.tune.packets.owners import FirewallOwner, find_owners
from nodeagent.tune.packets.settings import FirewallSettings, Policy, Service, Settings
from nodeagent.tune.packets.table import make_table

NAME = "firewall"
KEY = f"{NAME}:{FAMILY}:{TABLE}"
_LIST = f"nft list table {FAMILY} {TABLE}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Our table as the kernel has it, and the other programs that set rules."""

    reading: FirewallReading
    owners: tuple[FirewallOwner, ...]


class Firewall:
    """The tunable; one setting, one key, one change."""

    name: str = NAME
    summary: str = "who may send packets to this host, and how many"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="CAP_NET_ADMIN", remedy="run it with sudo"),
        Need(
            kind=NeedKind.TOOL,
            name="nft",
            reason="it puts the table into the kernel",
            remedy="apt-get install nftables",
        ),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://man7.org/linux/man-pages/man8/nft.8.html",
        "https://www.rfc-editor.org/rfc/rfc4890",
    )
    Settings: Any = Settings

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return host.firewall_table(FAMILY, TABLE).problem

    def observe(self, host: HostReader, settings: FirewallSettings, facts: HostFacts) -> Seen:
        if not watched(settings.policy):
            return Seen(reading=FirewallReading(), owners=())
        return Seen(reading=host.firewall_table(FAMILY, TABLE), owners=find_owners(host))

    def plan(self, observed: Seen, settings: FirewallSettings, facts: HostFacts) -> tuple[PlanItem, ...]:
        reading, wanted = observed.reading, wanted_table(settings, facts)
        blocked = reading.problem or any(_unmatched(settings, facts))
        if not enforced(settings.policy) or blocked or reading.state == _state(wanted):
            return ()
        change = SetFirewallTable(
            key=KEY,
            tunable=NAME,
            risk=Risk.LINK_FLAP,
            why=settings.policy.why,
            source=settings.policy.source,
            before=reading.table,
            after=wanted,
        )
        return (change,)

    def judge(self, observed: Seen, settings: FirewallSettings, facts: HostFacts) -> Verdict:
        if not watched(settings.policy):
            return Verdict(tunable=NAME)
        told = (_table_finding(observed.reading, settings, facts), *_unmatched(settings, facts))
        return Verdict(tunable=NAME, findings=(*told, *_owner_findings(observed, settings)))


FIREWALL = Firewall()


def wanted_table(settings: FirewallSettings, facts: HostFacts) -> FirewallTable | None:
    """What the profile wants in the kernel; None for no table of ours."""
    if settings.policy.value is Policy.ABSENT:
        return None
    return make_table(settings, _interfaces(settings, facts))


def _interfaces(settings: FirewallSettings, facts: HostFacts) -> Mapping[str, tuple[str, ...]]:
    scoped = {service.name: _matching(service, facts) for service in settings.services if service.nic is not None}
    return {name: tuple(nic.name for nic in nics) for name, nics in scoped.items()}


def _matching(service: Service, facts: HostFacts) -> tuple[Nic, ...]:
    return tuple(nic for nic in facts.nics if service.nic is not None and nic.name and service.nic.matches(nic))


def _state(table: FirewallTable | None) -> str:
    return table.state if table else ABSENT


def _table_finding(reading: FirewallReading, settings: FirewallSettings, facts: HostFacts) -> Finding:
    policy, wanted = settings.policy, wanted_table(settings, facts)
    told: dict[str, Any] = {
        "subject": KEY,
        "wanted": _told(_state(wanted)),
        "why": policy.why,
        "source": policy.source,
        "optional": policy.mode is Mode.WARN,
    }
    if reading.problem:
        remedy = f"as root: {_LIST}; apt-get install nftables brings nft"
        return Finding(
            state=State.UNKNOWN,
            got=f"can't be told ({reading.problem})",
            remedy=remedy,
            id="NA-FIREWALL-001",
            **told,
        )
    if reading.state == _state(wanted):
        return Finding(state=State.OK, got=_told(reading.state), **told)
    broken = reading.table is not None and not reading.state.startswith("nodeagent ")
    return Finding(
        state=State.DRIFT,
        got=f"{_told(reading.state)}, changed by somebody else" if broken else _told(reading.state),
        remedy=f"{_LIST} shows it; {APPLY_REMEDY}" if broken else APPLY_REMEDY,
        id="NA-FIREWALL-003" if broken else None,
        **told,
    )


def _told(state: str) -> str:
    """A state short enough to be read: twelve digits of its digest."""
    kind, _, digest = state.partition(" sha256:")
    return f"table {digest[:12]}" if digest else kind


def _unmatched(settings: FirewallSettings, facts: HostFacts) -> Iterator[Finding]:
    """Services that are bound to a port which is not there, or not there in the wanted number."""
    if settings.policy.value is Policy.ABSENT:
        return
    for service in settings.services:
        found = _matching(service, facts)
        if service.nic is None or (found and service.nic.count in (None, len(found))):
            continue
        yield Finding(
            subject=f"{NAME}:{service.name}",
            state=State.UNKNOWN,
            got=", ".join(nic.name for nic in found) or "no port",
            wanted=f"{service.nic.count or 'any'} with {service.nic}",
            remedy="nodeagent host show lists the ports and their properties; adjust the selector or its count",
            optional=settings.policy.mode is Mode.WARN,
            id="NA-FIREWALL-002",
        )


def _owner_findings(observed: Seen, settings: FirewallSettings) -> Iterator[Finding]:
    """Told and not forbidden: which of them should give way, only a person knows."""
    if settings.policy.value is Policy.ABSENT:
        return
    for owner in observed.owners:
        does = "takes our table away when it starts" if owner.flushes else "sets rules of its own"
        yield Finding(
            subject=f"{NAME}:{owner.program}",
            state=State.UNKNOWN,
            got=f"{owner.program} {does} ({owner.path})",
            wanted="one owner of the firewall",
            remedy=owner.remedy,
            optional=True,
            id="NA-FIREWALL-004" if owner.flushes else "NA-FIREWALL-005",
        )
