"""Is a drive free to be written? The answer of the data-safety module, as data.

Every unknown is a refusal. A refusal has a stable id, so that tests, docs and operators talk about the same thing.
"""

from dataclasses import dataclass

from nodeagent.model.change import DeviceIdentity


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a low-level probe found on a device: a filesystem, a partition table, a RAID or LVM member."""

    type: str
    usage: str = ""
    label: str = ""
    uuid: str = ""
    offset_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One reason not to write: `id` as in docs/findings/, `reason` with what, where, got; `remedy` the next step."""

    id: str
    reason: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupancy:
    """Everything known about the use of one whole drive. `blank` is None where the content could not be probed."""

    identity: DeviceIdentity
    major_minor: str
    signatures: tuple[Signature, ...] = ()
    blank: bool | None = None
    refusals: tuple[Refusal, ...] = ()

    @property
    def free(self) -> bool:
        """Proved empty and unused: only then may a filesystem be made on it."""
        return self.blank is True and not self.refusals and not self.signatures
