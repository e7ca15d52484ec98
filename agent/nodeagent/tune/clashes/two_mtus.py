"""Two tunables of one profile that want another MTU for the same port.

`nic-mtu` and `sriov` may both set that of a port. Where they differ each apply would find the other's value, change
it and be drift to the other; a plan shows one step only, since one of them is always content.
"""

from collections.abc import Iterator
from typing import Any

from nodeagent.model.facts import HostFacts
from nodeagent.model.setting import Setting
from nodeagent.tune.clashes.situation import Clash, Met, Situation
from nodeagent.tune.knob import accepts, enforced

_PAIR = ("nic-mtu", "sriov")


def _find(situation: Situation) -> Iterator[Met]:
    if any(name not in situation.profile.tune for name in _PAIR):
        return
    one, two = (_wanted(situation.profile.tune[name], situation.facts) for name in _PAIR)
    for address in sorted(one.keys() & two.keys()):
        if not _go_together(one[address], two[address]):
            yield Met(
                keys=tuple(item.key for item in situation.items if item.tunable in _PAIR and address in item.key),
                reason=f"{_PAIR[0]} wants an MTU of {one[address].value} on {address}, {_PAIR[1]} wants "
                f"{two[address].value}: each apply would undo the other",
                remedy="leave one of them out; a port with VFs belongs to sriov",
            )


def _wanted(entries: Any, facts: HostFacts) -> dict[str, Setting[int]]:
    """The MTU of each port by its PCI address, of the first entry that means it."""
    found: dict[str, Setting[int]] = {}
    for entry in entries:
        if entry.mtu is not None and enforced(entry.mtu):
            for nic in facts.nics:
                if entry.nic.matches(nic):
                    found.setdefault(nic.pci_address, entry.mtu)
    return found


def _go_together(one: Setting[int], two: Setting[int]) -> bool:
    return accepts(one, str(two.value), str(one.value)) or accepts(two, str(one.value), str(two.value))


TWO_MTUS = Clash(id="NA-CONFLICT-003", find=_find)
