"""Undo the steps of intents: newest first, and only where the value is still ours.

For each key three states are compared: the original (what the first intent saw), ours (what we left), and the current
one. Ours goes back to the original; the original stays; anything else was set by somebody who may have had a reason:
it is kept and reported. Each step is journalled before and after, so that a crash in the middle is only a half step to
look at again.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from nodeagent.host import changes
from nodeagent.host.changes import Observation
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import Change, SetDirectory, SetMount, WriteConfig, WriteFile
from nodeagent.model.errors import ExitCode, HostError
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.network_change import BindDriver, SetLink, SetVf, SetVfCount
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap
from nodeagent.tune.ledger import Intent, Outcome
from nodeagent.tune.progress import Step
from nodeagent.tune.record import Draft, RecordType
from nodeagent.tune.session import Session


class Fate(StrEnum):
    """What became of one key."""

    RESTORED = "restored"
    ALREADY_ORIGINAL = "already-original"
    LAPSED = "lapsed"
    IRREVERSIBLE = "irreversible"
    CONFLICT = "conflict"
    ORPHAN = "orphan"
    UNKNOWN = "unknown"
    FAILED = "failed"


_KEPT = {Fate.CONFLICT, Fate.ORPHAN, Fate.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class UndoStep:
    """One key and its three states; `command` is what was done, "" where nothing was; `detail` says why."""

    key: str
    tunable: str
    fate: Fate
    original: str
    ours: str
    current: str = ""
    command: str = ""
    detail: str = ""


def exit_code(steps: Iterable[UndoStep]) -> ExitCode:
    """OK where all is back; DIFFERS where something was kept; ERROR where something could not be restored."""
    fates = {step.fate for step in steps}
    if Fate.FAILED in fates:
        return ExitCode.ERROR
    return ExitCode.DIFFERS if fates & _KEPT else ExitCode.OK


def undo(session: Session, intents: Iterable[Intent], *, transaction: str) -> tuple[UndoStep, ...]:
    """Undo these intents (of owned keys), one step a key, the youngest key first.

    A key that can't be restored does not stop the others. JournalError, with nothing more written to the host, where a
    record can't be kept.
    """
    groups: dict[str, list[Intent]] = {}
    for intent in sorted(intents, key=lambda intent: intent.seq):
        groups.setdefault(intent.key, []).append(intent)
    # By first intent: what made an object came before whatever used it, and goes after it.
    ordered = sorted(groups.values(), key=lambda group: group[0].seq, reverse=True)
    return tuple(_Key(session, transaction, group).undo() for group in ordered)


def lapse(session: Session) -> tuple[UndoStep, ...]:
    """Mark what ended with an earlier boot; nothing is written to the host for it, ever."""
    gone = [intent for intent in session.ledger.owned() if intent.gone_with(session.boot_id)]
    drafts = [
        Draft(type=RecordType.LAPSED, transaction=intent.transaction, key=intent.key, body={"intents": [intent.seq]})
        for intent in gone
    ]
    if drafts:
        session.journal.append_all(drafts)
    return tuple(
        UndoStep(
            key=intent.key,
            tunable=intent.change.tunable,
            fate=Fate.LAPSED,
            original=intent.state,
            ours=intent.change.after_state(),
            detail="the setting ended with the boot in which it was made",
        )
        for intent in gone
    )


class _Key:
    """All intents of one key that are to be undone, oldest first."""

    def __init__(self, session: Session, transaction: str, group: list[Intent]) -> None:
        self.session = session
        self.transaction = transaction
        self.group = group
        self.first, self.last = group[0], group[-1]

    def undo(self) -> UndoStep:
        back = self._way_back()
        if back is None:
            return self._no_way_back()
        try:
            self.session.sweep(self.last.change)
            seen = self.session.look(self.last.change)
            is_original = self._is_original()
            if is_original:
                self.session.finish(self.last.change)
        except HostError as error:
            return self._step(Fate.FAILED, detail=error.message)
        if seen.gone or self.last.is_elsewhere(seen.place, boot_id=self.session.boot_id):
            detail = "it is gone" if seen.gone else f"another object has its name now: {seen.place or 'unknown'}"
            return self._keep(Fate.ORPHAN, seen, detail=detail)
        if is_original:
            self._record(RecordType.ROLLED, how=Fate.ALREADY_ORIGINAL.value, state=seen.state)
            return self._tell(Step.ROLLED, self._step(Fate.ALREADY_ORIGINAL, current=seen.state))
        if not self._is_ours(seen, back):
            return self._keep(Fate.CONFLICT, seen, detail="somebody else changed it since; their value stays")
        return self._restore(back, seen)

    def _way_back(self) -> Change | None:
        back = changes.inverse(self.first.change, raw=self.first.raw)
        if back is None or self.first is self.last:
            return back
        return _starting_at(back, self.last.change)

    def _is_original(self) -> bool:
        """Seen with the eyes of the first intent: a mount's state holds the options that its own change names."""
        return self.session.look(self.first.change).state == self.first.state

    def _is_ours(self, seen: Observation, back: Change) -> bool:
        last = self.last
        if seen.state == last.change.after_state():
            return True
        if last.rolling and changes.is_half_done(back, seen.state):
            return True
        if last.outcome is Outcome.DONE:
            return False
        # A step that failed, or was cut off, leaves the state seen then, or the one before, or something in between.
        known = last.state if last.result is None else last.result
        return seen.state == known or changes.is_half_done(last.change, seen.state)

    def _restore(self, back: Change, seen: Observation) -> UndoStep:
        self._record(RecordType.ROLLING, state=seen.state)
        self.session.tell(Step.ROLLING, self.transaction, back, back.command())
        problem = ""
        try:
            self.session.perform(back)
        except HostError as error:
            problem = error.message
        else:
            self.session.tell(Step.RESTORED, self.transaction, back, back.command())
        return self._read_back(back, problem)

    def _read_back(self, back: Change, problem: str) -> UndoStep:
        result: str | None = None
        try:
            now = self.session.look(self.first.change)
            result = now.state
            if not problem and result != self.first.state:
                problem = f"it reads {result!r} after {self.first.state!r} was restored"
        except HostError as error:
            problem = problem or error.message
        if problem:
            self._record(RecordType.FAILED, state=result, error=problem)
            step = self._step(Fate.FAILED, current=result or "", command=back.command(), detail=problem)
            return self._tell(Step.FAILED, step)
        self._record(RecordType.ROLLED, how=Fate.RESTORED.value, state=result)
        return self._tell(Step.ROLLED, self._step(Fate.RESTORED, current=result or "", command=back.command()))

    def _no_way_back(self) -> UndoStep:
        if self.last.outcome is Outcome.DONE:
            self._record(RecordType.IRREVERSIBLE)
            return self._tell(Step.KEPT, self._step(Fate.IRREVERSIBLE, detail="there is no way back from this"))
        detail = "nobody can say how far it came; look at it, and give it up with --disown"
        return self._keep(Fate.UNKNOWN, None, detail=detail)

    def _keep(self, fate: Fate, seen: Observation | None, *, detail: str) -> UndoStep:
        kind = RecordType(fate.value)
        current = seen.state if seen and not seen.gone else ""
        if any(intent.fate is not kind for intent in self.group):
            self._record(kind, original=self.first.state, ours=self.last.change.after_state(), current=current)
        return self._tell(Step.KEPT, self._step(fate, current=current, detail=detail))

    def _record(self, kind: RecordType, **body: object) -> None:
        seqs = [intent.seq for intent in self.group]
        self.session.journal.append(kind, self.transaction, key=self.first.key, intents=seqs, **body)

    def _step(self, fate: Fate, *, current: str = "", command: str = "", detail: str = "") -> UndoStep:
        return UndoStep(
            key=self.first.key,
            tunable=self.first.change.tunable,
            fate=fate,
            original=self.first.state,
            ours=self.last.change.after_state(),
            current=current,
            command=command,
            detail=detail,
        )

    def _tell(self, kind: Step, step: UndoStep) -> UndoStep:
        self.session.tell(kind, self.transaction, self.last.change, f"{step.fate}: {step.detail or step.command}")
        return step


_SIDED = (
    SetChannels,
    SetRings,
    SetCoalescing,
    SetFeatures,
    SetFlowHash,
    SetUnit,
    SetSwap,
    WriteFile,
    WriteConfig,
    SetDirectory,
    SetMount,
    SetVfCount,
    SetVf,
    BindDriver,
    SetIrqAffinity,
)
"""Kinds whose two sides are `before` and `after`."""


def _starting_at(back: Change, last: Change) -> Change:
    """`back` leads to the original; say that it starts where the last of several changes left off."""
    if type(back) is not type(last):
        return back
    if isinstance(back, SetLink) and isinstance(last, SetLink):
        return replace(back, before_mtu=last.after_mtu)
    if isinstance(back, SetBootParameters) and isinstance(last, SetBootParameters):
        return replace(back, before=last.after, before_menu=last.after_menu)
    if isinstance(back, _SIDED) and isinstance(last, _SIDED):
        return replace(back, before=last.after)  # type: ignore[arg-type]  # both are of one kind
    return back
