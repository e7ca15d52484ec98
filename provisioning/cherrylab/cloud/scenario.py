"""A scenario file: how the cloud is to behave and what is to go wrong, all of its faults told at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cherrylab.cloud.faults import Fault
from cherrylab.cloud.lifecycle import Delays


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """`stock` stands over the catalogue's: (plan, region) by slug, to machines in all."""

    seed: int = 0
    delays: Delays = field(default_factory=Delays)
    stock: Mapping[tuple[str, str], int] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
