"""C1: SIGKILL at every open, write, sync and close of apply, of rollback and of the recovery after a kill.

After each kill, whoever comes next must bring everything back to the byte, a second time must change nothing, and a new
apply must come to the same end as an undisturbed one. Every tenth point is killed again while it recovers, and again
while it recovers from that.
"""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.campaigns.grounds import FilesystemGround, Ground, Snapshot
from tests.campaigns.injection import CALLS, Ending, plain, traced
from tests.campaigns.runs import applying, import_ahead, rolling_back

NESTED_EVERY = 10
NESTED_DEPTH = 3


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the sweep counted; `faults` are sentences, one for each thing that went wrong."""

    points: int = 0
    nested: int = 0
    unknown: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One kill: in which phase, before the n-th of which call."""

    phase: str
    call: str
    number: int

    def __str__(self) -> str:
        return f"{self.phase} at {self.call} {self.number}"


def sweep(ground: Ground, *, limit: int, seed: int, tally: Tally) -> None:
    """At most `limit` points of one ground, spread evenly over all there are."""
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
        self.counts = {"apply": self._learn_apply(), "rollback": self._learn_rollback()}

    def _learn_apply(self) -> dict[str, int]:
        ending = traced(applying(self.ground, self.state))
        assert ending.exit_code == self.ground.done, ending.said
        self.tuned = self.ground.snapshot()
        assert self.tuned != self.ground.original, "the profile changes nothing, so nothing would be shown"
        return dict(ending.calls)

    def _learn_rollback(self) -> dict[str, int]:
        ending = traced(rolling_back(self.ground, self.state))
        assert ending.exit_code == 0, ending.said
        now = self.ground.snapshot()
        assert now == self.ground.original, _difference(now, self.ground.original)
        self._afresh()
        return dict(ending.calls)

    def chosen(self, limit: int) -> Iterator[Point]:
        every = [
            Point(phase=phase, call=call, number=number)
            for phase, counts in self.counts.items()
            for call in CALLS
            for number in range(1, counts.get(call, 0) + 1)
        ]
        yield from every if len(every) <= limit else self.chance.sample(every, limit)

    def strike(self, point: Point) -> None:
        if point.phase == "rollback":
            done = plain(applying(self.ground, self.state))
            self._expect(done.exit_code == self.ground.done, point, f"the apply before it failed: {done.said}")
        ending = traced(self._phase(point.phase), inject=f"{point.call}:signal=KILL:when={point.number}")
        self.tally.points += 1
        self._expect_no_traceback(ending, point)
        if self.tally.points % NESTED_EVERY == 0:
            self._strike_recovery(point)
        self._check_recovery(point)
        self._check_reapply(point)
        self._afresh()

    def _phase(self, name: str) -> Callable[[], int]:
        return {"apply": applying, "rollback": rolling_back}[name](self.ground, self.state)

    def _strike_recovery(self, point: Point) -> None:
        for _ in range(NESTED_DEPTH):
            call = self.chance.choice([call for call in CALLS if self.counts["rollback"].get(call)])
            number = self.chance.randint(1, self.counts["rollback"][call])
            ending = traced(rolling_back(self.ground, self.state), inject=f"{call}:signal=KILL:when={number}")
            self.tally.nested += ending.killed_by is not None
            self._expect_no_traceback(ending, point)

    def _check_recovery(self, point: Point) -> None:
        recovered = plain(rolling_back(self.ground, self.state))
        self._expect_no_traceback(recovered, point)
        self._expect_original(point, self.ground.snapshot(), recovered)
        again = plain(rolling_back(self.ground, self.state))
        self._expect_original(point, self.ground.snapshot(), again)
        self._expect("restored" not in again.said, point, f"a second rollback restored something: {again.said}")

    def _check_reapply(self, point: Point) -> None:
        if isinstance(self.ground, FilesystemGround):
            self._check_drive(point, self.ground)
            return
        done = plain(applying(self.ground, self.state))
        self._expect(done.exit_code == self.ground.done, point, f"a new apply failed: {done.said}")
        self._expect(self.ground.snapshot() == self.tuned, point, "a new apply came to another end")
        back = plain(rolling_back(self.ground, self.state))
        self._expect_original(point, self.ground.snapshot(), back)

    def _check_drive(self, point: Point, ground: FilesystemGround) -> None:
        """A drive is blank, or ours whole, or left alone and reported: never made a second time over something."""
        before = ground.content()
        done = plain(applying(ground, self.state))
        self._expect_no_traceback(done, point)
        if done.exit_code != 0:
            self.tally.unknown += 1
            self._expect(ground.content() == before, point, "a drive in an unknown state was written again")
            self._expect(bool(done.said.strip()), point, "nothing was said about the drive")
            return
        self._expect(before in ("", ground.content()), point, "the filesystem was made twice")
        self._expect(ground.snapshot() == self.tuned, point, "a new apply came to another end")

    def _afresh(self) -> None:
        if self.ground.snapshot() != self.ground.original or not self.ground.reversible:
            self.ground.reset()
        shutil.rmtree(self.state, ignore_errors=True)

    def _expect_original(self, point: Point, now: Snapshot, ending: Ending) -> None:
        lost = _difference(now, self.ground.original)
        self._expect(not lost, point, f"not as before: {lost}; {ending.said[-600:]}")

    def _expect_no_traceback(self, ending: Ending, point: Point) -> None:
        self._expect("Traceback" not in ending.said, point, ending.said)

    def _expect(self, holds: bool, point: Point, problem: str) -> None:
        if not holds:
            self.tally.faults.append(f"{self.ground.name}, killed in {point}: {problem}")


def _difference(now: Snapshot, original: Snapshot) -> dict[str, str | None]:
    """What is there now in each place that is not as it was; None for nothing."""
    return {path: now.get(path) for path in {*now, *original} if now.get(path) != original.get(path)}


def total(tally: Tally) -> str:
    """The summary line."""
    return (
        f"C1: {tally.points} kill points and {tally.nested} kills of the recovery, {len(tally.faults)} faults, "
        f"{tally.unknown} drives left alone and reported"
    )
