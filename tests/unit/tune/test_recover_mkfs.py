"""A filesystem that was being made when the power went: looked at again, never guessed, never made a second time."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from nodeagent.host import Host, changes
from nodeagent.host.changes import Observation
from nodeagent.model.change import Change, DeviceIdentity, MakeFilesystem, PlanItem, Risk
from nodeagent.model.errors import ExitCode, HostError
from nodeagent.model.facts import HostFacts
from nodeagent.model.host_reader import HostReader
from nodeagent.model.verdict import Verdict
from nodeagent.tune.ledger import Outcome
from nodeagent.tune.progress import Step
from nodeagent.tune.recover import recover
from nodeagent.tune.session import open_session
from nodeagent.tune.undo.undo import Fate, UndoStep
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.test_apply import ledger_of
from tests.unit.tune.test_rollback import Crash, crash_at, roll_back
from tests.unit.tune.toys import World, profile_of

MKFS = MakeFilesystem(
    key="fs:S1",
    tunable="disk",
    risk=Risk.DESTRUCTIVE,
    device=DeviceIdentity(serial="S1", name="sdz"),
    fstype="ext4",
    label="ledger",
    uuid="0b5c",
)
MADE = MKFS.after_state()


@dataclass
class Drive:
    """The only drive of the toy machine; `state` is what a probe would find."""

    state: str = "blank"
    gone: bool = False
    fails: bool = False
    made: list[str] = field(default_factory=list)

    def observe(self, _host: Host, change: Change) -> Observation:
        if self.fails:
            raise HostError("cannot read the drive: EIO")
        return Observation(state=self.state, gone=self.gone)

    def perform(self, _host: Host, change: Change) -> None:
        self.made.append(change.key)
        self.state = change.after_state()


class DiskTunable:
    name = "disk"
    summary = "a toy drive"
    risk = Risk.DESTRUCTIVE
    needs = ()
    sources = ()
    Settings: Any = dict

    def __init__(self, drive: Drive) -> None:
        self.drive = drive

    def observe(self, host: HostReader, settings: Any, facts: HostFacts) -> str:
        return self.drive.state

    def plan(self, observed: str, settings: Any, facts: HostFacts) -> tuple[PlanItem, ...]:
        return (MKFS,) if observed == "blank" else ()

    def judge(self, observed: str, settings: Any, facts: HostFacts) -> Verdict:
        return Verdict(tunable=self.name)

    def supported(self, host: HostReader, facts: HostFacts) -> str:
        return ""


@pytest.fixture
def drive(monkeypatch: pytest.MonkeyPatch) -> Drive:
    toy = Drive()
    monkeypatch.setattr(changes, "observe", toy.observe)
    monkeypatch.setattr(changes, "perform", toy.perform)
    return toy


@pytest.fixture
def world(make_world: MakeWorld, drive: Drive) -> World:
    return make_world({"/etc/x": ""}, tunables=(DiskTunable(drive),))


DISK = profile_of(disk={})


def apply(world: World, step: Step | None = None) -> None:
    if step is None:
        world.apply(DISK, allow=[Risk.DESTRUCTIVE])
        return
    with pytest.raises(Crash):
        world.apply(DISK, allow=[Risk.DESTRUCTIVE], listener=crash_at(step))


def next_start(world: World) -> tuple[UndoStep, ...]:
    with open_session(world.host, world.state, command="next", clock=world.clock) as session:
        return recover(session).steps


def only_intent(world: World) -> Outcome:
    return next(iter(ledger_of(world).intents.values())).outcome


def test_cut_off_before_mkfs_nothing_happened(world: World, drive: Drive) -> None:
    apply(world, Step.INTENDED)
    assert next_start(world) == ()
    assert only_intent(world) is Outcome.VOID
    assert drive.made == []
    apply(world)
    assert drive.made == [MKFS.key]


@pytest.mark.parametrize("reboot", [False, True])
def test_cut_off_after_mkfs_it_is_made_and_told(world: World, drive: Drive, reboot: bool) -> None:
    apply(world, Step.PERFORMED)
    if reboot:
        world.reboot()
    assert [step.fate for step in next_start(world)] == [Fate.IRREVERSIBLE]
    assert only_intent(world) is Outcome.DONE
    assert next_start(world) == ()
    assert world.plan(DISK).items == ()
    assert drive.made == [MKFS.key]


def test_cut_off_within_mkfs_a_person_decides(world: World, drive: Drive) -> None:
    apply(world, Step.INTENDED)
    drive.state = "unknown NA-DISK-009"
    assert [step.fate for step in next_start(world)] == [Fate.UNKNOWN]
    result = roll_back(world)
    assert [step.fate for step in result.steps] == [Fate.UNKNOWN]
    assert result.exit_code is ExitCode.DIFFERS
    assert "--disown" in result.steps[0].detail
    assert roll_back(world, disown=True).exit_code is ExitCode.OK
    assert roll_back(world).steps == ()
    assert drive.made == []


@pytest.mark.parametrize("trouble", [{"gone": True}, {"fails": True}])
def test_a_drive_that_cannot_be_looked_at_is_left_unknown(world: World, drive: Drive, trouble: dict[str, bool]) -> None:
    apply(world, Step.INTENDED)
    drive.gone, drive.fails = trouble.get("gone", False), trouble.get("fails", False)
    assert [step.fate for step in next_start(world)] == [Fate.UNKNOWN]
    drive.gone = drive.fails = False
    assert [step.fate for step in roll_back(world).steps] == [Fate.UNKNOWN]


def test_a_rollback_tells_once_what_cannot_be_undone(world: World, drive: Drive) -> None:
    apply(world)
    first = roll_back(world)
    assert [(step.fate, step.current) for step in first.steps] == [(Fate.IRREVERSIBLE, "")]
    assert first.exit_code is ExitCode.OK
    assert roll_back(world).steps == ()
    assert drive.state == MADE
