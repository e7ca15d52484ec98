"""What the journal's records add up to: transactions, their intents, and who owns which key.

A key is ours from the first intent that may have happened until it was rolled back, lapsed with a reboot or was given
up. The observation of that *first* intent is the original, whatever later runs saw: a tuned value can never become an
original. Pure: the same records always give the same ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from nodeagent.model.change import Change, Lifetime
from nodeagent.tune.document import change_from_document
from nodeagent.tune.record import Record, RecordType


class Outcome(StrEnum):
    """Did the step of an intent happen? OPEN is what a crash leaves."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    VOID = "void"


class Kind(StrEnum):
    """What a transaction set out to do."""

    APPLY = "apply"
    ROLLBACK = "rollback"


UNCONFIRMED = "unconfirmed"
"""The last word of a transaction that was undone because nobody confirmed it."""

_FATES = {
    RecordType.ROLLED,
    RecordType.LAPSED,
    RecordType.DISOWNED,
    RecordType.IRREVERSIBLE,
    RecordType.CONFLICT,
    RecordType.ORPHAN,
    RecordType.UNKNOWN,
}
_RELEASED = {RecordType.ROLLED, RecordType.LAPSED, RecordType.DISOWNED, RecordType.IRREVERSIBLE}


@dataclass(slots=True, kw_only=True)
class Intent:
    """One step that was about to be made, and what became of it.

    `state`, `raw` and `place` are what was observed just before it; `result` is the state seen after a failure ("" when
    it could not be seen). `fate` is the last word of a rollback; `rolling` says that one began and did not finish.
    """

    seq: int
    transaction: str
    boot_id: str
    change: Change
    state: str
    raw: str
    place: str
    outcome: Outcome = Outcome.OPEN
    result: str | None = None
    fate: RecordType | None = None
    rolling: bool = False

    @property
    def key(self) -> str:
        return self.change.key

    @property
    def owned(self) -> bool:
        return self.outcome is not Outcome.VOID and self.fate not in _RELEASED

    def gone_with(self, boot_id: str) -> bool:
        """Was it a setting of another boot, which ended with it?"""
        return self.change.lifetime is Lifetime.BOOT and self.boot_id != boot_id

    def is_elsewhere(self, place: str, *, boot_id: str) -> bool:
        """Does the name of its object mean another one now? Places are comparable within one boot only."""
        return bool(self.place) and self.boot_id == boot_id and place != self.place


@dataclass(slots=True, kw_only=True)
class Armed:
    """A commit-confirm window: it ends at `deadline_seconds` of CLOCK_BOOTTIME of the transaction's boot."""

    deadline_seconds: float
    within_seconds: float
    guard: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Transaction:
    """One apply or rollback; `ended` is its last word, None while it runs (or after it was killed)."""

    id: str
    seq: int
    kind: Kind
    boot_id: str
    begun_at: float
    body: dict[str, Any]
    intents: list[Intent] = field(default_factory=list)
    armed: Armed | None = None
    confirmed: bool = False
    verified: bool = False
    ended: str | None = None

    @property
    def unconfirmed(self) -> bool:
        """Armed, not confirmed, and something of it still stands that was not tried to undo for that reason."""
        waits = self.armed is not None and not self.confirmed and self.ended != UNCONFIRMED
        return waits and any(intent.owned for intent in self.intents)

    def window_is_over(self, *, boot_id: str, boottime_seconds: float) -> bool:
        """A power cut ends the window: nobody can say any more that all was well."""
        return self.armed is not None and (boot_id != self.boot_id or boottime_seconds >= self.armed.deadline_seconds)


@dataclass(slots=True)
class Ledger:
    """Everything known from the records so far; `add` takes the next one."""

    transactions: dict[str, Transaction] = field(default_factory=dict)
    intents: dict[int, Intent] = field(default_factory=dict)
    _by_key: dict[str, list[Intent]] = field(default_factory=dict)

    @classmethod
    def of(cls, records: Iterable[Record]) -> "Ledger":
        ledger = cls()
        for record in records:
            ledger.add(record)
        return ledger

    def complaint(self, record: Record) -> str:
        """Why a record makes no sense after the ones before; "" when it does."""
        begins = record.type is RecordType.BEGIN
        if begins and record.transaction in self.transactions:
            return f"transaction {record.transaction} begins twice"
        if not begins and record.transaction not in self.transactions:
            return f"transaction {record.transaction} never began"
        missing = [seq for seq in record.body.get("intents", ()) if seq not in self.intents]
        return f"there is no intent {missing[0]}" if missing else ""

    def add(self, record: Record) -> None:
        """ValueError, KeyError or TypeError for a record that makes no sense."""
        body = record.body
        if complaint := self.complaint(record):
            raise ValueError(complaint)
        match record.type:
            case RecordType.BEGIN:
                self._begin(record, body)
            case RecordType.INTENT:
                self._intend(record, body)
            case RecordType.DONE | RecordType.FAILED | RecordType.VOID:
                self._conclude(record, body)
            case RecordType.ROLLING:
                for intent in self._named(body):
                    intent.rolling = True
            case fate if fate in _FATES:
                for intent in self._named(body):
                    intent.fate, intent.rolling = fate, False
            case _:
                self._mark(record, body)

    def owned(self) -> list[Intent]:
        """Intents whose keys are still ours, oldest first."""
        return [intent for intent in self.intents.values() if intent.owned]

    def first(self, key: str, *, boot_id: str) -> Intent | None:
        """The intent that saw the original of a key, None where the key is not ours."""
        mine = (intent for intent in self._by_key.get(key, ()) if intent.owned and not intent.gone_with(boot_id))
        return next(mine, None)

    def original(self, key: str, *, boot_id: str) -> str | None:
        """The state before we first touched a key; None where the key is not ours."""
        first = self.first(key, boot_id=boot_id)
        return first.state if first else None

    def _begin(self, record: Record, body: dict[str, Any]) -> None:
        self.transactions[record.transaction] = Transaction(
            id=record.transaction,
            seq=record.seq,
            kind=Kind(body["kind"]),
            boot_id=record.boot_id,
            begun_at=record.wall_seconds,
            body=body,
        )

    def _intend(self, record: Record, body: dict[str, Any]) -> None:
        intent = Intent(
            seq=record.seq,
            transaction=record.transaction,
            boot_id=record.boot_id,
            change=change_from_document(body["change"]),
            state=body["state"],
            raw=body["raw"],
            place=body["place"],
        )
        self.intents[record.seq] = intent
        self._by_key.setdefault(intent.key, []).append(intent)
        self.transactions[record.transaction].intents.append(intent)

    def _conclude(self, record: Record, body: dict[str, Any]) -> None:
        for intent in self._named(body):
            intent.outcome = Outcome(record.type.value)
            intent.result = body.get("state")

    def _mark(self, record: Record, body: dict[str, Any]) -> None:
        transaction = self.transactions[record.transaction]
        match record.type:
            case RecordType.CONFIRM_ARMED:
                transaction.armed = Armed(
                    deadline_seconds=body["deadline_seconds"],
                    within_seconds=body["within_seconds"],
                    guard=body["guard"],
                )
            case RecordType.CONFIRMED:
                transaction.confirmed = True
            case RecordType.VERIFIED:
                transaction.verified = True
            case _:
                transaction.ended = body["outcome"]

    def _named(self, body: dict[str, Any]) -> list[Intent]:
        return [self.intents[seq] for seq in body["intents"]]
