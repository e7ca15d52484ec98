"""Plan JSON: real ones are read, anything else is refused with its place, and none crashes the review."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.plan import Change, Fate, parse_plan
from tests.unit.readiness.plans import (
    FIXTURES,
    Json,
    cloud_config,
    document,
    errors,
    instance,
    resource,
    reviewed,
    server,
)

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=12), inside, max_size=4),
    max_leaves=12,
)
_TYPES = (
    "cherryservers_server",
    "aws_instance",
    "aws_security_group",
    "aws_security_group_rule",
    "aws_subnet",
    "aws_s3_bucket_public_access_block",
    "aws_something",
)
_GOOD = server("a") | instance("b") | {"ingress": [{"cidr_blocks": ["0.0.0.0/0"], "from_port": 22}]}
_attributes = st.dictionaries(
    st.sampled_from(sorted(_GOOD)) | st.text(max_size=8), _json | st.sampled_from(list(_GOOD.values())), max_size=8
).map(lambda wild: _GOOD | wild)
_resources = st.builds(
    lambda address, type_, actions, before, after, unknown: {
        "address": address,
        "type": type_,
        "change": {"actions": actions, "before": before, "after": after, "after_unknown": unknown},
    },
    st.text(max_size=12),
    st.sampled_from(_TYPES),
    st.lists(st.sampled_from(["create", "delete", "update", "no-op", "read", "forget", "odd"]), max_size=2),
    st.none() | _attributes,
    st.none() | _attributes,
    st.booleans() | st.dictionaries(st.sampled_from(sorted(_GOOD)), _json, max_size=4),
)


WANTED = {
    "create-production": ["NR-NET-008"],
    "nothing-to-do": [],
    "reinstall": ["NR-POLICY-003"] * 4,
    "replace-validator": ["NR-COST-001", "NR-POLICY-002"],
    "destroy": ["NR-NET-007"] * 2 + ["NR-POLICY-002"] * 4,
}
"""The errors of each plan in stage production, apart from prices and state, which are in order here."""


@pytest.mark.parametrize("name", sorted(WANTED))
def test_each_real_plan_is_judged_as_it_should_be(name: str) -> None:
    given = json.loads((FIXTURES / f"{name}.json").read_text())
    assert errors(reviewed(given)) == WANTED[name]


def test_every_fixture_is_judged() -> None:
    assert sorted(path.stem for path in FIXTURES.glob("*.json")) == sorted(WANTED)


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*.json")), ids=lambda path: path.stem)
def test_every_plan_that_terraform_made_is_read(path: object) -> None:
    plan = parse_plan(FIXTURES.joinpath(str(path)).read_bytes(), where=str(path))
    assert plan.managed("cherryservers_server")
    assert plan.configuration.provider_config["cherryservers"].version_constraint == "1.5.3"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "document: Invalid JSON"),
        ("[]", "document: "),
        ("{}", "format_version: Field required"),
        ('{"format_version": "2.0"}', "plan format 2.0"),
        ('{"format_version": "1.2", "resource_changes": [{"address": 1}]}', "resource_changes.0.address"),
        ('{"format_version": "1.2", "resource_changes": 7}', "resource_changes"),
        ("[" * 100_000, "document: Invalid JSON"),
        ("\udc80".encode(errors="surrogateescape").decode("latin-1"), "Invalid JSON"),
    ],
)
def test_what_is_no_plan_is_refused_with_its_place(text: str, wanted: str) -> None:
    with pytest.raises(NodeagentError) as caught:
        parse_plan(text, where="some.json")
    assert wanted in caught.value.message
    assert "some.json" in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("actions", "fate"),
    [
        (["create"], Fate.CREATE),
        (["update"], Fate.UPDATE),
        (["delete", "create"], Fate.REPLACE),
        (["create", "delete"], Fate.REPLACE),
        (["delete"], Fate.DELETE),
        (["forget"], Fate.FORGET),
        (["no-op"], Fate.KEEP),
        (["read"], Fate.KEEP),
        ([], Fate.KEEP),
    ],
)
def test_actions_have_a_fate(actions: list[str], fate: Fate) -> None:
    assert Change(actions=tuple(actions)).fate is fate


@given(_json)
def test_no_json_crashes_the_reader(value: object) -> None:
    text = json.dumps(value)
    with contextlib.suppress(NodeagentError):
        assert parse_plan(text, where="plan.json").format_version


@given(st.lists(_resources, max_size=4), st.sampled_from(["local", "vm", "staging", "production"]))
def test_no_plan_crashes_the_review(resources: list[Json], stage: str) -> None:
    review = reviewed(document(resources), stage)
    for finding in review.findings:
        assert finding.message
        assert finding.remedy
        assert f"{finding.address}{finding.message}{finding.remedy}".isprintable()


@given(st.text(max_size=200))
def test_no_user_data_crashes_the_review(text: str) -> None:
    plans = [resource("a", after=server("a", user_data=written)) for written in (text, cloud_config(text, more=text))]
    assert reviewed(document(plans)).findings
