"""A sysctl that is another tunable's own.

`vm.nr_hugepages` shares pages out over all nodes, while `hugepages` sets each node's pool: whichever comes last wins,
and the other one drifts. A profile that names both doesn't say which it means.

Sources: Documentation/admin-guide/mm/hugetlbpage.rst.
"""

from collections.abc import Iterator

from nodeagent.tune.clashes.situation import Clash, Met, Situation
from nodeagent.tune.kernel import sysctl_name
from nodeagent.tune.knob import enforced

OWNERS = {
    "vm.nr_hugepages": "hugepages",
    "vm.nr_hugepages_mempolicy": "hugepages",
    "net.core.rps_sock_flow_entries": "rps-xps",
}
"""Sysctls to the tunables that set the same in the kernel."""


def _find(situation: Situation) -> Iterator[Met]:
    tune = situation.profile.tune
    for key, setting in tune.get("sysctl", {}).items():
        owner = OWNERS.get(sysctl_name.canonical(key), "")
        if owner in tune and enforced(setting):
            yield Met(
                keys=tuple(item.key for item in situation.items if item.tunable in ("sysctl", owner)),
                reason=f"sysctl sets {key}, which is {owner}'s to set: the later one wins, the other one drifts",
                remedy=f"leave tune.sysctl.{key} out of the profile",
            )


SYSCTL_TWIN = Clash(id="NA-CONFLICT-004", find=_find)
