"""Sections of a profile, short to write."""

from nodeagent.model.placement_settings import AUTO, PlacementSettings, SmtSiblings
from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting


def section(
    *,
    housekeeping: int = 1,
    interrupts: int = 2,
    poh: int = 1,
    xdp: int = 0,
    node: str = AUTO,
    siblings: SmtSiblings = SmtSiblings.RESERVE,
    nic: NicSelector | None = None,
) -> PlacementSettings:
    return PlacementSettings(
        nic=nic,
        housekeeping=Setting(value=housekeeping),
        interrupts=Setting(value=interrupts),
        poh=Setting(value=poh),
        xdp=Setting(value=xdp),
        node=Setting(value=node),
        smt_siblings=Setting(value=siblings),
    )


VALIDATOR = section(housekeeping=2, interrupts=4, poh=1, xdp=1)
"""What a validator asks for; every machine of the mission can give it, all but the smallest nodes in full."""
