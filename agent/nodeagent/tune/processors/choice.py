"""CPUs as a profile may name them: by number (`0-3,8`), or by the role that the placement gives them (`poh+xdp`).

Roles are what a shipped profile can say; numbers belong to one machine.
"""

from typing import Annotated

from nodeagent.model.cpuset import CpuSet
from nodeagent.model.placement import CpuRole, Placement
from nodeagent.profiles.constraint import Pattern

_ROLE = "|".join(CpuRole)

CpuChoice = Annotated[
    str,
    Pattern(
        rf"[0-9][0-9,:/-]*|(?:{_ROLE})(?:\+(?:{_ROLE}))*",
        "a list of CPUs, such as 0-3,8, or roles of the placement, such as poh+xdp",
    ),
]


def resolve(choice: str, placement: Placement | None) -> CpuSet | None:
    """The CPUs that are meant; None where a role is named and nothing places roles on this machine.

    ValueError for a list that can't be read (`3-1`).
    """
    if choice[:1].isdigit():
        return CpuSet.parse(choice)
    if placement is None:
        return None
    meant = CpuSet()
    for role in choice.split("+"):
        meant |= placement.cpus(CpuRole(role))
    return meant
