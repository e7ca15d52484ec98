"""Every clash between what a profile wants and what else holds on this machine, looked for before anything is written.

A contradiction inside a plan (tune/conflicts.py) can't be meant; a clash can, so each has an id by which it is
overridden (`tune apply --override ID`, or `overrides:` of a profile). What concerns one tunable alone is a finding of
that tunable; what lies between two, or between one and the rest of the machine, and would do harm once written,
stands here. Both are listed in docs/conflicts.md.

To add one: its file here, its line below, its heading in docs/conflicts.md.
"""

from nodeagent.tune.clashes.firewall_lockout import FIREWALL_LOCKOUT
from nodeagent.tune.clashes.jumbo_xdp import JUMBO_XDP
from nodeagent.tune.clashes.situation import Clash, Situation
from nodeagent.tune.clashes.sriov_xdp import SRIOV_XDP
from nodeagent.tune.clashes.sysctl_twin import SYSCTL_TWIN
from nodeagent.tune.clashes.two_mtus import TWO_MTUS
from nodeagent.tune.conflicts import Conflict

CLASHES: tuple[Clash, ...] = (JUMBO_XDP, SRIOV_XDP, TWO_MTUS, SYSCTL_TWIN, FIREWALL_LOCKOUT)


def find_clashes(situation: Situation) -> tuple[Conflict, ...]:
    """All of them, in the order above; those that the profile overrides say so."""
    reasons = {override.id: override.why for override in situation.profile.overrides}
    return tuple(
        Conflict(
            id=clash.id,
            keys=met.keys,
            reason=met.reason,
            remedy=met.remedy,
            override=f"--override {clash.id}",
            overridden=reasons.get(clash.id, ""),
        )
        for clash in CLASHES
        for met in clash.find(situation)
    )
