"""The ports that entries of a profile mean, for the tunables that set what a port's driver keeps.

Each entry has a name, a selector, and settings; the first entry that means a port has it. A setting held against a port
gives one finding and at most one field of a change, and all fields of one port make one change, because the driver
takes them in one call.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.host_reader import HostReader
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.port import Port
from nodeagent.model.port_settings import LACKING, PortSettings
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Mode, Setting
from nodeagent.model.verdict import Finding, State
from nodeagent.profiles.constraint import Fault
from nodeagent.tune.knob import APPLY_REMEDY, enforced
from nodeagent.tune.ports.sriov_settings import nic_faults

NEEDS: tuple[Need, ...] = (
    Need(kind=NeedKind.ROOT, name="root", reason="CAP_NET_ADMIN: ethtool's ioctls", remedy="run it with sudo"),
)


class Entry(Protocol):
    """What an entry of each of these tunables has."""

    @property
    def name(self) -> str: ...

    @property
    def nic(self) -> NicSelector: ...


E = TypeVar("E", bound=Entry)


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
        return Finding(
            subject=self.key,
            state=state,
            got=f"{self.label} {got}",
            wanted=f"{self.label} {self.wanted}",
            remedy=remedy,
            why=self.setting.why,
            source=self.setting.source,
            optional=self.setting.mode is Mode.WARN,
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


def matching(entry: Entry, facts: HostFacts) -> tuple[Nic, ...]:
    """The ports that an entry means, each function once; none where their number is not the wanted one."""
    found = {nic.pci_address: nic for nic in facts.nics if entry.nic.matches(nic)}
    return tuple(found.values()) if entry.nic.count in (None, len(found)) else ()


def wanted_ports(
    observed: Mapping[str, SeenPort], entries: Iterable[E], facts: HostFacts
) -> Iterator[tuple[E, Nic, SeenPort]]:
    """Each port with the first entry that means it."""
    taken: set[str] = set()
    for entry in entries:
        for nic in matching(entry, facts):
            if nic.pci_address in observed and nic.pci_address not in taken:
                taken.add(nic.pci_address)
                yield entry, nic, observed[nic.pci_address]


def unmatched(tunable: str, entries: Sequence[Entry], facts: HostFacts, *, none: str, twice: str) -> Iterator[Finding]:
    """Entries that mean another number of ports (id `none`), or a port that an earlier one means (id `twice`)."""
    taken: dict[str, str] = {}
    for entry in entries:
        count, found = entry.nic.count, [nic for nic in facts.nics if entry.nic.matches(nic)]
        if not found or count not in (None, len(found)):
            yield Finding(
                subject=f"{tunable}:{entry.name}",
                state=State.NOT_APPLICABLE if count is None else State.UNKNOWN,
                got=", ".join(nic.name for nic in found) or "no port",
                wanted=f"{'any' if count is None else count} with {entry.nic}",
                remedy="nodeagent host show lists the ports and their properties; adjust the selector or its count",
                id=none,
            )
            continue
        if others := sorted({taken[nic.pci_address] for nic in found if nic.pci_address in taken}):
            yield Finding(
                subject=f"{tunable}:{entry.name}",
                state=State.UNKNOWN,
                got=f"ports of it belong to the entry {others[0]}",
                wanted="one entry for a port",
                remedy="let one selector mean it",
                id=twice,
            )
        for nic in found:
            taken.setdefault(nic.pci_address, entry.name)


def entry_faults(entries: Sequence[Entry]) -> Iterator[Fault]:
    """Selectors that mean nothing, labels used twice."""
    seen: set[str] = set()
    for at, entry in enumerate(entries):
        if entry.name in seen:
            yield Fault(path=(at, "name"), problem="a second entry of this name")
        seen.add(entry.name)
        yield from nic_faults(at, entry.nic)


def no_ports(facts: HostFacts) -> str:
    """Why none of these tunables can do anything here; "" where one can."""
    return "" if any(nic.pci_address for nic in facts.nics) else "no network port on the PCI bus is visible here"
