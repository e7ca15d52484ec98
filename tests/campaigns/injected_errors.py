"""C3: one system call of apply or rollback fails, or takes only a part, at every place where that can happen.

Whatever the call was: the exit code is one of the table, a 0 is only said when everything is as it was asked for, no
change stands without an intent that says what was there before, and whoever comes next brings everything back to the
byte. After a failed write or sync of the journal the process touches no knob any more (the log of the same run shows
it). A write, sync or allocation also fails from some call on for good, which is what a full or broken disk does.
"""

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from nodeagent.model.errors import ExitCode, JournalError
from nodeagent.tune.journal import FILE_NAME, Journal
from tests.campaigns.calls import Call, read_log
from tests.campaigns.grounds import FilesystemGround, Ground
from tests.campaigns.injection import CALLS, Ending, plain, traced
from tests.campaigns.runs import applying, import_ahead, rolling_back

SHORT = "short"
"""Not an error: the call says that it took one byte, and no byte was taken."""

ERRORS: dict[str, tuple[str, ...]] = {
    "openat": ("EIO", "EMFILE", "EROFS", "ENOSPC", "EBUSY", "EINTR"),
    "write": ("EIO", "ENOSPC", "EBUSY", "EROFS", "EINTR", SHORT),
    "pwrite64": ("EIO", "ENOSPC", "EROFS", "EINTR", "EIO+", "ENOSPC+"),
    "fsync": ("EIO", "ENOSPC", "EROFS", "EINTR", "EIO+"),
    "fdatasync": ("EIO", "ENOSPC", "EROFS", "EINTR", "EIO+", "ENOSPC+"),
    "ftruncate": ("EIO", "ENOSPC", "EROFS"),
    "fallocate": ("EIO", "ENOSPC", "EROFS", "ENOSPC+"),
    "rename": ("EIO", "ENOSPC", "EROFS", "EBUSY"),
    "mkdir": ("EIO", "ENOSPC", "EROFS", "EMFILE"),
    "fchmod": ("EIO", "ENOSPC", "EROFS"),
    "unlink": ("EIO", "EROFS", "EBUSY"),
}
"""By call; a "+" is an error that stays from there on."""

_NOTHING_CHANGED = {int(ExitCode.REFUSED), int(ExitCode.BUSY), int(ExitCode.USAGE)}


@dataclass(slots=True, kw_only=True)
class Tally:
    """`points` are errors that strace says it injected; `harmless` ended with 0 and everything right."""

    points: int = 0
    not_reached: int = 0
    harmless: int = 0
    unknown: int = 0
    orphans: int = 0
    sticky: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One error: in which phase, on which call, about which file."""

    phase: str
    call: Call
    error: str

    def __str__(self) -> str:
        return f"{self.phase}, {self.error} at {self.call.name} {self.call.number} ({self.call.path})"

    @property
    def inject(self) -> str:
        how = "retval=1" if self.error == SHORT else f"error={self.error.rstrip('+')}"
        return f"{self.call.name}:{how}:when={self.call.number}{'+' if self.error.endswith('+') else ''}"


def sweep(ground: Ground, *, limit: int, seed: int, tally: Tally) -> None:
    """At most `limit` errors of one ground, of every kind in turn."""
    sweeper = _Sweep(ground, random.Random(seed), tally)
    for point in sweeper.chosen(limit):
        sweeper.strike(point)


class _Sweep:
    def __init__(self, ground: Ground, chance: random.Random, tally: Tally) -> None:
        self.ground = ground
        self.chance = chance
        self.tally = tally
        self.state = ground.directory / "state"
        import_ahead(ground, self.state)
        self.done = {"apply": ground.done, "rollback": ExitCode.OK}
        applied = self._learn("apply")
        self.tuned = ground.snapshot()
        assert self.tuned != ground.original, "the profile changes nothing, so nothing would be shown"
        self.calls = {"apply": applied, "rollback": self._learn("rollback")}
        self._afresh()

    def _learn(self, phase: str) -> list[Call]:
        ending = traced(self._phase(phase))
        assert ending.exit_code == self.done[phase], ending.said
        return list(read_log(ending.log))

    def chosen(self, limit: int) -> Iterator[Point]:
        """Kinds (phase, call, error) in turn, so that the rare calls are not drowned by the many."""
        kinds: dict[tuple[str, str, str], list[Point]] = defaultdict(list)
        for phase, calls in self.calls.items():
            for call in calls:
                if call.descriptor in (1, 2):
                    continue  # What the campaign itself prints.
                for error in ERRORS.get(call.name, ()):
                    kinds[phase, call.name, error].append(Point(phase=phase, call=call, error=error))
        lots = list(kinds.values())
        self.chance.shuffle(lots)
        for points in lots:
            self.chance.shuffle(points)
        for _ in range(limit):
            lots = [points for points in lots if points]
            if not lots:
                return
            lot = lots.pop(0)
            yield lot.pop()
            lots.append(lot)

    def strike(self, point: Point) -> None:
        if point.phase == "rollback":
            self._plain("apply", point)
        ending = traced(self._phase(point.phase), inject=point.inject, calls=CALLS)
        if not ending.injected:
            self.tally.not_reached += 1
        else:
            self.tally.points += 1
            self._check_ending(ending, point)
            self._check_sticky(ending, point)
            self._check_intents(point)
        self._check_way_back(point)
        self._afresh()

    def _check_ending(self, ending: Ending, point: Point) -> None:
        self._expect("Traceback" not in ending.said and ending.killed_by is None, point, ending.said)
        self._expect(ending.exit_code in {int(code) for code in ExitCode}, point, f"exit code {ending.exit_code}")
        now = self.ground.snapshot()
        wanted = self.tuned if point.phase == "apply" else self.ground.original
        is_whole = ending.exit_code == self.done[point.phase] and now == wanted
        if ending.exit_code == ExitCode.OK or is_whole:
            self.tally.harmless += 1
            self._expect(now == wanted, point, f"0, but not as asked for: {now}; {ending.said}")
        else:
            self._expect(bool(ending.said.strip()), point, "nothing was said")
        is_untouched = point.phase == "apply" and ending.exit_code in _NOTHING_CHANGED
        if is_untouched or ending.exit_code == ExitCode.ROLLED_BACK:
            self._expect(now == self.ground.original, point, f"exit code {ending.exit_code}, but changed: {now}")

    def _check_sticky(self, ending: Ending, point: Point) -> None:
        """No knob is opened for writing after a failed write or sync of the journal's log."""
        calls = list(read_log(ending.log))
        failed = next((index for index, call in enumerate(calls) if call.injected), len(calls))
        hit = calls[failed] if failed < len(calls) else None
        if hit is None or not hit.path.endswith(f"{FILE_NAME}-wal") or hit.name not in ("pwrite64", "fdatasync"):
            return
        if point.error == "EINTR" and hit.name == "pwrite64":
            return  # SQLite tries again, as it should.
        self.tally.sticky += 1
        touched = [
            call
            for call in calls[failed:]
            if call.name == "openat" and call.writes and call.path.startswith(self.ground.knobs)
        ]
        self._expect(not touched, point, f"{[call.path for call in touched]} written after the journal had failed")

    def _check_intents(self, point: Point) -> None:
        """What is not as it was stands in the journal with what it was, read from a copy of the state directory."""
        now, was = self.ground.snapshot(), self.ground.original
        changed = {path for path in {*now, *was} if now.get(path) != was.get(path)}
        if not changed or isinstance(self.ground, FilesystemGround):
            return
        copy = self.ground.directory / "copy"
        shutil.copytree(self.state, copy)
        try:
            with Journal(copy, boot_id=self.ground.host.boot_id() or "") as journal:
                recorded = {path for intent in journal.ledger.owned() for path in self.ground.intended(intent.change)}
        except JournalError as error:
            self._expect(False, point, f"changed, and {error.message}")
            return
        finally:
            shutil.rmtree(copy)
        self._expect(changed <= recorded, point, f"changed, with no intent: {changed - recorded}")

    def _check_way_back(self, point: Point) -> None:
        if isinstance(self.ground, FilesystemGround):
            self._check_drive(point, self.ground)
            return
        back = self._plain("rollback", point)
        self._expect(self.ground.snapshot() == self.ground.original, point, f"not as before: {back.said}")
        self._plain("apply", point)
        self._expect(self.ground.snapshot() == self.tuned, point, "a new apply came to another end")
        self._plain("rollback", point)
        self._expect(self.ground.snapshot() == self.ground.original, point, "not as before after a new apply")

    def _check_drive(self, point: Point, ground: FilesystemGround) -> None:
        """The mount goes and comes back; a drive is ours whole, blank, or left alone and reported."""
        for phase in ("rollback", "apply"):
            before = ground.content()
            ending = plain(self._phase(phase))
            self._expect("Traceback" not in ending.said, point, ending.said)
            self._expect(before in ("", ground.content()), point, "a drive that held something was written")
            if phase == "apply" and ending.exit_code == 0:
                self._expect(ground.snapshot() == self.tuned, point, "a new apply came to another end")
            elif phase == "apply":
                self.tally.unknown += 1
                self._expect(bool(before), point, f"a blank drive was refused: {ending.said}")

    def _plain(self, phase: str, point: Point) -> Ending:
        """An object that went with the one that made it, before its own step back could be done, is told: no fault."""
        ending = plain(self._phase(phase))
        kept = re.findall(r"^(?:conflict|orphan|unknown|failed) .*", ending.said, re.MULTILINE)
        is_gone = phase == "rollback" and bool(kept) and all(line.endswith(" it is gone") for line in kept)
        self.tally.orphans += is_gone
        wanted = ExitCode.DIFFERS if is_gone else self.done[phase]
        problem = f"the {phase} after it: exit {ending.exit_code}: {ending.said}"
        self._expect(ending.exit_code == wanted, point, problem)
        return ending

    def _phase(self, name: str) -> Callable[[], int]:
        return {"apply": applying, "rollback": rolling_back}[name](self.ground, self.state)

    def _afresh(self) -> None:
        if self.ground.snapshot() != self.ground.original or not self.ground.reversible:
            self.ground.reset()
        shutil.rmtree(self.state, ignore_errors=True)

    def _expect(self, holds: bool, point: Point, problem: str) -> None:
        if not holds:
            self.tally.faults.append(f"{self.ground.name}, {point}: {problem}")


def total(tally: Tally) -> str:
    """The summary line."""
    return (
        f"C3: {tally.points} injected errors, {len(tally.faults)} faults "
        f"({tally.harmless} harmless, {tally.sticky} of the journal after which no knob was touched, "
        f"{tally.unknown} drives left alone and reported, {tally.orphans} rollbacks that told of a thing that is gone, "
        f"{tally.not_reached} not reached)"
    )
