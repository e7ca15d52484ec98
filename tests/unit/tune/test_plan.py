"""A plan is pure data: made in order, compared whole, saved and read back without a doubt."""

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.change import (
    Change,
    CoupledKnob,
    Deferred,
    DeviceIdentity,
    MakeFilesystem,
    MountState,
    PlanItem,
    Risk,
    SetMount,
    WriteConfig,
    WriteCoupled,
    WriteFile,
)
from nodeagent.model.errors import NodeagentError, RefusedError, UsageError
from nodeagent.model.need import Need, NeedKind
from nodeagent.model.network_change import SetVfCount, VfCount
from nodeagent.model.verdict import Verdict
from nodeagent.tune import plan as plan_module
from nodeagent.tune.action import Action, action_of, count
from nodeagent.tune.agreement import check_identity, differences
from nodeagent.tune.conflicts import find_conflicts, revealed_conflicts
from nodeagent.tune.gate import check_rights
from nodeagent.tune.plan import Plan, TunablePlan
from nodeagent.tune.plan_file import KIND, plan_from_document, plan_to_document, read_plan
from tests.unit.tune.conftest import MakeWorld
from tests.unit.tune.strategies import items
from tests.unit.tune.toys import KnobTunable, World, profile_of

A, B = "/proc/sys/a", "/proc/sys/b"


def knob(key: str = "a", *, path: str = A, before: str = "1", after: str = "10", **more: Any) -> WriteFile:
    return WriteFile(key=key, tunable="knobs", path=path, before=before, after=after, **more)


def plan_of(*steps: PlanItem) -> Plan:
    names = list(dict.fromkeys(step.tunable for step in steps))
    return Plan(
        machine_id="m",
        hostname="h",
        boot_id="b",
        profile="p",
        profile_digest="sha256:1",
        tunables=tuple(
            TunablePlan(tunable=name, items=tuple(s for s in steps if s.tunable == name), verdict=Verdict(tunable=name))
            for name in names
        ),
    )


def test_tunables_come_in_their_own_order_not_in_the_profiles(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(name="first"), KnobTunable(name="second")))
    plan = world.plan(profile_of(second={A: "10"}, first={B: "20"}))
    assert [tunable.tunable for tunable in plan.tunables] == ["first", "second"]


def test_only_restricts_a_plan(make_world: MakeWorld) -> None:
    world = make_world(tunables=(KnobTunable(name="first"), KnobTunable(name="second")))
    profile = profile_of(second={A: "10"}, first={B: "20"})
    plan = world.plan(profile, only=("second",))
    assert [item.tunable for item in plan.items] == ["second"]
    assert plan.digest != world.plan(profile).digest


@pytest.mark.parametrize(
    ("only", "message"),
    [("knob", "there is no tunable 'knob'; did you mean 'knobs'"), ("other", "profile toy does not set other")],
)
def test_only_names_what_there_is(make_world: MakeWorld, only: str, message: str) -> None:
    world = make_world(tunables=(KnobTunable(), KnobTunable(name="other")))
    with pytest.raises(UsageError, match=message):
        world.plan(profile_of(knobs={A: "10"}), only=(only,))


def test_an_error_of_a_tunable_keeps_its_kind_and_gets_its_name(make_world: MakeWorld) -> None:
    def refuse(_items: tuple[PlanItem, ...]) -> tuple[PlanItem, ...]:
        raise RefusedError("the drive is in use", remedy="look")

    world = make_world(tunables=(KnobTunable(cheats=refuse),))
    with pytest.raises(RefusedError, match="knobs: the drive is in use"):
        world.plan(profile_of(knobs={A: "10"}))


def test_the_digest_is_about_steps_not_about_words(world: World) -> None:
    plan = plan_of(knob(why="because", source="here"))
    assert plan.digest == plan_of(knob(why="for another reason")).digest
    assert replace(plan, created_at=5.0).digest == plan.digest
    others = [
        plan_of(knob(after="11")),
        plan_of(knob(risk=Risk.REBOOT)),
        replace(plan, boot_id="x"),
        replace(plan, machine_id="x"),
        replace(plan, profile_digest="x"),
        plan_of(knob(), knob("b", path=B)),
    ]
    assert len({plan.digest, *(other.digest for other in others)}) == len(others) + 1


def test_planning_opens_nothing_and_starts_nothing() -> None:
    """The layers forbid it for tunables; this is for the planner itself."""
    forbidden = {"os", "subprocess", "socket", "pathlib", "nodeagent.host", "sqlite3", "time"}
    for name in ("plan", "conflicts", "agreement", "verify", "action", "gate", "document"):
        source = Path(plan_module.__file__).with_name(f"{name}.py").read_text()
        imported = {
            alias.name if isinstance(node, ast.Import) else node.module
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not {module for module in imported if module and module.split(" ")[0] in forbidden}, name


DEFERRED = Deferred(key="late", tunable="knobs", waits_for="a", summary="known later")


@pytest.mark.parametrize(
    ("planned", "now", "expected"),
    [
        ([knob()], [knob()], 0),
        ([knob(why="x")], [knob(why="y")], 0),
        ([DEFERRED], [DEFERRED], 0),
        ([DEFERRED], [knob("late")], 0),
        ([DEFERRED], [], 0),
        ([knob()], [], 1),
        ([], [knob()], 1),
        ([knob()], [knob(before="2")], 1),
        ([knob()], [knob(after="11")], 1),
        ([knob()], [knob(risk=Risk.REBOOT)], 1),
        ([knob("late")], [DEFERRED], 1),
        ([knob("a"), knob("b")], [knob("b"), knob("a")], 1),
        ([knob("a"), DEFERRED], [knob("a"), knob("late"), knob("more")], 1),
    ],
)
def test_only_what_was_announced_may_differ(planned: list[PlanItem], now: list[PlanItem], expected: int) -> None:
    assert len(differences(planned, now)) == expected


def test_a_plan_of_files_survives_a_reboot_and_one_of_knobs_does_not() -> None:
    file = WriteConfig(key="f", tunable="files", path="/etc/x", before=None, after="x")
    check_identity(plan_of(file), machine_id="m", boot_id="other", profile_digest="sha256:1")
    for step in (knob(), DEFERRED):
        with pytest.raises(RefusedError, match="started again"):
            check_identity(plan_of(file, step), machine_id="m", boot_id="other", profile_digest="sha256:1")


DRIVE = DeviceIdentity(serial="S1", size_bytes=1, name="sda")
BYTES, RATIO = "/proc/sys/vm/dirty_bytes", "/proc/sys/vm/dirty_ratio"


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([knob(), knob()], "set twice"),
        ([knob(), knob("b")], "both set /proc/sys/a"),
        ([knob(path=BYTES)], f"would change {RATIO} too"),
        ([DEFERRED], "waits for a, which no earlier step sets"),
        ([DEFERRED, knob()], "waits for a"),
        (
            [
                MakeFilesystem(key=key, tunable="fs", device=DRIVE, fstype="ext4", label="l", uuid=key)
                for key in ("one", "two")
            ],
            "both set drive S1",
        ),
        (
            [
                SetMount(
                    key=key,
                    tunable="fs",
                    target="/mnt",
                    before=None,
                    after=MountState(source="UUID=1", fstype="ext4", options=frozenset()),
                )
                for key in ("one", "two")
            ],
            "both set mount point /mnt",
        ),
    ],
)
def test_steps_that_work_against_each_other_are_found(steps: list[PlanItem], reason: str) -> None:
    assert reason in find_conflicts(steps)[0].reason


def test_steps_that_go_together_are_no_conflict() -> None:
    assert find_conflicts([knob(), knob("b", path=B), DEFERRED]) == ()


def test_what_was_made_in_two_steps_is_no_conflict_of_what_is_revealed_later() -> None:
    """A tunable that was deferred came to grief over the two steps of sriov that name one card."""
    made = [_vf_count("vfs", VfCount(vfs=4, autoprobe=False)), _vf_count("autoprobe", VfCount(vfs=4, autoprobe=True))]
    assert find_conflicts(made) != ()
    assert revealed_conflicts(made, [knob()]) == ()
    assert revealed_conflicts(made, [_vf_count("again", VfCount(vfs=2))])[0].keys == ("vfs", "again")
    assert revealed_conflicts([knob()], [knob("b")])[0].keys == ("a", "b")


def _vf_count(key: str, after: VfCount) -> SetVfCount:
    return SetVfCount(key=key, tunable="sriov", address="0000:01:00.0", before=VfCount(vfs=0), after=after)


def test_a_group_may_write_one_knob_on_both_ways() -> None:
    """A queue's scheduler is set first on the way there and first on the way back."""
    there = CoupledKnob(path="/sys/block/x/queue/scheduler", before="none", after="kyber")
    members = (replace(there, back=False), replace(there, forward=False))
    group = WriteCoupled(key="queue", tunable="block-queue", members=members)
    assert find_conflicts([group]) == ()


def test_second_threads_are_not_switched_under_the_policies_of_their_cpus() -> None:
    switch = knob("smt:control", path="/sys/devices/system/cpu/smt/control")
    policies = [
        knob(f"p{number}", path=f"/sys/devices/system/cpu/cpufreq/policy{number}/scaling_governor") for number in (0, 1)
    ]
    (conflict,) = find_conflicts([switch, *policies])
    assert conflict.keys == ("smt:control", "p0", "p1")
    assert "p0 and 1 more would not be the planned steps" in conflict.reason
    assert "--only knobs" in conflict.reason
    assert find_conflicts([switch]) == find_conflicts(policies) == ()
    assert find_conflicts([switch, knob("b", path="/sys/devices/system/cpu/cpufreq/boost")]) == ()


def test_root_is_asked_for_by_those_who_need_it() -> None:
    need = Need(kind=NeedKind.ROOT, name="root", reason="writes below /proc/sys")
    tunables = [KnobTunable(needs=(need,))]
    check_rights(plan_of(knob()), tunables, is_root=True)
    check_rights(plan_of(), tunables, is_root=False)
    with pytest.raises(RefusedError, match=r"only root may apply this: knobs \(writes below /proc/sys\)"):
        check_rights(plan_of(knob()), tunables, is_root=False)


def test_steps_are_counted_as_a_person_would() -> None:
    file = WriteConfig(key="f", tunable="t", path="/etc/x", before=None, after="x")
    steps: list[PlanItem] = [
        knob(),
        knob(risk=Risk.LINK_FLAP),
        knob(risk=Risk.REBOOT),
        file,
        file.inverse(),
        replace(file, before="y"),
        DEFERRED,
    ]
    actions = [action_of(step) for step in steps]
    assert actions == [
        Action.CHANGE,
        Action.REPLACE,
        Action.REBOOT,
        Action.CREATE,
        Action.REMOVE,
        Action.CHANGE,
        Action.DEFERRED,
    ]
    assert count(steps) == {Action.CHANGE: 4, Action.CREATE: 1, Action.REMOVE: 1, Action.DEFERRED: 1}


def _saved(plan: Plan) -> dict[str, Any]:
    from nodeagent.cli.output import plain

    text = json.dumps(plain({"schema_version": 1, "kind": KIND, **plan_to_document(plan, reference="p")}))
    document: dict[str, Any] = json.loads(text)
    return document


@given(st.lists(items, max_size=4))
def test_a_plan_survives_its_file(steps: list[PlanItem]) -> None:
    plan = plan_of(*steps)
    back, reference = plan_from_document(_saved(plan))
    assert back == plan
    assert reference == "p"


def _write(path: Path, document: object) -> Path:
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def _edited(change: dict[str, Any]) -> dict[str, Any]:
    document = _saved(plan_of(knob()))
    document["tunables"][0]["steps"][0]["change"].update(change)
    return document


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        '{"kind": "tune.plan", "kind": "tune.plan"}',
        '{"kind": "tune.plan", "plan_version": NaN}',
        {},
        {"kind": "tune.apply"},
        {"kind": KIND},
        {**_saved(plan_of(knob())), "plan_version": 99},
        {**_saved(plan_of(knob())), "digest": "0"},
        {**_saved(plan_of(knob())), "tunables": None},
        {**_saved(plan_of(knob())), "host": []},
        {**_saved(plan_of(knob())), "only": [1]},
        _edited({"after": "666"}),
        _edited({"path": "/proc/sys/kernel/panic"}),
        _edited({"tunable": "other"}),
        _edited({"extra": 1}),
        _edited({"kind": "write-anything"}),
    ],
)
def test_what_is_no_plan_of_ours_is_refused(tmp_path: Path, document: object) -> None:
    with pytest.raises(RefusedError, match=r"is no plan that this nodeagent made") as caught:
        read_plan(_write(tmp_path / "x.plan", document))
    assert caught.value.remedy == "make a new one: nodeagent tune plan --out FILE"


def test_a_plan_that_is_not_there_or_not_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NodeagentError, match="No such file"):
        read_plan(tmp_path / "none")
    with pytest.raises(NodeagentError, match="Is a directory"):
        read_plan(tmp_path)
    with pytest.raises(RefusedError, match="not a plain file"):
        read_plan(Path("/dev/zero"))


def test_a_document_says_how_many_changes_there_are() -> None:
    document = _saved(plan_of(knob(), knob("b", path=B), DEFERRED))
    assert document["changes"] == 3
    assert document["summary"] == {"change": 2, "deferred": 1}
    assert document["tunables"][0]["steps"][0]["command"] == "echo 10 > /proc/sys/a"
    assert document["tunables"][0]["steps"][2]["command"] is None


def test_every_change_is_a_step_of_a_plan() -> None:
    plan = plan_of(knob(), DEFERRED)
    assert [type(step) for step in plan.changes] == [WriteFile]
    assert plan.deferred == (DEFERRED,)
    assert all(isinstance(step, Change | Deferred) for step in plan.items)
