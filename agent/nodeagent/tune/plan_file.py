"""A plan as a JSON document: what `tune plan --output json` prints, `--out` saves and `tune apply FILE` reads.

A saved plan will be written to a machine as root, so it is read strictly and its digest is computed anew: what was
edited, cut off or made by another version is refused.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nodeagent.model.errors import NodeagentError, RefusedError
from nodeagent.model.verdict import Verdict
from nodeagent.tune.action import action_of, count
from nodeagent.tune.disruption import risks_to_allow
from nodeagent.tune.document import item_from_document, item_to_document
from nodeagent.tune.plan import Plan, TunablePlan
from nodeagent.version import VERSION

KIND = "tune.plan"
PLAN_VERSION = 1

_LIMIT_BYTES = 64 * 1024 * 1024


def plan_to_document(plan: Plan, *, reference: str) -> dict[str, Any]:
    """`changes` is how many steps there are; `reference` is how the profile was named, to find it again."""
    counted = count(plan.items)
    return {
        "plan_version": PLAN_VERSION,
        "nodeagent_version": VERSION,
        "digest": plan.digest,
        "created_at": plan.created_at,
        "host": {"machine_id": plan.machine_id, "hostname": plan.hostname, "boot_id": plan.boot_id},
        "profile": {"name": plan.profile, "digest": plan.profile_digest, "reference": reference},
        "only": list(plan.only),
        "changes": len(plan.items),
        "summary": {action.value: number for action, number in sorted(counted.items()) if number},
        "needs_allow": list(risks_to_allow(plan.items)),
        "conflicts": [asdict(conflict) for conflict in plan.conflicts],
        "tunables": [_tunable_to_document(tunable) for tunable in plan.tunables],
    }


def plan_from_document(document: Mapping[str, Any]) -> tuple[Plan, str]:
    """The plan and the reference to its profile; ValueError, KeyError or TypeError for anything else."""
    if document["plan_version"] != PLAN_VERSION:
        raise ValueError(f"plan version {document['plan_version']!r}, this nodeagent reads {PLAN_VERSION}")
    plan = Plan(
        machine_id=_text(document["host"]["machine_id"]),
        hostname=_text(document["host"]["hostname"]),
        boot_id=_text(document["host"]["boot_id"]),
        profile=_text(document["profile"]["name"]),
        profile_digest=_text(document["profile"]["digest"]),
        only=tuple(_text(name) for name in document["only"]),
        created_at=float(document["created_at"]),
        tunables=tuple(_tunable_from_document(tunable) for tunable in document["tunables"]),
    )
    if plan.digest != document["digest"]:
        raise ValueError("its digest does not fit its content: it was changed after it was made")
    return plan, _text(document["profile"]["reference"])


def read_plan(path: Path) -> tuple[Plan, str]:
    """Read a saved plan; RefusedError where it is none, NodeagentError where the file can't be read."""
    try:
        with path.open("rb") as file:
            if not os.path.isfile(file.fileno()):  # noqa: PTH113 - of what was opened, not of the name
                raise RefusedError(f"{path} is not a plain file", remedy="nodeagent tune plan --out FILE")
            content = file.read(_LIMIT_BYTES + 1)
    except OSError as error:
        raise NodeagentError(
            f"cannot read the plan {path}: {error.strerror}", remedy="make one: nodeagent tune plan --out FILE"
        ) from error
    try:
        if len(content) > _LIMIT_BYTES:
            raise ValueError(f"it has more than {_LIMIT_BYTES} bytes")
        document = json.loads(content, parse_constant=_no_constant, object_pairs_hook=_no_twins)
        if not isinstance(document, dict) or document.get("kind") != KIND:
            raise ValueError(f"wanted an object of kind {KIND!r}")
        return plan_from_document(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RefusedError(
            f"{path} is no plan that this nodeagent made: {reason[:300]}",
            remedy="make a new one: nodeagent tune plan --out FILE",
        ) from error


def _tunable_to_document(tunable: TunablePlan) -> dict[str, Any]:
    return {
        "tunable": tunable.tunable,
        "steps": [
            {
                "action": action_of(item).value,
                "command": getattr(item, "command", lambda: None)(),
                "change": item_to_document(item),
            }
            for item in tunable.items
        ],
        "verdict": tunable.verdict,
    }


def _tunable_from_document(document: Mapping[str, Any]) -> TunablePlan:
    """What the machine was like is not taken from a file: it is looked at again."""
    name = _text(document["tunable"])
    items = tuple(item_from_document(step["change"]) for step in document["steps"])
    if any(item.tunable != name for item in items):
        raise ValueError(f"a step of {name} belongs to another tunable")
    return TunablePlan(tunable=name, items=items, verdict=Verdict(tunable=name))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"wanted a text, got {type(value).__name__}")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return document
