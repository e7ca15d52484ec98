"""nic-mtu: how long a frame a network port sends.

Why: 9000-byte frames carry six times as much for each interrupt and each header. They only work where every port on
the way takes them, which is why a port is named by what it is and a change of it is a link-flap: most drivers take the
link down to set their buffers, and a wrong one cuts the connection. Apply such a change with `--confirm-within`.

Conflicts, told before anything is written: VFs that have a larger MTU than their port is to get; native XDP, which many
drivers refuse together with frames beyond a page (bnxt_en 3502, ixgbe 3050 bytes), so jumbo frames belong on ports that
carry no XDP program. VFs of a port belong to `sriov`, which also has an `mtu` for the port, as up and down come in
another order there.

Rejected: interfaces without a PCI function (bonds, bridges, VLANs): their MTU follows from those below them, and
belongs to the network's own configuration. Undo writes the number that was there.

Sources beside those below: net/core/dev.c (dev_validate_mtu), include/uapi/linux/if_link.h (IFLA_MAX_MTU, IFLA_XDP).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from nodeagent.model.change import PlanItem, Risk
from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.port import Port
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State, Verdict
from nodeagent.profiles.constraint import Check
from nodeagent.profiles.name import Name
from nodeagent.tune.knob import watched
from nodeagent.tune.ports.selection import entry_faults, first_meant, matching, no_ports, unmatched
from nodeagent.tune.ports.sriov_settings import Mtu
from nodeagent.tune.ports.vf_plan import Step
from nodeagent.tune.reasoned import reasoned
from nodeagent.tune.tunables.sriov import port_mtu_step

NAME = "nic-mtu"
XDP_LIMIT = 3050
"""The smallest of the limits that drivers put on frames while a native XDP program without fragments runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MtuSettings:
    """What the ports of one selector should have. `name` is a label of the profile, for messages and for merging."""

    name: Name
    nic: NicSelector
    mtu: Setting[Mtu]


class NicMtu:
    """The tunable; what was seen is every selected port by its PCI address."""

    name: str = NAME
    summary: str = "how long a frame a network port sends"
    risk: Risk = Risk.LINK_FLAP
    needs: tuple[Need, ...] = (
        Need(kind=NeedKind.ROOT, name="root", reason="CAP_NET_ADMIN", remedy="run it with sudo"),
    )
    follows: tuple[str, ...] = ()
    sources: tuple[str, ...] = (
        "https://docs.kernel.org/networking/netdevices.html",
        "https://man7.org/linux/man-pages/man8/ip-link.8.html",
    )
    Settings: Any = Annotated[tuple[MtuSettings, ...], Check(entry_faults)]

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return no_ports(facts)

    def observe(self, host: HostReader, settings: tuple[MtuSettings, ...], facts: HostFacts) -> dict[str, Port]:
        meant = {nic.pci_address for entry in settings for nic in matching(entry, facts)}
        return {address: host.port(address) for address in sorted(meant)}

    def plan(
        self, observed: Mapping[str, Port], settings: tuple[MtuSettings, ...], facts: HostFacts
    ) -> tuple[PlanItem, ...]:
        steps = [_step(observed[nic.pci_address], entry) for entry, nic in _wanted(observed, settings, facts)]
        return tuple(step.item for step in steps if step.item is not None)

    def judge(self, observed: Mapping[str, Port], settings: tuple[MtuSettings, ...], facts: HostFacts) -> Verdict:
        told: list[Finding] = []
        for entry, nic in _wanted(observed, settings, facts):
            port = observed[nic.pci_address]
            step = _step(port, entry)
            told += [step.finding] if step.finding else []
            told += _xdp(port, entry)
        return Verdict(
            tunable=NAME, findings=(*told, *unmatched(NAME, settings, facts, none="NA-MTU-001", twice="NA-MTU-005"))
        )


NIC_MTU = NicMtu()


def _wanted(
    observed: Mapping[str, Port], settings: tuple[MtuSettings, ...], facts: HostFacts
) -> Iterator[tuple[MtuSettings, Nic]]:
    watched_entries = [entry for entry in settings if watched(entry.mtu)]
    return ((entry, nic) for entry, nic in first_meant(watched_entries, facts) if nic.pci_address in observed)


def _step(port: Port, entry: MtuSettings) -> Step:
    key = f"{NAME}:{port.address}"
    step = port_mtu_step(port, entry.mtu, key=key, tunable=NAME, too_large="NA-MTU-002")
    larger = [vf for vf in port.vfs if vf.mtu is not None and vf.mtu > entry.mtu.value]
    if step.item is None or not larger:
        return step
    names = ", ".join(f"VF {vf.index} has {vf.mtu}" for vf in larger[:4])
    return Step(
        finding=reasoned(
            subject=key,
            state=State.UNKNOWN,
            got=str(port.mtu),
            wanted=str(entry.mtu.value),
            remedy=f"{names}: lower them first, or set both with the entry `mtu` of the tunable sriov",
            setting=entry.mtu,
            id="NA-MTU-004",
        )
    )


def _xdp(port: Port, entry: MtuSettings) -> list[Finding]:
    """Told and not forbidden: a driver with fragments takes both."""
    if port.xdp not in ("native", "offload") or entry.mtu.value <= XDP_LIMIT:
        return []
    return [
        Finding(
            subject=f"{NAME}:{port.address}:xdp",
            state=State.UNKNOWN,
            got=f"an XDP program runs here ({port.xdp})",
            wanted=f"no native XDP together with {entry.mtu.value}-byte frames",
            remedy="keep jumbo frames to ports without XDP, or see that driver and program take fragments",
            optional=True,
            id="NA-MTU-003",
        )
    ]
