"""What a profile says about who uses which CPUs: its section `placement`, from which the planner makes a Placement.

Counts are physical cores, since two threads of one core are no two cores; what no role takes is the validator's. The
section is about cores and nothing else: VFs are served where their port is, and NVMe drives have no key, since the
kernel places their queues itself, one a CPU (docs/placement.md).
"""

from dataclasses import dataclass
from enum import StrEnum

from nodeagent.model.selector import NicSelector
from nodeagent.model.setting import Setting

AUTO = "auto"


class SmtSiblings(StrEnum):
    """What becomes of the second threads of the cores of PoH and XDP: idle, or the validator's."""

    RESERVE = "reserve"
    KEEP = "keep"


_NONE, _ONE, _TWO = Setting(value=0), Setting(value=1), Setting(value=2)
_ANY, _IDLE = Setting(value=AUTO), Setting(value=SmtSiblings.RESERVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementSettings:
    """The section; each value may carry why and source.

    `nic` names the ports that carry the validator's traffic; without it every port on the PCI bus counts. They decide
    where interrupts and XDP go and, with `node: auto`, on which node the proof of history runs; `node` may name that
    node instead. `housekeeping` and `interrupts` are shared out over nodes, one a node before a second one anywhere.
    """

    nic: NicSelector | None = None
    housekeeping: Setting[int] = _ONE
    interrupts: Setting[int] = _TWO
    poh: Setting[int] = _ONE
    xdp: Setting[int] = _NONE
    node: Setting[str] = _ANY
    smt_siblings: Setting[SmtSiblings] = _IDLE
