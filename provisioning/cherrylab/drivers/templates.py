"""What a guest is made of for a plan of the catalogue, a thousand times smaller: GiB for TB; pure.

The first entry of a plan's storage holds the system, which a guest has on a disk of its own; the others become NVMe
drives with serials, largest first, as the validator has them. Whoever has three of them gets the validator's two memory
nodes, with the ledger and the network card on the second.
"""

from dataclasses import replace
from typing import Any

from cherrylab.guests.template import GIB, PEER, VALIDATOR, Drive, HardwareTemplate

_NAMES = (("ledger", "LEDGER01"), ("accounts", "ACCT01"), ("snapshots", "SNAP01"))
_VALIDATOR_DRIVES = len(_NAMES)
_TB_OF_A_UNIT = {"TB": 1.0, "GB": 0.001}


def template_of(plan: dict[str, Any]) -> HardwareTemplate:
    """The guest of a plan (its JSON as the API tells it)."""
    sizes = data_drives_bytes(plan)
    if len(sizes) < _VALIDATOR_DRIVES:
        return replace(PEER, name=plan["slug"], drives=tuple(map(_drive, range(len(sizes)), sizes)))
    drives = tuple(
        replace(_drive(index, size), node=VALIDATOR.drives[index].node if index < _VALIDATOR_DRIVES else None)
        for index, size in enumerate(sizes)
    )
    return replace(VALIDATOR, name=plan["slug"], drives=drives)


def data_drives_bytes(plan: dict[str, Any]) -> list[int]:
    """Sizes of the drives beside the system's, largest first, in whole GiB for the TB that they have."""
    _, *others = plan["specs"]["storage"] or [None]
    terabytes = [entry["size"] * _TB_OF_A_UNIT[entry["unit"]] for entry in others for _ in range(entry["count"])]
    return sorted((max(1, int(size)) * GIB for size in terabytes), reverse=True)


def _drive(index: int, size_bytes: int) -> Drive:
    role, serial = _NAMES[index] if index < len(_NAMES) else (f"drive{index + 1}", f"DRIVE{index + 1:02}")
    return Drive(role=role, serial=serial, size_bytes=size_bytes)
