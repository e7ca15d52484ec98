"""C4: the power goes after every system call of apply, rollback, recovery and of each file writer, in every way.

The calls are recorded once and replayed into a model of what a disk may hold afterwards (disk_model.py); each state is
built, opened with the real engine and rolled back. Demanded of each: every record that was promised is there and none
that was not written; whatever stands changed has an intent with the original; the undo script is whole; a rollback
brings back every file to the byte and writes no knob of an earlier boot. A plain crash, where the kernel lives on, is
one of the states. A campaign that finds nothing must be able to: each mutant of the engine (mutants.py) has to fail it.
"""

import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from nodeagent.model.change import Change
from nodeagent.model.errors import JournalError, NodeagentError
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.journal import Journal
from nodeagent.tune.reading import read_journal
from nodeagent.tune.record import FIRST_HASH, Record, RecordType
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import Session, open_session
from tests.campaigns.calls import Call
from tests.campaigns.disk_model import Choice, Disk, Tree, make_tree, read_tree
from tests.campaigns.mutants import MUTANTS
from tests.campaigns.stories import MARK, REPORT_STORY, STORIES, Recording, Story, record, report_text, world_at
from tests.unit.tune.toys import BOOT_ID_FILE

SCRIPT_EVERY = 8
REAPPLY_EVERY = 40
ROT_SHARE = 20
"""One damaged journal for so many states."""
MUTANT_STATES = 400

_PAGE_BYTES = 4096
_CELLS_AT = 4
"""The low byte of the number of cells in the head of a b-tree page (https://www.sqlite.org/fileformat2.html)."""

_BOOT_VALUE = b"as booted\n"
_NEXT_BOOT = b"boot-2\n"
_LEFTOVERS = (".nodeagent-new", ".nodeagent-undo")
_HALFWAY = {RecordType.INTENT.value, RecordType.ROLLING.value}


@dataclass(slots=True, kw_only=True)
class Tally:
    """`states` are the different ones that were built and opened; `rot` are journals damaged after they were whole."""

    states: int = 0
    existing: int = 0
    scripts: int = 0
    rot: int = 0
    caught: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A state that a crash may leave: after call `number`; `promised` records were appended, the last was a `last`."""

    number: int
    how: str
    id: int
    tree: Callable[[], Tree]
    power_lost: bool
    promised: int
    last: str
    rolling: bool


def sweep(directory: Path, *, limit: int, seed: int, tally: Tally) -> None:
    """At most `limit` states over all stories, damaged journals, and each mutant once."""
    sizes = [*((story, limit // len(STORIES)) for story in STORIES), (REPORT_STORY, limit // ROT_SHARE)]
    for story, size in sizes:
        _replay(story, directory, limit=size, seed=seed, tally=tally)
    _rot(directory, count=limit // ROT_SHARE, seed=seed, tally=tally)
    for mutant in MUTANTS:
        trial = Tally()
        with mutant.active():
            _try_mutant(directory, seed=seed, tally=trial)
        (tally.caught if trial.faults else tally.missed).append(mutant.name)
    tally.faults += [f"the mutant {name!r} was not caught" for name in tally.missed]


def _try_mutant(directory: Path, *, seed: int, tally: Tally) -> None:
    for story in STORIES[:2]:
        _replay(story, directory, limit=MUTANT_STATES, seed=seed, tally=tally, until_fault=True)
        if tally.faults:
            return
    _rot(directory, count=MUTANT_STATES, seed=seed, tally=tally)


def _replay(story: Story, directory: Path, *, limit: int, seed: int, tally: Tally, until_fault: bool = False) -> None:
    with tempfile.TemporaryDirectory(dir=directory) as place:
        top = Path(place, "recorded")
        top.mkdir()
        recording = record(story, top)
        if recording.problem:
            tally.faults.append(recording.problem)
            return
        examiner = _Examiner(recording, Path(place, "scratch"), tally)
        everything = list(dict.fromkeys(moment.id for moment in _moments(recording, seed)))
        tally.existing += len(everything)
        chosen = set(random.Random(seed).sample(everything, min(limit, len(everything))))
        for moment in _moments(recording, seed):
            if moment.id in chosen:
                chosen.remove(moment.id)
                examiner.examine(moment)
                if until_fault and tally.faults:
                    return


def _moments(recording: Recording, seed: int) -> Iterator[Moment]:
    """Every state after every call, in order; the same seed gives the same ones."""
    with tempfile.TemporaryDirectory() as place:
        make_tree(Path(place), recording.before)
        disk = Disk(Path(place), careless=_is_careless)
    disk.top = recording.top
    chance = random.Random(seed)
    promised, last, rolling = 0, "", False
    for number, call in enumerate(recording.calls):
        if call is None:
            disk.new_process()
        elif call.name == "write" and call.path == MARK:
            promised, last, rolling = _promise(call, rolling)
        elif disk.make(call):
            crash = Choice("the process died")
            for choice in (crash, *disk.choices(chance)):
                yield Moment(
                    number=number,
                    how=choice.how,
                    id=hash((disk.signature(choice), choice is crash, promised)),
                    tree=partial(disk.tree, choice),
                    power_lost=choice is not crash,
                    promised=promised,
                    last=last,
                    rolling=rolling,
                )


def _promise(call: Call, rolling: bool) -> tuple[int, str, bool]:
    number, last = call.strings[0].decode().split()
    return int(number), last, (rolling or last == RecordType.ROLLING.value) and last != RecordType.BEGIN.value


class _Examiner:
    """Builds states of one recording and looks at them as the next nodeagent would."""

    def __init__(self, recording: Recording, scratch: Path, tally: Tally) -> None:
        self.recording = recording
        self.scratch = scratch
        self.tally = tally
        self.golden: tuple[Record, ...] = ()
        if recording.knobs:
            self.golden = read_journal(recording.top / "state").records
        self.places = {FIRST_HASH: 0, **{one.hash: one.seq for one in self.golden}}

    def examine(self, moment: Moment) -> None:
        self.tally.states += 1
        problem = self._report_problem(moment) if not self.recording.knobs else self._problem(moment)
        if problem:
            story = f"{self.recording.name}, after call {moment.number}, {moment.how}"
            kind = "power lost" if moment.power_lost else "crash"
            self.tally.faults.append(f"{story} ({kind}, {moment.promised} records promised): {problem}")

    def _problem(self, moment: Moment) -> str:
        tree = moment.tree()
        wanted = self._build(moment, tree)
        try:
            with self._opened() as session:
                found = self._record_problem(session, moment) or self._change_problem(session, moment, tree)
            if found:
                return found
            if problem := self._script_problem(moment, tree, wanted):
                return problem
            with self._opened() as session:
                result = rollback(session)
        except NodeagentError as error:
            return f"{type(error).__name__}: {error.message}"
        after = _below(read_tree(self.scratch), "root")
        if after != wanted or result.exit_code:
            steps = [f"{step.fate} {step.key}" for step in (*result.recovered, *result.steps)]
            return f"rolled back to something else: {_difference(after, wanted)}, exit {result.exit_code}, {steps}"
        return self._reapply_problem() if self.tally.states % REAPPLY_EVERY == 0 else ""

    def _build(self, moment: Moment, tree: Tree) -> Tree:
        """Make the state; what `root` must look like in the end."""
        tree, wanted = dict(tree), _below(self.recording.before, "root")
        if moment.power_lost:
            knobs = [knob.lstrip("/") for knob in self.recording.knobs]
            for path in [*knobs, BOOT_ID_FILE.lstrip("/")]:
                content = _BOOT_VALUE if path in knobs else _NEXT_BOOT
                tree[f"root/{path}"] = wanted[path] = (wanted[path][0], content)
            # What a process was about to give a knob is in the kernel's memory, not on a disk.
            tree = {path: node for path, node in tree.items() if not (_is_temporary(path) and "/proc/" in path)}
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir()
        make_tree(self.scratch, tree)
        return wanted

    def _opened(self) -> AbstractContextManager[Session]:
        world = world_at(self.scratch)
        return open_session(world.host, world.state, command="campaign")

    def _record_problem(self, session: Session, moment: Moment) -> str:
        place = self.places.get(session.journal.head)
        if place is None:
            return f"the journal ends with a record that was never written: {session.journal.head}"
        if place < moment.promised:
            return f"{moment.promised - place} records are lost"
        return ""

    def _change_problem(self, session: Session, moment: Moment, tree: Tree) -> str:
        now, before = _below(tree, "root"), _below(self.recording.before, "root")
        knobs = {knob.lstrip("/") for knob in self.recording.knobs}
        changed = {
            f"/{path}"
            for path in now.keys() | before.keys()
            if now.get(path) != before.get(path)
            and not _is_temporary(path)
            and not (moment.power_lost and path in knobs)
        }
        recorded = {_path(intent.change) for intent in session.ledger.intents.values() if intent.owned}
        lost = changed - recorded
        return f"changed, with no intent: {sorted(lost)}" if lost else ""

    def _script_problem(self, moment: Moment, tree: Tree, wanted: Tree) -> str:
        """Where steps of an apply stand whole, the scripts bring everything back; run for one state in some."""
        if moment.rolling or moment.last in _HALFWAY or self.tally.states % SCRIPT_EVERY:
            return ""
        if not any(_is_script(path) for path in tree) and _below(tree, "root") == wanted:
            return ""
        self.tally.scripts += 1
        began = [one.transaction for one in self.golden if one.type is RecordType.BEGIN and "apply" in one.body_text]
        copy = self.scratch.with_name("script")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.scratch, copy)
        said = ""
        for transaction in reversed(began):
            script = copy / "state" / "undo" / f"{transaction}.sh"
            if script.exists():
                script.write_text(script.read_text().replace(str(self.recording.top), str(copy)))
                done = subprocess.run(["sh", str(script)], capture_output=True, text=True, check=False)
                said += f"exit {done.returncode}: {done.stdout}{done.stderr}"
        after = {path: node for path, node in _below(read_tree(copy), "root").items() if not _is_temporary(path)}
        return f"the scripts left something else: {_difference(after, wanted)}; {said}" if after != wanted else ""

    def _reapply_problem(self) -> str:
        world, profile = world_at(self.scratch), self.recording.profile
        assert profile is not None
        with self._opened() as session:
            tidy_up(session)
            result = apply(session, world.order(profile))
        return f"a new apply: {result.outcome}, {result.problem}" if result.exit_code else ""

    def _report_problem(self, moment: Moment) -> str:
        """Old or new, never something else, and never nothing."""
        whole = {b"old\n", *(report_text(number).encode() for number in range(3))}
        seen = moment.tree().get("state/report.html")
        return "" if seen and seen[1] in whole else f"the report is neither old nor new: {seen and seen[1]!r:.80}"


def _rot(directory: Path, *, count: int, seed: int, tally: Tally) -> None:
    """Damage a whole journal where no power cut can: it is refused, or it says what it said before."""
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory(dir=directory) as place:
        top, state = Path(place, "recorded"), Path(place, "state")
        top.mkdir()
        record(STORIES[0], top)
        whole = (top / "state" / "journal.db").read_bytes()
        golden = [one.hash for one in read_journal(top / "state").records]
        for _ in range(count):
            tally.rot += 1
            rotten, what = _rotten(whole, chance)
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir(mode=0o700)
            (state / "journal.db").write_bytes(rotten)
            if problem := _rot_problem(state, golden, whole=top / "state"):
                tally.faults.append(f"a damaged journal, {what}: {problem}")


def _rotten(whole: bytes, chance: random.Random) -> tuple[bytes, str]:
    rotten = bytearray(whole)
    match chance.randrange(5):
        case 0 | 1:
            at, bit = chance.randrange(len(whole)), chance.randrange(8)
            rotten[at] ^= 1 << bit
            return bytes(rotten), f"bit {bit} of byte {at} turned over"
        case 2:
            at = chance.randrange(0, len(whole), 512)
            rotten[at : at + 512] = chance.randbytes(512)
            return bytes(rotten), f"garbage in the sector at {at}"
        case 3:
            at = chance.randrange(_PAGE_BYTES, len(whole), _PAGE_BYTES) + _CELLS_AT
            rotten[at] -= rotten[at] > 0
            return bytes(rotten), f"one cell less on page {at // _PAGE_BYTES + 1}"
        case _:
            at = chance.randrange(0, len(whole), 512)
            rotten[at : at + 512] = bytes(512)
            return bytes(rotten), f"zeros in the sector at {at}"


def _rot_problem(state: Path, golden: list[str], *, whole: Path) -> str:
    try:
        with Journal(state, boot_id="boot-1") as journal:
            head, intents = journal.head, journal.ledger.intents
    except JournalError:
        return ""
    if head != golden[-1]:
        return f"accepted, {len(intents)} intents, but it ends otherwise"
    with Journal(whole, boot_id="boot-1") as other:
        same = {seq: intent.change for seq, intent in other.ledger.intents.items()}
    return "" if same == {seq: intent.change for seq, intent in intents.items()} else "accepted with altered intents"


def _below(tree: Tree, top: str) -> Tree:
    return {path.removeprefix(f"{top}/"): node for path, node in tree.items() if path.startswith(f"{top}/")}


def _difference(found: Tree, wanted: Tree) -> str:
    paths = sorted(path for path in found.keys() | wanted.keys() if found.get(path) != wanted.get(path))
    return json.dumps({path: [repr(found.get(path))[:60], repr(wanted.get(path))[:60]] for path in paths[:5]})


def _is_careless(path: Path) -> bool:
    """SQLite makes the -shm file anew; nobody decides by the lock's note; knobs are no files on a real machine."""
    return path.name.endswith(("-shm", "lock", "reserve")) or "proc" in path.parts


def _is_temporary(path: str) -> bool:
    return path.endswith(_LEFTOVERS)


def _is_script(path: str) -> bool:
    return path.startswith("state/undo/") and path.endswith(".sh")


def _path(change: Change) -> str:
    path: str = getattr(change, "path", "")
    return path


def total(tally: Tally) -> str:
    """The summary line."""
    return (
        f"C4: {tally.states} states of {tally.existing} after a power cut or crash, {tally.scripts} undo scripts run, "
        f"{tally.rot} damaged journals, {len(tally.faults)} faults; "
        f"{len(tally.caught)} of {len(tally.caught) + len(tally.missed)} mutants caught"
    )
