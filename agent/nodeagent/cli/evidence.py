"""What `report` and `serve` know of this host: gathered from the profile, the history, the journal and the machine.

Nothing here writes or measures. Each source is read on its own, and one that can't be read is told by name while the
others are still used: half a page that says so is worth more than none.
"""

import shlex
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from nodeagent.bench.benchmarks import BENCHMARKS
from nodeagent.bench.ceilings import Ceiling
from nodeagent.bench.judge import Circumstances, judge
from nodeagent.bench.suite import find_target
from nodeagent.history import History
from nodeagent.history.records import RunFilter
from nodeagent.history.store import FILE_NAME as HISTORY_FILE
from nodeagent.host.host import Host
from nodeagent.model.errors import NodeagentError
from nodeagent.model.judgement import Judgement
from nodeagent.model.measurement import Measurement, Place, Run, Target
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Verdict
from nodeagent.profiles import default_search, load_profile
from nodeagent.profiles.targets import load_targets
from nodeagent.report.changes import summarise
from nodeagent.report.compose import Evidence
from nodeagent.report.document import JournalSummary, RepeatCommand
from nodeagent.tune.journal import FILE_NAME as JOURNAL_FILE
from nodeagent.tune.reading import read_ledger
from nodeagent.tune.tunables import SETTINGS_TYPES, TUNABLES
from nodeagent.tune.verify import verify
from nodeagent.version import VERSION

T = TypeVar("T")

_NO_DOCUMENTS: tuple[Profile | None, tuple[Target, ...]] = (None, ())
_NO_VERDICTS: tuple[Verdict, ...] = ()
_UNREADABLE = JournalSummary(problem="the journal could not be read; the notes say why")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """About what: the profile and the targets to hold the host against, and where its state is kept."""

    state_directory: Path
    stage: str = "local"
    profile: str | None = None
    targets: Path | None = None

    def options(self) -> str:
        """The same as options of a command line that measures, each with a blank before it."""
        profile = f" --profile {shlex.quote(self.profile)}" if self.profile else ""
        targets = f" --target {shlex.quote(str(self.targets))}" if self.targets else f" --stage {self.stage}"
        return profile + targets


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """`sources` says which parts could be read, `problems` why others could not."""

    evidence: Evidence
    targets: tuple[Target, ...] = ()
    sources: dict[str, bool] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


@dataclass(slots=True)
class _Sources:
    """Reads one part after the other and notes which of them failed."""

    good: dict[str, bool] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def read(self, name: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            value = read()
        except NodeagentError as error:
            self.good[name] = False
            self.problems.append(f"{name}: {error.message}")
            return otherwise
        self.good[name] = True
        return value


LoadDocuments = Callable[[Question], tuple[Profile | None, tuple[Target, ...]]]


def load_documents(question: Question) -> tuple[Profile | None, tuple[Target, ...]]:
    """The profile (None where none was named) and the targets of the stage; ProfileError with every fault."""
    profile = None
    if question.profile is not None:
        profile = load_profile(
            question.profile,
            settings_types=SETTINGS_TYPES,
            search=default_search(),
            benchmarks=tuple(benchmark.name for benchmark in BENCHMARKS),
        )
    metrics = {metric.name: metric for benchmark in BENCHMARKS for metric in benchmark.metrics}
    return profile, load_targets(question.targets or question.stage, search=default_search(), metrics=metrics)


class Documents:
    """`load_documents` for whoever asks again and again: files that did not change are not read again."""

    def __init__(self) -> None:
        self._loaded = _NO_DOCUMENTS
        self._marks: dict[Path, tuple[int, ...] | None] = {}

    def __call__(self, question: Question) -> tuple[Profile | None, tuple[Target, ...]]:
        if not self._marks or self._marks != {path: _mark(path) for path in self._marks}:
            self._marks = {}
            self._loaded = load_documents(question)
            profile, targets = self._loaded
            files = {*(profile.files if profile else ()), *(target.origin.rsplit(":", 2)[0] for target in targets)}
            self._marks = {Path(file): _mark(Path(file)) for file in files}
        return self._loaded


def _mark(path: Path) -> tuple[int, ...] | None:
    """What changes when a file is replaced or written; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def gather(question: Question, host: Host, *, documents: LoadDocuments = load_documents) -> Gathered:
    """Everything that can be read now."""
    sources = _Sources()
    profile, targets = sources.read("profile", lambda: documents(question), _NO_DOCUMENTS)
    facts = host.facts()
    stored = sources.read("history", lambda: _measured(question.state_directory), _Measured())
    journal = sources.read("journal", lambda: _journal(question.state_directory, host), _UNREADABLE)
    verdicts = sources.read("verify", lambda: verify(host, profile, facts, TUNABLES) if profile else (), _NO_VERDICTS)
    words = _of_profile(stored.words, profile)
    judgements = tuple(_judged_again(word, targets, question.stage) for word in words)
    evidence = Evidence(
        stage=question.stage,
        created_at=time.time(),
        agent_version=VERSION,
        facts=facts,
        profile=profile,
        verdicts=verdicts,
        judgements=(*judgements, *_unmeasured(question, profile, judgements, targets)),
        journal=journal,
        tools=stored.tools,
        commands=(*_own_commands(question), *stored.commands),
        notes=(*sources.problems, *_notes(judgements, journal, left_out=len(stored.words) - len(words))),
    )
    return Gathered(evidence=evidence, targets=targets, sources=sources.good, problems=tuple(sources.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Word:
    """The newest judgement of a figure, and why runs it was made from gave no sample."""

    judgement: Judgement
    aborted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What the history holds: the newest word on each figure, and by which tools and commands it came."""

    words: tuple[_Word, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    commands: tuple[RepeatCommand, ...] = ()


def _measured(state_directory: Path) -> _Measured:
    path = state_directory / HISTORY_FILE
    if not path.exists():
        return _Measured()
    words = []
    newest: dict[tuple[str, str], Run] = {}
    with History.open(path, read_only=True) as history:
        for latest in history.latest():
            runs = [stored.run for number in latest.run_ids for stored in history.runs(RunFilter(id=number))]
            newest.update({(run.benchmark, run.place.role): run for run in runs})
            aborted = tuple(run.aborted for run in runs if run.aborted)
            words.append(_Word(judgement=latest.judgement, aborted=aborted))
    return _Measured(
        words=tuple(words),
        tools={run.tool: run.tool_version for run in newest.values() if run.tool},
        commands=tuple(
            RepeatCommand(what=f"{benchmark} at {role}", command=run.command, tool=run.tool_version)
            for (benchmark, role), run in newest.items()
            if run.command
        ),
    )


def _of_profile(words: tuple[_Word, ...], profile: Profile | None) -> tuple[_Word, ...]:
    """The figures that a profile asks for: what else was tried on this host is no evidence for it or against it."""
    if profile is None or not profile.benchmarks:
        return words
    wanted = {(setting.benchmark, setting.place) for setting in profile.benchmarks}
    return tuple(
        word
        for word in words
        if word.judgement.measurement is None
        or (word.judgement.measurement.benchmark, word.judgement.place.role) in wanted
    )


def _judged_again(word: _Word, targets: tuple[Target, ...], stage: str) -> Judgement:
    """The word as it was given, or given anew where the stage asks for something else than it was held against."""
    judgement = word.judgement
    target = find_target(targets, judgement.metric, judgement.place.role)
    if judgement.measurement is None or _same(judgement.target, target):
        return judgement
    ceiling = judgement.ceiling
    known = Circumstances(
        stage=stage,
        aborted=word.aborted,
        ceiling=None if ceiling is None else Ceiling(value=ceiling, reason="as known when it was measured"),
        fingerprint=judgement.fingerprint,
        measured_at=judgement.measured_at,
    )
    return judge(judgement.measurement, target, circumstances=known)


def _journal(state_directory: Path, host: Host) -> JournalSummary:
    if not (state_directory / JOURNAL_FILE).exists():
        return JournalSummary()
    ledger, head = read_ledger(state_directory)
    return summarise(ledger, boot_id=host.boot_id(), head=head, undo_directory=state_directory / "undo")


def _own_commands(question: Question) -> tuple[RepeatCommand, ...]:
    profile = f" --profile {shlex.quote(question.profile)}" if question.profile else ""
    return (
        RepeatCommand(what="the tuning table", command=f"nodeagent tune verify{profile}"),
        RepeatCommand(what="the benchmarks", command=f"nodeagent bench run{question.options()}"),
        RepeatCommand(what="the journal", command="nodeagent tune history"),
        RepeatCommand(what="the inventory", command="nodeagent host show"),
        RepeatCommand(what="this report", command=f"nodeagent report{question.options()}"),
    )


def _same(one: Target | None, other: Target | None) -> bool:
    """The same demand, wherever it is written down."""
    if one is None or other is None:
        return one is other
    return replace(one, why="", source="", origin="") == replace(other, why="", source="", origin="")


def _unmeasured(
    question: Question, profile: Profile | None, judgements: tuple[Judgement, ...], targets: tuple[Target, ...]
) -> tuple[Judgement, ...]:
    """What the profile wants measured and nobody did: silence is not success."""
    known = {(judgement.metric.name, judgement.place.role) for judgement in judgements}
    wanted = {
        (metric.name, setting.place): judge(
            Measurement(metric=metric, benchmark=benchmark.name, place=Place(role=setting.place), values=()),
            find_target(targets, metric, setting.place),
            circumstances=Circumstances(
                stage=question.stage,
                missing="no run was made",
                remedy=f"nodeagent bench run {benchmark.name}{question.options()}",
            ),
        )
        for setting in (profile.benchmarks if profile else ())
        for benchmark in BENCHMARKS
        if benchmark.name == setting.benchmark
        for metric in benchmark.metrics
        if metric.gate
    }
    return tuple(judgement for key, judgement in wanted.items() if key not in known)


def _notes(judgements: tuple[Judgement, ...], journal: JournalSummary, *, left_out: int) -> Iterator[str]:
    """What a reader would not see from the figures alone."""
    if left_out:
        yield f"left out: {left_out} figures that this profile does not ask for"
    last = journal.last_apply
    older = sum(
        judgement.measured_at is not None and last is not None and judgement.measured_at < last.started_at
        for judgement in judgements
    )
    if older:
        told = f"{older} of {len(judgements)} figures were measured before the last apply"
        yield f"{told}; measure again to see its effect"
