"""Refusing: the reasons of model.occupancy put into words, and the error that carries them.

Tests, documentation and operators talk about the same thing by the id; `docs/findings/NA-DISK.md` has a paragraph for
each. The list is the result of the accidents on record (cloud-init#3902, Ansible community.general#5467, fio#1382,
coreos/bugs#1060): a name taken for an identity, "nothing found" read as empty, one namespace taken for all of them.
"""

from collections.abc import Iterable

from nodeagent.model.errors import ExitCode, RefusedError
from nodeagent.model.occupancy import Reason, Refusal

__all__ = ["NotSafeError", "Reason", "refuse"]


class NotSafeError(RefusedError):
    """Refused, with every reason that was found; `ids` for those who look for one of them."""

    def __init__(
        self,
        what: str,
        refusals: Iterable[Refusal] = (),
        *,
        remedy: str | None = None,
        exit_code: ExitCode | None = None,
    ) -> None:
        self.refusals = tuple(refusals)
        listed = "; ".join(f"{refusal.id}: {refusal.reason}" for refusal in self.refusals)
        remedies = dict.fromkeys(refusal.remedy for refusal in self.refusals if refusal.remedy)
        super().__init__(
            f"{what}: {listed}" if listed else what, remedy=remedy or "; ".join(remedies) or None, exit_code=exit_code
        )

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(refusal.id for refusal in self.refusals)


def refuse(reason: Reason, text: str, *, remedy: str = "") -> Refusal:
    """One refusal; `text` says what, where and what was found there."""
    return Refusal(id=reason.value, reason=text, remedy=remedy)
