"""A machine made of files whose drives' content a case tells: a tree can't hold what is on a drive."""

from dataclasses import dataclass, field
from typing import Any

from nodeagent.host.host import Host
from nodeagent.model.facts import BlockDevice
from nodeagent.model.occupancy import Occupancy, Reason, Refusal, Signature


@dataclass(frozen=True)
class HostWithDrives(Host):
    """`drives` maps a kernel name to {"blank": true}, or {"signatures": [...], "refusals": [...]}."""

    drives: dict[str, Any] = field(default_factory=dict)

    def occupancy(self, device: BlockDevice) -> Occupancy:
        told = self.drives.get(device.name)
        if told is None:
            return super().occupancy(device)
        signatures = tuple(Signature(**signature) for signature in told.get("signatures", ()))
        refusals = [Refusal(**refusal) for refusal in told.get("refusals", ())]
        refusals += [
            Refusal(id=Reason.SIGNATURE.value, reason=f"/dev/{device.name} holds {signature.type}", remedy="lsblk -f")
            for signature in signatures
        ]
        blank = True if told.get("blank") else (False if signatures else None)
        return Occupancy(
            identity=device.identity,
            major_minor=device.major_minor,
            signatures=signatures,
            blank=blank,
            refusals=tuple(refusals),
        )
