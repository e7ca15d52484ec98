"""The review as JUnit XML: one test case a rule, so that a CI server shows what was looked at, also where all is well.

An error that counts is a `failure`. Warnings, notes and accepted findings leave the case passed and stand in its
output. checkov's findings have a case each.
"""

from collections.abc import Sequence
from xml.etree import ElementTree

from nodeagent.readiness.review.finding import Finding, Severity
from nodeagent.readiness.review.review import Review
from nodeagent.readiness.review.rules import RULES


def render(review: Review) -> str:
    """One suite named after the stage."""
    own = {rule.id for rule in RULES}
    cases = [(rule.id, rule.summary, [one for one in review.findings if one.id == rule.id]) for rule in RULES]
    foreign = dict.fromkeys(one.id for one in review.findings if one.id not in own)
    cases += [(id_, "", [one for one in review.findings if one.id == id_]) for id_ in foreign]
    failures = sum(any(map(_fails, findings)) for _, _, findings in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0", "time": "0"}
    root = ElementTree.Element("testsuites", {"name": "nodeagent stage review", **counts})
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"review.{review.stage.name}", **counts})
    for id_, summary, findings in cases:
        _case(suite, id_, summary, findings)
    ElementTree.indent(root)
    encoded: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded.decode() + "\n"


def _case(suite: ElementTree.Element, id_: str, summary: str, findings: Sequence[Finding]) -> None:
    name = f"{id_} {summary}".strip()
    case = ElementTree.SubElement(suite, "testcase", {"name": name, "classname": "nodeagent.review", "time": "0"})
    failed = [one for one in findings if _fails(one)]
    if failed:
        failure = ElementTree.SubElement(case, "failure", {"message": _line(failed[0]), "type": id_})
        failure.text = "\n".join(f"{_line(one)}\nnext: {one.remedy}" for one in failed)
    told = [one for one in findings if not _fails(one)]
    if told:
        output = ElementTree.SubElement(case, "system-out")
        output.text = "\n".join(f"{'accepted' if one.accepted else one.severity}: {_line(one)}" for one in told)


def _fails(finding: Finding) -> bool:
    return finding.severity is Severity.ERROR and not finding.accepted


def _line(finding: Finding) -> str:
    return f"{finding.address}: {finding.message}" if finding.address else finding.message
