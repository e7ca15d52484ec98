"""How many cores each role gets where a machine has fewer than were asked for.

The validator keeps one core and the kernel another, whatever else was asked. Given up first is what hurts least: cores
beyond the first for housekeeping and interrupts, then XDP (packets go through sockets then), then the core of PoH (it
runs among the validator's other threads), at last interrupts of their own (housekeeping serves them).
"""

from nodeagent.model.placement import CpuRole
from nodeagent.model.placement_settings import PlacementSettings
from nodeagent.model.units import counted

_GIVEN_UP = (
    (CpuRole.HOUSEKEEPING, 1),
    (CpuRole.INTERRUPTS, 1),
    (CpuRole.XDP, 0),
    (CpuRole.POH, 0),
    (CpuRole.INTERRUPTS, 0),
)
_INSTEAD = {
    CpuRole.HOUSEKEEPING: "the kernel and all else share them",
    CpuRole.INTERRUPTS: "housekeeping serves interrupts",
    CpuRole.XDP: "leave native XDP off here",
    CpuRole.POH: "proof of history runs among the validator's other threads",
}


def share(settings: PlacementSettings, *, cores: int) -> tuple[dict[CpuRole, int], list[str]]:
    """Cores for each role but the validator's, and what could not be given; `cores` is at least one."""
    asked = {
        CpuRole.HOUSEKEEPING: max(settings.housekeeping.value, 1),
        CpuRole.INTERRUPTS: settings.interrupts.value,
        CpuRole.POH: settings.poh.value,
        CpuRole.XDP: settings.xdp.value,
    }
    given = dict(asked)
    left = max(cores - 1, 1)
    for role, floor in _GIVEN_UP:
        over = sum(given.values()) - left
        given[role] = max(floor, given[role] - max(over, 0)) if given[role] > floor else given[role]
    problems = [_short(role, asked[role], given[role], cores) for role in asked if given[role] < asked[role]]
    if cores == 1:
        problems.append("validator: there is one CPU and it does everything; take a machine with more")
    return given, problems


def _short(role: CpuRole, asked: int, given: int, cores: int) -> str:
    instead = f"; {_INSTEAD[role]}" if given == 0 else ""
    return (
        f"{role}: {counted(asked, 'core')} asked for, {given} given, since there are only {cores}{instead}; "
        f"lower placement.{role}, or take a machine with more cores"
    )
