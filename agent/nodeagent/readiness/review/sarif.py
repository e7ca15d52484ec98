"""The findings as SARIF 2.1.0, which code hosts show beside the lines of a change.

A house rule speaks of a resource, not of a line, so its place is the plan file with the resource's address as the
logical location; checkov's findings know file and line. Accepted findings are suppressed with that as the reason.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0.
"""

import json
from urllib.parse import quote

from nodeagent.readiness.review.finding import Finding, Severity
from nodeagent.readiness.review.review import Review
from nodeagent.readiness.review.rules import RULES
from nodeagent.version import VERSION

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def render(review: Review, *, plan_file: str) -> str:
    """One run with every house rule described; `plan_file` is the path under which the plan is shown."""
    foreign = {one.id: one for one in review.findings if one.id not in {rule.id for rule in RULES}}
    rules = [_house_rule(rule.id, rule.name, rule.summary, rule.weight(review.stage)) for rule in RULES]
    rules += [_house_rule(one.id, one.name, one.message, one.severity) for one in foreign.values()]
    places = {str(rule["id"]): number for number, rule in enumerate(rules)}
    run = {
        "tool": {"driver": {"name": "nodeagent", "semanticVersion": VERSION, "rules": rules}},
        "automationDetails": {"id": f"nodeagent-stage-review/{review.stage.name}"},
        "results": [_result(one, places[one.id], plan_file) for one in review.findings],
        "properties": {"decision": review.decision.value, "stage": review.stage.name},
    }
    document = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _house_rule(id_: str, name: str, summary: str, severity: Severity) -> dict[str, object]:
    return {
        "id": id_,
        "name": name,
        "shortDescription": {"text": summary},
        "help": {"text": f"docs/findings/{id_.rpartition('-')[0]}.md" if id_.startswith("NR-") else summary},
        "defaultConfiguration": {"level": _LEVELS[severity]},
    }


def _result(finding: Finding, place: int, plan_file: str) -> dict[str, object]:
    physical: dict[str, object] = {"artifactLocation": {"uri": quote(finding.file or plan_file)}}
    if finding.line:
        physical["region"] = {"startLine": finding.line}
    location: dict[str, object] = {"physicalLocation": physical}
    if finding.address:
        location["logicalLocations"] = [{"fullyQualifiedName": finding.address, "kind": "resource"}]
    result: dict[str, object] = {
        "ruleId": finding.id,
        "ruleIndex": place,
        "level": _LEVELS[finding.severity],
        "message": {"text": f"{finding.address}: {finding.message}. Do: {finding.remedy}".removeprefix(": ")},
        "locations": [location],
    }
    if finding.accepted:
        result["suppressions"] = [{"kind": "external", "status": "accepted", "justification": "accepted by --accept"}]
    return result
