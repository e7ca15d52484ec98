"""Findings of checkov, folded in: it knows hundreds of rules for AWS that nobody here should write again.

checkov's own severities need its paid platform, so a failed check without one counts as an error; what is right is to
mend it or to skip it with a reason in the configuration (`#checkov:skip=ID:reason`), which checkov then reports as
skipped.

Source: https://www.checkov.io, `checkov --framework terraform_plan --output json`.
"""

import json

from nodeagent.model.errors import NodeagentError
from nodeagent.readiness.review.attributes import Values, blocks, text
from nodeagent.readiness.review.finding import Finding, Severity

_SEVERITIES = {
    "CRITICAL": Severity.ERROR,
    "HIGH": Severity.ERROR,
    "MEDIUM": Severity.WARNING,
    "LOW": Severity.WARNING,
    "INFO": Severity.NOTE,
}
_REMEDY = "checkov --framework terraform_plan --file plan.json --output json > checkov.json"


def parse_checkov(content: str | bytes, *, where: str) -> tuple[Finding, ...]:
    """The failed checks; NodeagentError for a file that isn't checkov's."""
    try:
        document: object = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise NodeagentError(f"{where} is no report of checkov: {error}", remedy=_REMEDY) from error
    given = document if isinstance(document, list) else [document]
    reports = [report for report in given if isinstance(report, dict) and ("results" in report or "passed" in report)]
    if len(reports) < len(given) or not given:
        raise NodeagentError(f"{where} is no report of checkov: no `results` in it", remedy=_REMEDY)
    return tuple(
        _finding(failed)
        for report in reports
        for results in blocks(report, "results")
        for failed in blocks(results, "failed_checks")
    )


def _finding(failed: Values) -> Finding:
    lines = failed.get("file_line_range")
    first = lines[0] if isinstance(lines, list) and lines and isinstance(lines[0], int) else None
    return Finding(
        id=text(failed, "check_id") or "CKV",
        name=text(failed, "check_name") or "checkov",
        severity=_SEVERITIES.get(text(failed, "severity").upper(), Severity.ERROR),
        address=text(failed, "resource"),
        message=text(failed, "check_name") or "a check of checkov failed",
        remedy=text(failed, "guideline") or "mend it, or skip it with a reason in the configuration",
        file=text(failed, "file_path").lstrip("/"),
        line=first if first and first > 0 else None,
    )
