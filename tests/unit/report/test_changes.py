"""What a report says of the journal: made from the records that the engine writes."""

import json
from pathlib import Path
from typing import Any

from nodeagent.model.change import Change, DeviceIdentity, MakeFilesystem, WriteFile
from nodeagent.report.changes import summarise
from nodeagent.tune.document import change_to_document
from nodeagent.tune.ledger import Ledger
from nodeagent.tune.record import Record, RecordType

BOOT, NEXT_BOOT = "boot-1", "boot-2"
UNDO = Path("/var/lib/nodeagent/undo")
SWAPPINESS = WriteFile(
    key="sysctl:vm.swappiness", tunable="sysctl", path="/proc/sys/vm/swappiness", before="60", after="1"
)
MAKE = MakeFilesystem(
    key="filesystem:/mnt/ledger:make",
    tunable="filesystem",
    device=DeviceIdentity(serial="S1", name="nvme0n1"),
    fstype="ext4",
    label="ledger",
    uuid="8ad166e7-e812-51bc-a0c3-78737f849734",
)


class Story:
    """Records in the order they happened."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.count = 0

    def tell(self, type: RecordType, transaction: str = "t1", **body: Any) -> int:
        self.count += 1
        self.ledger.add(
            Record(
                seq=self.count,
                type=type,
                transaction=transaction,
                boot_id=BOOT,
                key="",
                wall_seconds=1000.0 + self.count,
                boottime_seconds=float(self.count),
                body_text=json.dumps(body),
                hash="",
            )
        )
        return self.count

    def apply(self, *changes: Change, transaction: str = "t1") -> list[int]:
        """An apply up to its last change, without an end."""
        self.tell(RecordType.BEGIN, transaction, kind="apply", profile="workstation")
        intents = []
        for change in changes:
            body = {"change": change_to_document(change), "state": change.before_state(), "raw": "", "place": ""}
            intents.append(self.tell(RecordType.INTENT, transaction, **body))
            self.tell(RecordType.DONE, transaction, intents=[intents[-1]])
        return intents

    def end(self, outcome: str = "applied", transaction: str = "t1") -> None:
        self.tell(RecordType.END, transaction, outcome=outcome)


def test_a_host_that_was_never_changed_has_nothing_to_tell() -> None:
    summary = summarise(Ledger(), boot_id=BOOT)
    assert summary.last_apply is None
    assert "nothing to roll back" in summary.rollback


def test_an_apply_that_stands_names_its_undo_script_and_what_a_rollback_restores() -> None:
    story = Story()
    story.apply(SWAPPINESS)
    story.end()
    summary = summarise(story.ledger, boot_id=BOOT, head="abc", undo_directory=UNDO)
    assert summary.last_apply is not None
    assert summary.last_apply.state == "applied"
    assert summary.last_apply.profile == "workstation"
    assert summary.last_apply.undo_script == "/var/lib/nodeagent/undo/t1.sh"
    assert "restores 1 original" in summary.rollback
    assert (summary.unfinished, summary.unconfirmed, summary.conflicts, summary.head) == ((), (), (), "abc")


def test_an_apply_without_an_end_is_unfinished() -> None:
    story = Story()
    story.apply(SWAPPINESS)
    summary = summarise(story.ledger, boot_id=BOOT)
    assert summary.unfinished == ("t1",)
    assert summary.last_apply is not None
    assert summary.last_apply.state == "unfinished"


def test_what_was_rolled_back_stands_no_more() -> None:
    story = Story()
    intents = story.apply(SWAPPINESS)
    story.end()
    story.tell(RecordType.BEGIN, "t2", kind="rollback")
    story.tell(RecordType.ROLLED, "t2", intents=intents)
    story.end("rolled-back", "t2")
    summary = summarise(story.ledger, boot_id=BOOT, undo_directory=UNDO)
    assert summary.last_apply is not None
    assert "rolled back" in summary.last_apply.state
    assert summary.last_apply.undo_script == ""
    assert "nothing to roll back" in summary.rollback


def test_a_reboot_ends_what_lasts_until_the_next_boot() -> None:
    story = Story()
    story.apply(SWAPPINESS)
    story.end()
    summary = summarise(story.ledger, boot_id=NEXT_BOOT)
    assert "nothing to roll back" in summary.rollback
    assert summary.last_apply is not None
    assert "ended by a reboot" in summary.last_apply.state


def test_a_foreign_value_that_a_rollback_kept_is_a_conflict() -> None:
    story = Story()
    intents = story.apply(SWAPPINESS)
    story.end()
    story.tell(RecordType.BEGIN, "t2", kind="rollback")
    story.tell(RecordType.CONFLICT, "t2", intents=intents)
    story.end("rolled-back", "t2")
    assert summarise(story.ledger, boot_id=BOOT).conflicts == ("sysctl:vm.swappiness",)


def test_a_filesystem_that_was_made_is_told_as_final() -> None:
    story = Story()
    story.apply(SWAPPINESS, MAKE)
    story.end()
    rollback = summarise(story.ledger, boot_id=BOOT).rollback
    assert "restores 1 original;" in rollback
    assert "1 change cannot be undone" in rollback
