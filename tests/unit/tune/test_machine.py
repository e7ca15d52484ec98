"""Any mixture of applies, crashes, foreign writes, reboots and rollbacks loses no original, touches nothing foreign.

The model beside the engine is a stack for each key: what each apply that still stands found and left there. Crashes are
exceptions that nothing handles, raised between any two steps; recovery is crashed as well before it may finish.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nodeagent.tune.apply_result import ApplyOutcome
from nodeagent.tune.journal import Journal
from nodeagent.tune.progress import Event, Step
from nodeagent.tune.recover import recover
from nodeagent.tune.rollback import Selection, rollback
from nodeagent.tune.session import Session, open_session
from nodeagent.tune.undo.undo import Fate
from tests.unit.tune.toys import FileTunable, KnobTunable, World, make_host, profile_of

KNOBS = ("/proc/sys/a", "/proc/sys/b", "/proc/sys/c")
FILE = "/etc/made.conf"
ABSENT = "absent"
# tmpfs: the same code, a fraction of the time for fsync.
_SHM = Path("/dev/shm")
_DIRECTORY = _SHM if _SHM.is_dir() else None


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Entry:
    """One apply's hold on a key."""

    transaction: str
    before: str
    after: str


class Bomb:
    """Crashes at the n-th step; None never does."""

    def __init__(self, at: int | None) -> None:
        self.left = at
        self.ended = False

    def __call__(self, event: Event) -> None:
        self.ended = self.ended or event.step is Step.ENDED
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Crash


wishes = st.dictionaries(st.sampled_from([*KNOBS, FILE]), st.integers(100, 103).map(str), min_size=1)
fuses = st.none() | st.integers(0, 25)


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory(dir=_DIRECTORY)
        base = Path(self.directory.name)
        host = make_host(base / "root", {path: f"{number}\n" for number, path in enumerate(KNOBS, start=1)})
        self.world = World(root=base / "root", state=base / "state", host=host, tunables=(KnobTunable(), FileTunable()))
        self.world.set("/etc/neighbour", "")
        self.stack: dict[str, list[Entry]] = {path: [] for path in (*KNOBS, FILE)}
        self.foreign_values = 1000

    def teardown(self) -> None:
        self.directory.cleanup()

    def value(self, path: str) -> str:
        try:
            return self.world.value(path).strip()
        except FileNotFoundError:
            return ABSENT

    def run(self, action: Callable[[Session], Any], bomb: Bomb) -> Any:
        with open_session(
            self.world.host, self.world.state, command="test", clock=self.world.clock, listener=bomb
        ) as session:
            return action(session)

    def recover_at_last(self, fuse: int | None) -> None:
        """Recovery may be cut off too, and again."""
        for at in (fuse, 0, 1, None):
            try:
                self.run(recover, Bomb(at))
            except Crash:
                continue
            return

    @rule(wish=wishes, fuse=fuses, second=fuses, stop=st.none() | st.integers(0, 3))
    def apply(self, wish: dict[str, str], fuse: int | None, second: int | None, stop: int | None) -> None:
        before = {path: self.value(path) for path in wish}
        knobs = {path: wish[path] for path in KNOBS if path in wish}
        files = {FILE: wish[FILE] + "\n"} if FILE in wish else {}
        bomb = Bomb(fuse)
        asked = [0]

        def interrupted() -> bool:
            asked[0] += 1
            return stop is not None and asked[0] > stop

        try:
            result = self.world.apply(profile_of(knobs=knobs, files=files), listener=bomb, interrupted=interrupted)
        except Crash:
            if not bomb.ended:
                self.recover_at_last(second)
                assert {path: self.value(path) for path in wish} == before
                return
            names = [transaction.id for transaction in self.ledger().transactions.values()]
            self.push(names[-1], before, wish, len(wish) if stop is None else stop)
            return
        if result.transaction is not None:
            assert result.outcome is (
                ApplyOutcome.INTERRUPTED if asked[0] > (stop or 99) or stop == 0 else result.outcome
            )
            self.push(result.transaction, before, wish, len(result.applied))

    def push(self, transaction: str, before: dict[str, str], wish: dict[str, str], count: int) -> None:
        ordered = [path for path in (*KNOBS, FILE) if path in wish]
        made = [path for path in ordered if before[path] != wish[path]][:count]
        for path in made:
            self.stack[path].append(Entry(transaction=transaction, before=before[path], after=wish[path]))
            assert self.value(path) == wish[path]

    @rule(path=st.sampled_from([*KNOBS, FILE]), what=st.sampled_from(["new", "original", "ours"]))
    def somebody_else_writes(self, path: str, what: str) -> None:
        self.foreign_values += 1
        entries = self.stack[path]
        value = str(self.foreign_values)
        if entries and what == "original" and entries[0].before != ABSENT:
            value = entries[0].before
        elif entries and what == "ours":
            value = entries[-1].after
        self.world.set(path, f"{value}\n")

    @rule()
    def reboot(self) -> None:
        self.world.reboot()
        for path in KNOBS:
            self.foreign_values += 1
            self.world.set(path, f"{self.foreign_values}\n")
            self.stack[path].clear()

    @rule(fuse=fuses)
    def roll_back_everything(self, fuse: int | None) -> None:
        expected = {path: self.expected(path, self.stack[path]) for path in self.stack}
        try:
            self.run(rollback, Bomb(fuse))
        except Crash:
            self.run(rollback, Bomb(None))
        for path, (value, is_back) in expected.items():
            assert self.value(path) == value, path
            if is_back:
                self.stack[path].clear()

    @precondition(lambda self: any(self.stack.values()))
    @rule(data=st.data())
    def roll_back_one_apply(self, data: st.DataObject) -> None:
        """One on which no later apply stands."""
        tops = {path: entries[-1].transaction for path, entries in self.stack.items() if entries}
        candidates = [
            name
            for name in sorted(set(tops.values()))
            if all(
                tops[path] == name
                for path, entries in self.stack.items()
                if any(entry.transaction == name for entry in entries)
            )
        ]
        if not candidates:
            return
        name = data.draw(st.sampled_from(candidates))
        paths = [path for path, top in tops.items() if top == name]
        expected = {path: self.expected(path, self.stack[path][-1:]) for path in paths}
        result = self.run(lambda session: rollback(session, Selection(transaction=name)), Bomb(None))
        assert {step.fate for step in result.steps} <= {Fate.RESTORED, Fate.ALREADY_ORIGINAL, Fate.CONFLICT}
        for path, (value, is_back) in expected.items():
            assert self.value(path) == value
            if is_back:
                self.stack[path].pop()

    def expected(self, path: str, entries: list[Entry]) -> tuple[str, bool]:
        """The value that a rollback of these entries must leave, and whether the key is given back."""
        now = self.value(path)
        if not entries:
            return now, False
        original = entries[0].before
        return (original, True) if now in (original, entries[-1].after) else (now, False)

    def ledger(self) -> Any:
        with Journal(self.world.state, boot_id="reader") as journal:
            return journal.ledger

    @invariant()
    def the_ledger_knows_every_original(self) -> None:
        if not (self.world.state / "journal.db").exists():
            return
        ledger, boot_id = self.ledger(), self.world.host.boot_id()
        for path, entries in self.stack.items():
            key = f"file:{path}" if path == FILE else f"knob:{path}"
            original = ledger.original(key, boot_id=boot_id)
            if path == FILE:
                assert (original is None) == (not entries)
                assert original != ABSENT or entries[0].before == ABSENT
            else:
                assert original == (entries[0].before if entries else None)

    @invariant()
    def nothing_is_left_lying_about(self) -> None:
        names = {path.name for path in (self.world.root / "etc").iterdir()}
        assert names <= {"made.conf", "neighbour", "machine-id"}


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
