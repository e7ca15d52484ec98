"""Which ports the entries of a profile mean: by selector, each function once, the first entry that means it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Protocol, TypeVar

from nodeagent.model.facts import HostFacts, Nic
from nodeagent.model.selector import NicSelector
from nodeagent.model.verdict import Finding, State
from nodeagent.profiles.constraint import Fault


class Entry(Protocol):
    """What an entry of each of these tunables has."""

    @property
    def name(self) -> str: ...

    @property
    def nic(self) -> NicSelector: ...


E = TypeVar("E", bound=Entry)


def meant(selector: NicSelector, facts: HostFacts) -> tuple[Nic, ...]:
    """The ports that a selector means, each function once; none where their number is not the wanted one."""
    found = {nic.pci_address: nic for nic in facts.nics if selector.matches(nic)}
    return tuple(found.values()) if selector.count in (None, len(found)) else ()


def matching(entry: Entry, facts: HostFacts) -> tuple[Nic, ...]:
    """The ports that an entry means."""
    return meant(entry.nic, facts)


def first_meant(entries: Iterable[E], facts: HostFacts) -> Iterator[tuple[E, Nic]]:
    """Each port with the first entry that means it."""
    taken: set[str] = set()
    for entry in entries:
        for nic in matching(entry, facts):
            if nic.pci_address not in taken:
                taken.add(nic.pci_address)
                yield entry, nic


def miscounted(tunable: str, entry: Entry, facts: HostFacts, *, id: str) -> Finding | None:
    """An entry that means another number of ports than it says, or none at all."""
    count, found = entry.nic.count, sorted({nic.name for nic in facts.nics if entry.nic.matches(nic)})
    if found and count in (None, len(found)):
        return None
    return Finding(
        subject=f"{tunable}:{entry.name}",
        state=State.NOT_APPLICABLE if count is None else State.UNKNOWN,
        got=", ".join(found) or "no port",
        wanted=f"{'any' if count is None else count} with {entry.nic}",
        remedy="nodeagent host show lists the ports and their properties; adjust the selector or its count",
        id=id,
    )


def unmatched(tunable: str, entries: Sequence[Entry], facts: HostFacts, *, none: str, twice: str) -> Iterator[Finding]:
    """Entries that mean another number of ports (id `none`), or a port that an earlier one means (id `twice`)."""
    taken: dict[str, str] = {}
    for entry in entries:
        if finding := miscounted(tunable, entry, facts, id=none):
            yield finding
            continue
        found = matching(entry, facts)
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


def nic_faults(at: int, nic: NicSelector) -> Iterator[Fault]:
    """A selector that means nothing."""
    properties = [item.name for item in fields(nic) if item.name != "count"]
    if all(getattr(nic, name) is None for name in properties):
        yield Fault(path=(at, "nic"), problem=f"names no property: wanted one of {', '.join(properties)}")
    if nic.count is not None and nic.count < 1:
        yield Fault(path=(at, "nic", "count"), problem="wanted 1 or more")


def no_ports(facts: HostFacts) -> str:
    """Why none of these tunables can do anything here; "" where one can."""
    return "" if any(nic.pci_address for nic in facts.nics) else "no network port on the PCI bus is visible here"
