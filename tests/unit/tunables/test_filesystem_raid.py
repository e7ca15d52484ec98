"""A plan for an array stays the plan while it is carried out: what becomes known on the way was announced."""

import json
from pathlib import Path

import pytest

from nodeagent.model.array_change import MakeArray
from nodeagent.model.change import MakeFilesystem, PlanItem, Risk, SetMount
from nodeagent.tune.agreement import differences
from tests.plans import cases

_CASES = cases.FOLDER / "filesystem"
BLANK = "raid0_of_two_blank_drives_is_made_in_the_order_of_their_serials"
MADE = "raid0_that_runs_and_is_blank_gets_its_filesystem_with_the_planned_uuid"
STOPPED = "raid0_that_is_stopped_is_started_and_the_rest_is_known_then"
WITH_OURS = "raid0_with_our_filesystem_is_only_mounted"


def planned(sentence: str, directory: Path, *, persist: str = "") -> tuple[PlanItem, ...]:
    document = json.loads((_CASES / f"{sentence}.json").read_text())
    document["settings"] += f"\n  persist: {persist}" if persist else ""
    directory.mkdir()
    return cases.run(document, cases.TUNABLES_BY_NAME["filesystem"], directory).items


@pytest.mark.parametrize("persist", ["", "fstab"])
@pytest.mark.parametrize(("before", "after"), [(BLANK, MADE), (STOPPED, MADE), (STOPPED, WITH_OURS)])
def test_what_is_left_of_the_plan_is_planned_again_once_the_array_runs(
    before: str, after: str, persist: str, tmp_path: Path
) -> None:
    items = planned(before, tmp_path / "before", persist=persist)
    rest = [item for item in items if not isinstance(item, MakeArray)]
    assert len(rest) == len(items) - 1
    assert differences(rest, planned(after, tmp_path / "after", persist=persist)) == ()


def test_the_filesystem_and_its_mount_are_known_before_the_array_is_there(tmp_path: Path) -> None:
    items = planned(BLANK, tmp_path / "case")
    made = next(item for item in items if isinstance(item, MakeArray))
    filesystem = next(item for item in items if isinstance(item, MakeFilesystem))
    mount = next(item for item in items if isinstance(item, SetMount))
    assert made.uuid.replace("-", "") == filesystem.device.wwn.removeprefix("md-uuid-").replace(":", "")
    assert mount.after is not None
    assert mount.after.source == f"UUID={filesystem.uuid}"
    assert made.risk is filesystem.risk is Risk.DESTRUCTIVE
    assert items.index(made) < items.index(filesystem) < items.index(mount)


def test_starting_a_stopped_array_needs_no_leave_to_destroy_but_a_filesystem_on_it_does(tmp_path: Path) -> None:
    risks = {item.key.rpartition(":")[2]: item.risk for item in planned(STOPPED, tmp_path / "case")}
    assert (risks["array"], risks["make"], risks["mount"]) == (Risk.LIVE, Risk.DESTRUCTIVE, Risk.LIVE)
