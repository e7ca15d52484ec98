"""Each rule finds what it is there for, and nothing where all is in order."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from nodeagent.readiness.review.finding import Severity
from nodeagent.readiness.review.review import Decision
from nodeagent.readiness.review.rules import RULES
from nodeagent.readiness.review.workspace import Backend, Workspace
from tests.unit.readiness.plans import (
    CLUSTER,
    CONTROL_PLANE,
    LOCKED,
    PINNED,
    Json,
    cloud_config,
    document,
    errors,
    instance,
    resource,
    reviewed,
    server,
    standing,
    tags,
    tariff,
    told,
    wrapped,
)

DOCS = Path(__file__).parents[3] / "docs" / "findings"
VALIDATOR = server("val-1", "validator")


def _change(actions: Sequence[str], before: Json | None, after: Json | None, **more: Any) -> list[Json]:
    return [*CONTROL_PLANE, resource("val-1", actions=actions, before=before, after=after, **more)]


def _created(**attributes: object) -> list[Json]:
    return _change(["create"], None, server("val-1", "validator", **attributes))


def _module(source: str, version: str = "") -> Json:
    call = {"source": source, "version_constraint": version, "module": {}}
    return PINNED | {"root_module": {"module_calls": {"node": call}}}


def _group(**rule: object) -> list[Json]:
    return [*CLUSTER, resource("sg", type_="aws_security_group", after={"ingress": [rule]})]


def _check(status: str) -> list[Json]:
    place = {"to_display": "check.private_network", "kind": "check"}
    problem = [{"message": "no private address"}] if status == "fail" else []
    return [
        {"address": place, "status": status, "instances": [{"address": place, "status": status, "problems": problem}]}
    ]


def _secret(line: str) -> list[Json]:
    return _created(user_data=cloud_config(more=f"  - {{path: /a, encoding: b64, content: {wrapped(line)}}}\n"))


S3 = LOCKED.backend
assert S3 is not None

FOUND: list[tuple[str, str, Severity, list[Json], dict[str, Any]]] = [
    ("NR-PLAN-001", "stopped with an error", Severity.ERROR, CLUSTER, {"errored": True}),
    ("NR-PLAN-001", "partial", Severity.ERROR, CLUSTER, {"complete": False}),
    ("NR-PLAN-002", "no private address", Severity.ERROR, CLUSTER, {"checks": _check("fail")}),
    ("NR-PLAN-002", "doesn't hold", Severity.ERROR, CLUSTER, {"checks": _check("error")}),
    ("NR-COST-001", "57.41 more", Severity.ERROR, [*CLUSTER, standing("cp-4")], {}),
    ("NR-COST-002", "huge: not in the price list", Severity.ERROR, _created(plan="huge"), {}),
    ("NR-COST-002", "no annually price", Severity.ERROR, _created(plan="amd-ryzen-9950x", cycle="annually"), {}),
    ("NR-COST-002", "aws_nat_gateway", Severity.ERROR, [resource("n", type_="aws_nat_gateway", after={})], {}),
    ("NR-COST-005", "1,037.53 EUR more", Severity.WARNING, _created(cycle=None), {}),
    (
        "NR-NET-001",
        "everybody may connect to port 22",
        Severity.ERROR,
        _group(cidr_blocks=["0.0.0.0/0"], from_port=22, to_port=22),
        {},
    ),
    (
        "NR-NET-001",
        "every port",
        Severity.ERROR,
        _group(ipv6_cidr_blocks=["::/0"], from_port=0, to_port=0, protocol="-1"),
        {},
    ),
    ("NR-NET-001", "nothing in its user data sets up a firewall", Severity.ERROR, _created(user_data=None), {}),
    ("NR-NET-001", "firewall", Severity.ERROR, _created(user_data=cloud_config("tune: {sysctl: {}}")), {}),
    (
        "NR-NET-001",
        "block_public_acls is false",
        Severity.ERROR,
        [*CLUSTER, resource("b", type_="aws_s3_bucket_public_access_block", after={"block_public_acls": False})],
        {},
    ),
    ("NR-NET-002", "2 regions", Severity.ERROR, _created(region="DE-Frankfurt"), {}),
    (
        "NR-NET-002",
        "2 private networks",
        Severity.ERROR,
        [
            standing("cp-1", ip_addresses=[{"type": "private-ip", "address": "10.1.1.5", "cidr": "10.1.1.0/24"}]),
            standing("cp-2", ip_addresses=[{"type": "private-ip", "address": "10.1.2.5", "cidr": "10.1.2.0/24"}]),
        ],
        {},
    ),
    ("NR-NET-003", "EU-East-1 is today's LT-Siauliai", Severity.ERROR, _created(region="EU-East-1"), {}),
    ("NR-NET-004", "2 machines are named cp-1", Severity.ERROR, _created(hostname="CP-1"), {}),
    ("NR-NET-004", "no hostname", Severity.WARNING, _created(hostname=None), {}),
    (
        "NR-NET-005",
        "10.1.1.5 is also the address of cp-1",
        Severity.ERROR,
        [
            standing("cp-1", ip_addresses=[{"type": "private-ip", "address": "10.1.1.5", "cidr": "10.1.1.0/24"}]),
            standing("cp-2", ip_addresses=[{"type": "private-ip", "address": "10.1.1.5", "cidr": "10.1.1.0/24"}]),
        ],
        {},
    ),
    (
        "NR-NET-005",
        "10.0.1.0/25 overlaps with 10.0.1.0/24",
        Severity.ERROR,
        [
            resource("one", type_="aws_subnet", after={"cidr_block": "10.0.1.0/24"}),
            resource("two", type_="aws_subnet", after={"cidr_block": "10.0.1.0/25"}),
        ],
        {},
    ),
    (
        "NR-NET-006",
        "different MTUs: 1500, 9000",
        Severity.ERROR,
        _created(user_data=cloud_config("tune: {firewall: {}, nic-mtu: [{mtu: {value: 1500}}]}")),
        {},
    ),
    (
        "NR-NET-006",
        "MTU 90000",
        Severity.ERROR,
        _created(user_data=cloud_config("tune: {firewall: {}, nic-mtu: [{mtu: 90000}]}")),
        {},
    ),
    ("NR-NET-007", "2 machines of role control-plane, wanted 3", Severity.ERROR, CLUSTER[1:], {}),
    ("NR-NET-007", "0 machines of role validator, wanted 1", Severity.ERROR, CONTROL_PLANE, {}),
    (
        "NR-NET-008",
        "created together with 1",
        Severity.ERROR,
        [*CLUSTER[1:], resource("cp-1", after=server("cp-1"))],
        {},
    ),
    ("NR-POLICY-001", "owner, role", Severity.ERROR, _created(tags=tags("", owner=" ")), {}),
    ("NR-POLICY-001", "its role is 'boss'", Severity.ERROR, _created(tags=tags("boss")), {}),
    ("NR-POLICY-002", "is deleted: its drives are lost", Severity.ERROR, _change(["delete"], VALIDATOR, None), {}),
    ("NR-POLICY-002", "deleted and made anew", Severity.ERROR, _change(["delete", "create"], VALIDATOR, VALIDATOR), {}),
    ("NR-POLICY-002", "forgotten, and billed", Severity.ERROR, _change(["forget"], VALIDATOR, None), {}),
    (
        "NR-POLICY-003",
        "user_data changes: the apply stops",
        Severity.ERROR,
        _change(["update"], VALIDATOR, VALIDATOR | {"user_data": cloud_config(more="# two\n")}),
        {},
    ),
    (
        "NR-POLICY-003",
        "image changes: the server is reinstalled",
        Severity.ERROR,
        _change(["update"], VALIDATOR, VALIDATOR | {"image": "debian_13_64bit", "allow_reinstall": True}),
        {},
    ),
    (
        "NR-POLICY-003",
        "ssh_key_ids changes",
        Severity.ERROR,
        _change(["update"], VALIDATOR, VALIDATOR | {"ssh_key_ids": None}, unknown={"ssh_key_ids": True}),
        {},
    ),
    ("NR-POLICY-003", "allow_reinstall is true", Severity.ERROR, _created(allow_reinstall=True), {}),
    ("NR-POLICY-004", "no image is named", Severity.ERROR, _created(image=None), {}),
    ("NR-POLICY-004", "carries no version", Severity.ERROR, _created(image="debian"), {}),
    (
        "NR-POLICY-005",
        "no version is asked for",
        Severity.ERROR,
        CLUSTER,
        {"configuration": {"provider_config": {"c": {"full_name": "registry.terraform.io/a/c"}}}},
    ),
    (
        "NR-POLICY-005",
        "version '>= 1.0'",
        Severity.ERROR,
        CLUSTER,
        {
            "configuration": {
                "provider_config": {"c": {"full_name": "registry.terraform.io/a/c", "version_constraint": ">= 1.0"}}
            }
        },
    ),
    (
        "NR-POLICY-005",
        "names no version",
        Severity.ERROR,
        CLUSTER,
        {"configuration": _module("git::https://example.org/node.git")},
    ),
    ("NR-POLICY-005", "names no version", Severity.ERROR, CLUSTER, {"configuration": _module("acme/node/cherry")}),
    (
        "NR-POLICY-006",
        "line 1 of /a in its user data holds a private key",
        Severity.ERROR,
        _secret("-----BEGIN OPENSSH PRIVATE KEY-----"),
        {},
    ),
    ("NR-POLICY-006", "a Solana keypair", Severity.ERROR, _secret(str([7] * 64)), {}),
    ("NR-POLICY-006", "an AWS access key", Severity.ERROR, _secret("export A=AKIAIOSFODNN7EXAMPLE"), {}),
    ("NR-POLICY-006", "a password or token", Severity.ERROR, _secret("CHERRY_AUTH_TOKEN=eyJ0aGlzIjoi"), {}),
    ("NR-POLICY-006", "a password hash", Severity.ERROR, _secret("x: $6$rounds=4096$salt$hash0123456789"), {}),
    ("NR-POLICY-006", "a password in an address", Severity.ERROR, _secret("url: https://me:hunter2@example.org/"), {}),
    (
        "NR-POLICY-008",
        "4 servers at once; their 24 calls take at least 6 s",
        Severity.WARNING,
        [resource(f"cp-{n}", after=server(f"cp-{n}")) for n in range(4)],
        {},
    ),
    ("NR-POLICY-009", "spot machine", Severity.ERROR, _created(spot_instance=True), {}),
]


def _case(case: tuple[str, str, Severity, list[Json], dict[str, Any]]) -> str:
    return f"{case[0]} {case[1]}"


@pytest.mark.parametrize("case", FOUND, ids=_case)
def test_a_rule_finds_it(case: tuple[str, str, Severity, list[Json], dict[str, Any]]) -> None:
    id_, wanted, severity, resources, keys = case
    found = told(reviewed(document(resources, **keys), parallelism=None), id_)
    assert [finding.severity for finding in found if wanted in finding.message][:1] == [severity], found


def test_a_plan_in_order_is_go_and_silent() -> None:
    review = reviewed(document())
    assert review.findings == ()
    assert review.decision is Decision.GO


@pytest.mark.parametrize(
    ("workspace", "wanted"),
    [
        (Workspace(), "isn't known"),
        (Workspace(initialised=True), "a file on this machine"),
        (Workspace(initialised=True, backend=Backend(type="local")), "a file on this machine"),
        (Workspace(initialised=True, backend=Backend(type="s3", config={"encrypt": True})), "has no lock"),
        (Workspace(initialised=True, backend=Backend(type="http")), "has no lock"),
        (Workspace(initialised=True, backend=Backend(type="s3", config={"use_lockfile": True})), "encrypted"),
    ],
)
def test_a_state_that_is_not_safe_is_found(workspace: Workspace, wanted: str) -> None:
    found = told(reviewed(document(), workspace=workspace), "NR-POLICY-007")
    assert wanted in found[0].message
    assert told(reviewed(document(), "local", workspace=workspace), "NR-POLICY-007")


@pytest.mark.parametrize("kind", ["remote", "gcs", "consul"])
def test_a_backend_that_locks_by_itself_is_fine(kind: str) -> None:
    workspace = Workspace(initialised=True, backend=Backend(type=kind))
    assert told(reviewed(document(), workspace=workspace), "NR-POLICY-007") == []


def test_an_old_or_undated_price_list_is_told() -> None:
    assert "99 days old" in told(reviewed(document(), today=date(2027, 3, 2)), "NR-COST-004")[0].message
    assert told(reviewed(document()), "NR-COST-004") == []


def test_made_up_prices_keep_production_from_go_and_are_a_note_elsewhere() -> None:
    from nodeagent.readiness.review.prices import CHERRY_FILE, parse_prices

    shipped = tariff(parse_prices(CHERRY_FILE.read_text(), name="shipped.json"))
    assert errors(reviewed(document(), tariff=shipped)) == ["NR-COST-003"]
    assert reviewed(document(), "vm", tariff=shipped).decision is Decision.GO


def test_the_lock_file_pins_a_provider() -> None:
    open_ended = {"provider_config": {"c": {"full_name": "registry.terraform.io/a/c", "version_constraint": ">= 1"}}}
    locked = Workspace(
        initialised=True, backend=LOCKED.backend, locked_providers={"registry.terraform.io/a/c": "1.2.3"}
    )
    assert told(reviewed(document(configuration=open_ended), workspace=locked), "NR-POLICY-005") == []


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("./node", ""),
        ("../node", ""),
        ("git::https://example.org/node.git?ref=v1.2.0", ""),
        ("github.com/acme/node?ref=v1", ""),
        ("acme/node/cherry", "1.2.3"),
        ("acme/node/cherry", "~> 1.2.0"),
    ],
)
def test_a_pinned_module_is_fine(source: str, version: str) -> None:
    assert told(reviewed(document(configuration=_module(source, version))), "NR-POLICY-005") == []


@pytest.mark.parametrize(
    "line",
    [
        "lock_passwd: true",
        "ssh_pwauth: false",
        "password_file: /run/secrets/one",
        "token=${TOKEN_FROM_ELSEWHERE}",
        "echo 'no secret in here'",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGrehearsal operator",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ],
)
def test_what_only_looks_like_a_secret_is_none(line: str) -> None:
    assert told(reviewed(document(_secret(line))), "NR-POLICY-006") == []


def test_a_secret_is_never_repeated() -> None:
    review = reviewed(document(_secret("password: canary-4711-canary")))
    assert told(review, "NR-POLICY-006")
    assert "canary" not in repr(review)


def test_the_first_step_of_a_rollout_may_lack_its_validator() -> None:
    review = reviewed(document([resource(f"cp-{n}", after=server(f"cp-{n}")) for n in (1, 2, 3)]), parallelism=1)
    assert errors(review) == []
    assert told(review, "NR-NET-007")[0].severity is Severity.NOTE


def test_a_staging_machine_may_go_and_be_a_spot_machine() -> None:
    values = instance("val-1", instance_market_options=[{"market_type": "spot"}])
    for resources in (
        [resource("aws", type_="aws_instance", after=values)],
        [
            resource("aws", type_="aws_instance", actions=["delete", "create"], before=values, after=values),
        ],
    ):
        assert errors(reviewed(document(resources), "staging")) == []


def test_a_machine_of_a_test_run_must_end_by_itself() -> None:
    stays = [resource("a", type_="aws_instance", after=instance("a", instance_initiated_shutdown_behavior="stop"))]
    assert errors(reviewed(document(stays), "staging")) == ["NR-COST-006"]
    assert told(reviewed(document(stays), "production"), "NR-COST-006") == []


def test_tags_that_a_provider_adds_count() -> None:
    bare = instance("a") | {"tags": {"Name": "a"}, "tags_all": tags("validator", Name="a")}
    assert errors(reviewed(document([resource("a", type_="aws_instance", after=bare)]), "staging")) == []


def test_an_accepted_finding_is_shown_and_does_not_decide() -> None:
    given = document(_change(["delete"], VALIDATOR, None))
    assert "NR-POLICY-002" in errors(reviewed(given))
    accepted = reviewed(given, accepted=["NR-POLICY-002@val-1", "NR-NET-007"])
    assert accepted.decision is Decision.GO
    assert [finding.accepted for finding in told(accepted, "NR-POLICY-002")] == [True]
    assert reviewed(given, accepted=["NR-POLICY-002@other", "NR-NET-007"]).decision is Decision.NO_GO


def test_errors_come_first() -> None:
    review = reviewed(document(_created(spot_instance=True, cycle=None, hostname=None)))
    order = [Severity.ERROR, Severity.WARNING, Severity.NOTE]
    ranks = [order.index(finding.severity) for finding in review.findings]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) > 1


def test_every_rule_has_an_id_of_its_own_a_heading_in_the_docs_and_a_case() -> None:
    ids = [rule.id for rule in RULES]
    assert len(set(ids)) == len(ids) == len({rule.name for rule in RULES})
    pages = "\n".join(page.read_text() for page in DOCS.glob("NR-*.md"))
    headings = re.findall(r"^### (NR-[A-Z]+-\d{3}) ", pages, re.MULTILINE)
    assert sorted(headings) == sorted(ids)
    elsewhere = {"NR-COST-006", "NR-POLICY-007", "NR-COST-003", "NR-COST-004"}
    assert {case[0] for case in FOUND} | elsewhere == set(ids)
