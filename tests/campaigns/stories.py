"""What the power-loss campaign records: toy tunables in a tree of their own, so that persistent changes matter too.

Sysctls end with the power; configuration files and directories stay, and their originals must too. So the machine here
is a directory with knobs, files and a directory to be made. Each story is a row of processes, each recorded by strace.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nodeagent.host import Host
from nodeagent.host.output_file import write_output
from nodeagent.model.profile import Profile
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.journal import Journal
from nodeagent.tune.progress import Event, Listener, Step, ignore
from nodeagent.tune.rollback import rollback
from nodeagent.tune.session import open_session
from tests.campaigns.calls import Call, read_log
from tests.campaigns.disk_model import CALLS, Tree, read_tree
from tests.campaigns.injection import traced
from tests.unit.tune.toys import FileTunable, KnobTunable, MakerTunable, World, make_host, profile_of

MARK = "/dev/null"
KILLED = 9

_KNOBS = tuple(f"/proc/sys/toy/{name}" for name in ("a", "b", "c"))
_MANY_KNOBS = tuple(f"/proc/sys/many/{number:02}" for number in range(36))
_OLD_FILE, _NEW_FILE, _MADE = "/etc/there.conf", "/etc/new.conf", "/srv/made"
_REPORT = "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """`calls` of all processes in order, a None between two; `top` holds `root` and `state`; `before` is how it began.

    Writes to MARK among the calls say what has been promised: the number and type of the last record appended.
    """

    name: str
    top: Path
    calls: tuple[Call | None, ...]
    before: Tree
    knobs: tuple[str, ...]
    profile: Profile | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """`acts` are made from the world; each runs in a process of its own and ends with `exits`."""

    name: str
    acts: Callable[[World], list[Callable[[], int]]]
    exits: tuple[int, ...]
    profile: Profile | None = None
    knobs: tuple[str, ...] = _KNOBS


def _first() -> Profile:
    return _profile("1", {_OLD_FILE: "first\n" * 40, _NEW_FILE: "first\n"})


def _second() -> Profile:
    return _profile("2", {_OLD_FILE: "second\n" * 60, _NEW_FILE: "second\n"})


def _profile(value: str, files: Mapping[str, str]) -> Profile:
    maker = {"directory": _MADE, "content": f"{value}\n", "knob": "/proc/sys/toy/late", "value": f"10{value}"}
    return profile_of(knobs=dict.fromkeys(_KNOBS, f"100{value}"), files=files, maker=maker)


def _many() -> Profile:
    files = {f"/etc/{number}.conf": "x" * 300 for number in range(3)}
    return profile_of(knobs=dict.fromkeys(_MANY_KNOBS, "7"), files=files)


def _applying(world: World, profile: Profile, listener: Listener = ignore) -> Callable[[], int]:
    def act() -> int:
        with open_session(world.host, world.state, command="apply", listener=listener) as session:
            tidy_up(session)
            result = apply(session, world.order(profile))
        os.write(2, f"{result.outcome}: {result.problem}\n".encode())
        return int(result.exit_code)

    return act


def _rolling_back(world: World) -> Callable[[], int]:
    def act() -> int:
        with open_session(world.host, world.state, command="rollback") as session:
            return int(rollback(session).exit_code)

    return act


class _Killer:
    """Ends the process at the n-th change made, between the write and its record."""

    def __init__(self, at: int) -> None:
        self.left = at

    def __call__(self, event: Event) -> None:
        self.left -= event.step is Step.PERFORMED
        if self.left == 0:
            os._exit(KILLED)


def _reporting(world: World) -> Callable[[], int]:
    def act() -> int:
        for number in range(3):
            write_output(world.root.parent / "state" / _REPORT, report_text(number))
        return 0

    return act


def report_text(number: int) -> str:
    return "<html>" + f"report {number} " * 800 + "</html>\n"


STORIES: tuple[Story, ...] = (
    Story(
        "two applies and a rollback",
        lambda world: [_applying(world, _first()), _applying(world, _second()), _rolling_back(world)],
        (0, 0, 0),
        _second(),
    ),
    Story(
        "a killed apply and its recovery",
        lambda world: [_applying(world, _first(), _Killer(6)), _rolling_back(world)],
        (KILLED, 0),
        _first(),
    ),
    Story(
        "an apply longer than the log",
        lambda world: [_applying(world, _many()), _rolling_back(world)],
        (0, 0),
        _many(),
        _MANY_KNOBS,
    ),
)
REPORT_STORY = Story("reports over reports", lambda world: [_reporting(world)], (0,), knobs=())


def world_in(top: Path) -> World:
    """A machine as it was before nodeagent came, below `top`/root; the state directory is `top`/state."""
    files = {path: f"{number}\n" for number, path in enumerate((*_KNOBS, *_MANY_KNOBS, "/proc/sys/toy/late"))}
    host = make_host(top / "root", {**files, _OLD_FILE: "original\n" * 20, "/srv/neighbour": "\n"})
    return world_at(top, host)


def world_at(top: Path, host: Host | None = None) -> World:
    maker = MakerTunable(uid=os.geteuid(), gid=os.getegid())
    tunables = (KnobTunable(), FileTunable(), maker)
    return World(root=top / "root", state=top / "state", host=host or Host(root=top / "root"), tunables=tunables)


def record(story: Story, top: Path) -> Recording:
    """Run a story in an empty directory; `problem` says when an act ended otherwise than it should.

    RuntimeError for a traceback: then the campaign itself, or a mutant, is broken.
    """
    world = world_in(top)
    if story is REPORT_STORY:
        world.state.mkdir()
        (world.state / _REPORT).write_text("old\n")
    before = read_tree(top)
    calls: list[Call | None] = []
    problems = []
    for act, wanted in zip(story.acts(world), story.exits, strict=True):
        ending = traced(_marked(act), calls=CALLS, options=("-xx", "-s", "1000000"))
        if "Traceback" in ending.said:
            raise RuntimeError(f"{story.name}: {ending.said}")
        if ending.exit_code != wanted:
            problems.append(f"{story.name}: ended with {ending.exit_code}, wanted {wanted}: {ending.said}")
        calls += [*read_log(ending.log), None]
    return Recording(
        name=story.name,
        top=top,
        calls=tuple(calls),
        before=before,
        knobs=(*story.knobs, "/proc/sys/toy/late") if story.knobs else (),
        profile=story.profile,
        problem="; ".join(problems),
    )


def _marked(act: Callable[[], int]) -> Callable[[], int]:
    """Each append that returned leaves a line in the log; the patch ends with the process it is made in."""

    def marked() -> int:
        mark = os.open(MARK, os.O_WRONLY)
        append_all = Journal.append_all

        def noted(journal: Journal, drafts: Any) -> Any:
            records = append_all(journal, drafts)
            os.write(mark, f"{records[-1].seq} {records[-1].type.value}".encode())
            return records

        setattr(Journal, "append_all", noted)  # noqa: B010
        return act()

    return marked
