"""The ports that entries of a profile mean, for the tunables that set what a port's driver keeps.

Each entry has a name, a selector, and settings; the first entry that means a port has it. A setting held against a port
gives one finding and at most one field of a change, and all fields of one port make one change, because the driver
takes them in one call.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.port import Port
from nodeagent.model.port_settings import LACKING, PortSettings
from nodeagent.model.setting import Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.tune.knob import APPLY_REMEDY, enforced
from nodeagent.tune.ports.selection import E, Entry, first_meant, matching
from nodeagent.tune.reasoned import reasoned

NEEDS: tuple[Need, ...] = (
    Need(kind=NeedKind.ROOT, name="root", reason="CAP_NET_ADMIN: ethtool's ioctls", remedy="run it with sudo"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPort:
    """One port as its link and as its driver tell it."""

    port: Port
    settings: PortSettings

    @property
    def native_xdp(self) -> bool:
        return self.port.xdp in ("native", "offload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What became of one setting. `value` is what to set, None where there is nothing to do, or not by us."""

    finding: Finding
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Words findings about one setting of one port; `label` names it, since a port's settings share a key."""

    key: str
    label: str
    setting: Setting[Any]
    wanted: str

    def ok(self, got: str) -> Wish:
        return Wish(finding=self._finding(State.OK, got, "", None))

    def drift(self, got: str, value: Any) -> Wish:
        finding = self._finding(State.DRIFT, got, APPLY_REMEDY, None)
        return Wish(finding=finding, value=value if enforced(self.setting) else None)

    def unknown(self, got: str, remedy: str, id: str) -> Wish:
        return Wish(finding=self._finding(State.UNKNOWN, got, remedy, id))

    def not_applicable(self, got: str, remedy: str, id: str) -> Wish:
        return Wish(finding=self._finding(State.NOT_APPLICABLE, got, remedy, id))

    def untold(self, settings: PortSettings, part: str, id: str) -> Wish:
        """A part that the driver lacks is not applicable; one that nobody could be asked for is unknown."""
        problem = settings.problems.get(part, LACKING)
        if problem == LACKING:
            return self.not_applicable(problem, "its driver has nothing to set here; leave it out of the profile", id)
        return self.unknown(f"not told: {problem}", "run it as root on the machine itself", id)

    def _finding(self, state: State, got: str, remedy: str, id: str | None) -> Finding:
        return reasoned(
            subject=self.key,
            state=state,
            got=f"{self.label} {got}",
            wanted=f"{self.label} {self.wanted}",
            remedy=remedy,
            setting=self.setting,
            id=id,
        )


def first(settings: Iterable[Setting[Any]]) -> Setting[Any]:
    """The setting whose `why` and `source` a change of several carries."""
    given = list(settings)
    return next((setting for setting in given if setting.why), given[0])


def observe_ports(host: HostReader, entries: Iterable[Entry], facts: HostFacts) -> dict[str, SeenPort]:
    """Every port that an entry means, by PCI address."""
    meant = {nic.pci_address for entry in entries for nic in matching(entry, facts)}
    return {
        address: SeenPort(port=host.port(address), settings=host.port_settings(address)) for address in sorted(meant)
    }


def wanted_ports(
    observed: Mapping[str, SeenPort], entries: Iterable[E], facts: HostFacts
) -> Iterator[tuple[E, Nic, SeenPort]]:
    """Each port with the first entry that means it."""
    for entry, nic in first_meant(entries, facts):
        if nic.pci_address in observed:
            yield entry, nic, observed[nic.pci_address]
