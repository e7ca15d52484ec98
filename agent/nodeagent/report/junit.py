"""The gates as JUnit XML, which CI servers show: one test case a gate.

A failed gate is a `failure`; an open one is `skipped`, as nothing failed and nothing was proved. What was wanted and
found are properties of the case.
"""

from xml.etree import ElementTree

from nodeagent.report.document import Document, Gate, GateOutcome
from nodeagent.report.wording import when


def render(document: Document) -> str:
    """One suite named after the host and the stage."""
    failed, skipped = (len(document.gates_with(outcome)) for outcome in (GateOutcome.FAIL, GateOutcome.OPEN))
    counts = {"tests": str(len(document.gates)), "failures": str(failed), "errors": "0", "skipped": str(skipped)}
    root = ElementTree.Element("testsuites", {"name": "nodeagent", **counts, "time": "0"})
    suite = ElementTree.SubElement(
        root, "testsuite", {"name": f"{document.header.host}.{document.header.stage}", **counts, "time": "0"}
    )
    _properties(suite, _of_document(document))
    for gate in document.gates:
        _case(suite, gate)
    ElementTree.indent(root)
    # Not encoding="unicode", whose declaration names the encoding of the locale.
    encoded: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return encoded.decode() + "\n"


def _case(suite: ElementTree.Element, gate: Gate) -> None:
    attributes = {"name": gate.id, "classname": f"nodeagent.{gate.kind}", "time": "0"}
    case = ElementTree.SubElement(suite, "testcase", attributes)
    _properties(case, {"got": gate.got, "wanted": gate.wanted, "title": gate.title})
    match gate.outcome:
        case GateOutcome.FAIL:
            failure = ElementTree.SubElement(case, "failure", {"message": gate.reason, "type": gate.kind})
            failure.text = f"{gate.reason}\ngot: {gate.got}\nwanted: {gate.wanted}\nnext: {gate.remedy}"
        case GateOutcome.OPEN:
            ElementTree.SubElement(case, "skipped", {"message": gate.reason})
        case GateOutcome.PASS:
            pass


def _of_document(document: Document) -> dict[str, str]:
    header = document.header
    return {
        "decision": document.decision,
        "stage": header.stage,
        "profile": header.profile.name if header.profile else "",
        "profile_digest": header.profile.digest if header.profile else "",
        "created": when(header.created_at),
        "agent_version": header.agent_version,
        **{f"tool.{tool.name}": tool.version for tool in header.tools},
    }


def _properties(parent: ElementTree.Element, values: dict[str, str]) -> None:
    properties = ElementTree.SubElement(parent, "properties")
    for name, value in values.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
