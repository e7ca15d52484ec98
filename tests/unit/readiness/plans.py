"""Terraform plans for the tests of the review: small ones made here, shaped like the real ones in fixtures/plans."""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from nodeagent.readiness.review.cost import Rates, Tariff
from nodeagent.readiness.review.finding import Finding, Severity
from nodeagent.readiness.review.plan import parse_plan
from nodeagent.readiness.review.prices import AWS_FILE, CHERRY_FILE, PriceList, parse_aws_prices, parse_prices
from nodeagent.readiness.review.review import Question, Review, review
from nodeagent.readiness.review.stage import stage_of
from nodeagent.readiness.review.workspace import Backend, Workspace

FIXTURES = Path(__file__).parents[2] / "fixtures" / "plans"
TODAY = date(2026, 11, 25)
LOCKED = Workspace(initialised=True, backend=Backend(type="s3", config={"use_lockfile": True, "encrypt": True}))
PROFILE = """\
schema: 1
tune:
  firewall: {}
  nic-mtu: [{name: private, mtu: 9000}]
"""
Json = dict[str, Any]


def wrapped(text: str) -> str:
    """As user data of Cherry Servers has to be."""
    return base64.b64encode(text.encode()).decode()


def cloud_config(profile: str = PROFILE, more: str = "") -> str:
    """User data that writes a profile, with `more` lines after it."""
    file = f"  - {{path: /etc/nodeagent/profiles/node.yaml, encoding: b64, content: {wrapped(profile)}}}\n"
    return wrapped(f"#cloud-config\nwrite_files:\n{file}{more}")


def tags(role: str, **more: str) -> dict[str, str]:
    return {
        "deployment": "sol-3f2a9c1e",
        "environment": "production",
        "project": "solana",
        "owner": "infra",
        "cost_center": "4711",
        "role": role,
    } | more


def server(name: str, role: str = "control-plane", **attributes: object) -> Json:
    """Attributes of a Cherry server that no rule has anything to say about."""
    return {
        "plan": "amd-epyc-9454p" if role == "validator" else "amd-epyc-7302p",
        "region": "LT-Siauliai",
        "image": "debian_12_64bit",
        "hostname": name,
        "ssh_key_ids": ["1"],
        "tags": tags(role),
        "cycle": "monthly",
        "spot_instance": False,
        "allow_reinstall": False,
        "user_data": cloud_config(),
        "ip_addresses": [],
    } | attributes


def instance(name: str, role: str = "validator", **attributes: object) -> Json:
    """Attributes of an AWS instance that no rule has anything to say about."""
    return {
        "ami": "ami-0123456789abcdef0",
        "instance_type": "m6a.24xlarge",
        "instance_initiated_shutdown_behavior": "terminate",
        "availability_zone": "us-east-1a",
        "tags": tags(role, Name=name),
    } | attributes


def resource(
    address: str,
    *,
    actions: Sequence[str] = ("create",),
    before: Json | None = None,
    after: Json | None = None,
    type_: str = "cherryservers_server",
    unknown: Mapping[str, object] | None = None,
) -> Json:
    """One entry of `resource_changes`."""
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": dict(unknown or {})}
    return {"address": address, "mode": "managed", "type": type_, "name": "this", "change": change}


def standing(name: str, role: str = "control-plane", **attributes: object) -> Json:
    """A server that is there already and stays as it is."""
    values = server(name, role, **attributes)
    return resource(name, actions=["no-op"], before=values, after=values)


CONTROL_PLANE = [standing(f"cp-{number}") for number in (1, 2, 3)]
CLUSTER = [*CONTROL_PLANE, resource("val-1", after=server("val-1", "validator"))]
"""What production buys last: a validator for a control plane that stands."""

PINNED = {
    "provider_config": {
        "cherryservers": {
            "name": "cherryservers",
            "full_name": "registry.terraform.io/cherryservers/cherryservers",
            "version_constraint": "1.5.3",
        }
    }
}


def document(resources: Sequence[Json] = CLUSTER, **keys: object) -> Json:
    """A whole plan."""
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "timestamp": "2026-11-25T00:00:00Z",
        "resource_changes": list(resources),
        "configuration": PINNED,
    } | keys


def quoted() -> PriceList:
    """The shipped prices as if each had been quoted."""
    rows = json.loads(CHERRY_FILE.read_text())
    for row in rows["plans"]:
        del row["provenance"]
    return parse_prices(json.dumps(rows), name="quoted.json")


def tariff(cherry: PriceList | None = None, *, with_vat: bool = False) -> Tariff:
    return Tariff(
        cherry=cherry or quoted(),
        aws=parse_aws_prices(AWS_FILE.read_text(), name=AWS_FILE.name),
        rates=Rates(usd_per_eur=Decimal("1.08"), vat_percent=Decimal(21), with_vat=with_vat),
    )


def reviewed(given: Json, stage: str = "production", **asked: Any) -> Review:
    """The review of a plan with everything in order but what `given` and `asked` say."""
    question: dict[str, Any] = {
        "plan": parse_plan(json.dumps(given), where="plan.json"),
        "stage": stage_of(stage),
        "tariff": tariff(),
        "today": TODAY,
        "workspace": LOCKED,
        "parallelism": 1,
    } | asked
    return review(Question(**question))


def told(review_: Review, id_: str) -> list[Finding]:
    return [finding for finding in review_.findings if finding.id == id_]


def errors(review_: Review) -> list[str]:
    return [finding.id for finding in review_.counting(Severity.ERROR)]
