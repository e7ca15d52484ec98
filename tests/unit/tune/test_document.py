"""Changes survive the way into a journal row and back, and nothing else is taken for one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.change import Change, PlanItem, WriteFile
from nodeagent.tune.document import change_from_document, change_to_document, item_from_document, item_to_document
from tests.unit.tune.strategies import changes, items

KNOB = WriteFile(key="k", tunable="t", path="/proc/sys/a", before="1", after="2")


@given(items)
def test_every_item_survives_json(item: PlanItem) -> None:
    written = json.dumps(item_to_document(item))
    assert written.isascii()
    assert item_from_document(json.loads(written)) == item


@given(changes)
def test_the_states_and_the_command_survive_too(change: Change) -> None:
    back = change_from_document(json.loads(json.dumps(change_to_document(change))))
    assert (back.before_state(), back.after_state()) == (change.before_state(), change.after_state())
    assert back.inverse() == change.inverse()


@given(changes, st.data())
def test_a_field_that_is_missing_extra_or_mistyped_is_refused(change: Change, data: st.DataObject) -> None:
    document = change_to_document(change)
    name = data.draw(st.sampled_from(sorted(document)))
    damage = data.draw(st.sampled_from(["missing", "extra", "mistyped"]))
    if damage == "missing":
        del document[name]
    elif damage == "extra":
        document["unheard_of"] = 1
    else:
        document[name] = 1.5
    with pytest.raises(ValueError, match=r"unknown fields|wanted|kind|not a valid"):
        change_from_document(document)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"kind": "format-disk"},
        {"kind": ["write-file"]},
        {**change_to_document(KNOB), "form": "hexadecimal"},
        {**change_to_document(KNOB), "before": True},
        {**change_to_document(KNOB), "kind": "deferred"},
        {"kind": "write-coupled", "key": "k", "tunable": "t", "risk": "live", "why": "", "source": "", "members": "x"},
        {"kind": "write-coupled", "key": "k", "tunable": "t", "risk": "live", "why": "", "source": "", "members": [1]},
        {
            "kind": "set-mount",
            "key": "k",
            "tunable": "t",
            "risk": "live",
            "why": "",
            "source": "",
            "target": "/m",
            "before": None,
            "after": {"source": "s", "fstype": "ext4", "options": ["ro", "ro"]},
        },
    ],
)
def test_what_is_no_change_is_a_value_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        item_from_document(wrong)


def test_a_list_is_no_change() -> None:
    with pytest.raises(ValueError, match="object"):
        change_from_document([])  # type: ignore[arg-type]
