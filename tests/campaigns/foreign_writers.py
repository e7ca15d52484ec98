"""C7: somebody else writes to what nodeagent set, at any time between applies and rollbacks. Their value stays.

Random interleavings of two profiles, foreign writes and rollbacks of everything or of one key, on real sysctls of a
network namespace of the campaign's own and on configuration files. A model of a few lines says after each step what
every value must be, and what a rollback must report: conflicts are kept, named, and end in exit code 2; all else comes
back to what it was before the first apply.
"""

import random
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from nodeagent.model.errors import ExitCode, NodeagentError
from nodeagent.tune.apply import apply, tidy_up
from nodeagent.tune.apply_result import Order
from nodeagent.tune.plan import make_plan
from nodeagent.tune.rollback import RollbackResult, Selection, rollback
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate
from tests.campaigns.grounds import SysctlGround
from tests.unit.tune.toys import FileTunable, World, make_host, profile_of

PROFILES = 2
STEPS = range(3, 9)


@dataclass(slots=True, kw_only=True)
class Tally:
    """`kept` are conflicts that were kept and reported, `restored` the keys that came back."""

    interleavings: int = 0
    writes: int = 0
    kept: int = 0
    restored: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Value:
    """What the model knows of one key: `original` and `ours` are "" while it is not ours."""

    now: str
    original: str = ""
    ours: str = ""

    def applied(self, wanted: str) -> None:
        if self.now == wanted:
            return
        self.original = self.original or self.now
        self.now = self.ours = wanted

    def rolled_back(self) -> Fate | None:
        if not self.original:
            return None
        if self.now not in (self.original, self.ours):
            return Fate.CONFLICT
        fate = Fate.ALREADY_ORIGINAL if self.now == self.original else Fate.RESTORED
        self.now, self.original, self.ours = self.original, "", ""
        return fate


class Field(ABC):
    """Where it happens: keys with values, and what two profiles want of them."""

    name: str
    wanted: tuple[dict[str, str], ...]
    foreign: dict[str, tuple[str, ...]]

    @abstractmethod
    def read(self, key: str) -> str: ...

    @abstractmethod
    def write(self, key: str, value: str) -> None:
        """As somebody else."""

    @abstractmethod
    def apply(self, profile: int) -> ExitCode: ...

    @abstractmethod
    def roll_back(self, key: str | None) -> RollbackResult: ...

    @abstractmethod
    def forget(self) -> None:
        """Remove the state directory."""


class SysctlField(Field):
    """Real knobs; the ground's profile and another one."""

    name = "sysctl"

    class _Own(SysctlGround):
        """Only what is the namespace's own, so that nobody else writes to it."""

        wanted: ClassVar[dict[str, str]]

        def profile_text(self) -> str:
            return "".join(["  sysctl:\n", *(f"    {key}: {value}\n" for key, value in self.wanted.items())])

        def paths(self) -> tuple[str, ...]:
            return tuple(f"/proc/sys/{key.replace('.', '/')}" for key in self.wanted)

    class First(_Own):
        wanted: ClassVar = {
            "net.core.somaxconn": "8192",
            "net.ipv4.tcp_fin_timeout": "17",
            "net.ipv4.ip_default_ttl": "99",
            "net.ipv4.tcp_syn_retries": "3",
        }

    class Second(_Own):
        wanted: ClassVar = {
            "net.core.somaxconn": "9000",
            "net.ipv4.tcp_fin_timeout": "18",
            "net.ipv4.ip_default_ttl": "99",
            "net.ipv4.tcp_keepalive_time": "1234",
        }

    def __init__(self, grounds: tuple[SysctlGround, ...], state: Path) -> None:
        self.grounds = grounds
        self.state = state
        kinds = (self.First, self.Second)
        self.wanted = tuple({f"sysctl:{key}": value for key, value in kind.wanted.items()} for kind in kinds)
        keys = {key for wanted in self.wanted for key in wanted}
        self.foreign = dict.fromkeys(sorted(keys), ("41", "42", "43"))

    def read(self, key: str) -> str:
        return self._path(key).read_text().strip()

    def write(self, key: str, value: str) -> None:
        self._path(key).write_text(f"{value}\n")

    def apply(self, profile: int) -> ExitCode:
        ground = self.grounds[profile]
        with open_session(ground.host, self.state, command="campaign") as session:
            tidy_up(session)
            plan = make_plan(ground.host, ground.profile, ground.facts, ground.tunables)
            order = Order(
                plan=plan,
                profile=ground.profile,
                tunables=ground.tunables,
                read_facts=ground.read_facts,
                allow=ground.allow,
            )
            return apply(session, order).exit_code

    def roll_back(self, key: str | None) -> RollbackResult:
        with open_session(self.grounds[0].host, self.state, command="campaign") as session:
            return rollback(session, Selection(key=key))

    def forget(self) -> None:
        shutil.rmtree(self.state)

    def _path(self, key: str) -> Path:
        return Path("/proc/sys", key.removeprefix("sysctl:").replace(".", "/"))


class FileField(Field):
    """Configuration files; absent is a value too."""

    name = "files"
    _ABSENT = "absent"

    def __init__(self, directory: Path) -> None:
        self.root = directory / "root"
        there, also, new = (f"/etc/{name}.conf" for name in ("there", "also", "new"))
        host = make_host(self.root, {there: "original", also: "original too"})
        self.world = World(root=self.root, state=directory / "state", host=host, tunables=(FileTunable(),))
        self.profiles = (
            profile_of(files={there: "first", also: "first", new: "first"}),
            profile_of(files={there: "second", new: "first"}),
        )
        self.wanted = tuple(
            {f"file:{path}": text for path, text in each.tune["files"].items()} for each in self.profiles
        )
        self.foreign = dict.fromkeys(self.wanted[0], ("theirs", "theirs again", self._ABSENT))

    def read(self, key: str) -> str:
        path = self._path(key)
        return path.read_text() if path.exists() else self._ABSENT

    def write(self, key: str, value: str) -> None:
        if value == self._ABSENT:
            self._path(key).unlink(missing_ok=True)
        else:
            self._path(key).write_text(value)

    def apply(self, profile: int) -> ExitCode:
        with open_session(self.world.host, self.world.state, command="campaign") as session:
            tidy_up(session)
            return apply(session, self.world.order(self.profiles[profile])).exit_code

    def roll_back(self, key: str | None) -> RollbackResult:
        with open_session(self.world.host, self.world.state, command="campaign") as session:
            return rollback(session, Selection(key=key))

    def forget(self) -> None:
        shutil.rmtree(self.world.state)

    def _path(self, key: str) -> Path:
        return self.root / key.removeprefix("file:/")


def sweep(directory: Path, *, limit: int, seed: int, tally: Tally) -> None:
    """`limit` interleavings, half of them on sysctls, half on files."""
    chance = random.Random(seed)
    for name in ("first", "second", "files"):
        (directory / name).mkdir()
    grounds = (SysctlField.First(directory / "first"), SysctlField.Second(directory / "second"))
    for ground in grounds:
        ground.open()
    fields = (SysctlField(grounds, directory / "state"), FileField(directory / "files"))
    for number in range(limit):
        _Interleaving(fields[number % len(fields)], chance, tally).play()


class _Interleaving:
    """One story, and the model beside it."""

    def __init__(self, field: Field, chance: random.Random, tally: Tally) -> None:
        self.field = field
        self.chance = chance
        self.tally = tally
        self.start = {key: field.read(key) for key in field.foreign}
        self.values = {key: Value(text) for key, text in self.start.items()}
        self.known: set[str] = set()
        self.said: list[str] = []

    def play(self) -> None:
        self.tally.interleavings += 1
        try:
            self._apply()
            for _ in range(self.chance.choice(STEPS)):
                self.chance.choice(self._actions())()
            for _ in range(2):
                self._roll_back(None)
        except NodeagentError as error:
            self._fault(f"{type(error).__name__}: {error.message}")
        finally:
            for key, text in self.start.items():
                self.field.write(key, text)
            self.field.forget()

    def _actions(self) -> list[Callable[[], None]]:
        return [self._apply, self._interfere, self._interfere, lambda: self._roll_back(None), self._roll_back_one]

    def _apply(self) -> None:
        number = self.chance.randrange(PROFILES)
        self.said.append(f"apply {number}")
        before = {key: value.now for key, value in self.values.items()}
        code = self.field.apply(number)
        for key, wanted in self.field.wanted[number].items():
            self.values[key].applied(wanted)
            if before[key] != wanted:
                self.known.add(key)
        self._expect(code == ExitCode.OK, f"exit code {code}")
        self._check_values()

    def _interfere(self) -> None:
        for key in self.chance.sample(list(self.values), self.chance.randint(1, len(self.values))):
            text = self.chance.choice(self.field.foreign[key])
            self.said.append(f"{key} := {text}")
            self.field.write(key, text)
            self.values[key].now = text
            self.tally.writes += 1

    def _roll_back_one(self) -> None:
        if self.known:
            self._roll_back(self.chance.choice(sorted(self.known)))

    def _roll_back(self, key: str | None) -> None:
        self.said.append(f"rollback {key or 'everything'}")
        result = self.field.roll_back(key)
        chosen = self.values if key is None else {key: self.values[key]}
        wanted = {name: fate for name, value in chosen.items() if (fate := value.rolled_back())}
        told = {step.key: step.fate for step in (*result.recovered, *result.steps)}
        self._expect(told == wanted, f"reported {told}, wanted {wanted}")
        conflicts = Fate.CONFLICT in wanted.values()
        code = ExitCode.DIFFERS if conflicts else ExitCode.OK
        self._expect(result.exit_code == code, f"exit code {result.exit_code}, wanted {code}")
        self._check_values()
        self.tally.kept += sum(fate is Fate.CONFLICT for fate in wanted.values())
        self.tally.restored += sum(fate is Fate.RESTORED for fate in wanted.values())

    def _check_values(self) -> None:
        found = {key: self.field.read(key) for key in self.values}
        wanted = {key: value.now for key, value in self.values.items()}
        self._expect(found == wanted, f"found {found}, wanted {wanted}")

    def _expect(self, holds: bool, problem: str) -> None:
        if not holds:
            self._fault(problem)

    def _fault(self, problem: str) -> None:
        self.tally.faults.append(f"{self.field.name}: {'; '.join(self.said)}: {problem}")


def total(tally: Tally) -> str:
    """The summary line."""
    return (
        f"C7: {tally.interleavings} interleavings with {tally.writes} foreign writes, {len(tally.faults)} faults; "
        f"{tally.kept} conflicts kept and reported, {tally.restored} values restored"
    )
