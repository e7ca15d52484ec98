"""One line of the journal, and the hash that ties it to the line before.

The hash covers everything in the record and the previous hash, so that an altered, removed or inserted record is seen
and the last hash stands for the whole story (it goes into reports as evidence).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Any

FIRST_HASH = "0" * 64
"""What stands before the first record."""


class RecordType(StrEnum):
    """What a record tells. The journal page of the manual has the story that they make up."""

    BEGIN = "begin"
    INTENT = "intent"
    DONE = "done"
    FAILED = "failed"
    VOID = "void"
    VERIFIED = "verified"
    CONFIRM_ARMED = "confirm-armed"
    CONFIRMED = "confirmed"
    ROLLING = "rolling"
    ROLLED = "rolled"
    CONFLICT = "conflict"
    LAPSED = "lapsed"
    ORPHAN = "orphan"
    UNKNOWN = "unknown"
    IRREVERSIBLE = "irreversible"
    DISOWNED = "disowned"
    END = "end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record to be: what the caller says. The journal adds number, boot, times and hash."""

    type: RecordType
    transaction: str
    key: str = ""
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record as it stands in the file. `body_text` is its JSON as written, which is what the hash covers."""

    seq: int
    type: RecordType
    transaction: str
    boot_id: str
    key: str
    wall_seconds: float
    boottime_seconds: float
    body_text: str
    hash: str

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.body_text)
        return body

    def expected_hash(self, previous: str) -> str:
        return record_hash(
            previous,
            (self.seq, self.type.value, self.transaction, self.boot_id, self.key),
            (self.wall_seconds, self.boottime_seconds),
            self.body_text,
        )


def record_hash(previous: str, names: tuple[int | str, ...], times: tuple[float, float], body_text: str) -> str:
    """sha256 in hexadecimal over the previous hash and every field."""
    text = json.dumps([previous, *names, *(repr(moment) for moment in times), body_text])
    return sha256(text.encode()).hexdigest()


def body_to_text(body: Mapping[str, Any]) -> str:
    """Compact ASCII JSON; bytes that were no text (surrogateescape) become escapes."""
    return json.dumps(dict(body), separators=(",", ":"), sort_keys=True)
