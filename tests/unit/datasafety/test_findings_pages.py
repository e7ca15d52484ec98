"""Every id that can be told has its paragraph, and every paragraph an id."""

import re
from pathlib import Path

from nodeagent.model.occupancy import Reason
from nodeagent.tune.filesystems import array_findings
from nodeagent.tune.filesystems import findings as filesystem_findings
from nodeagent.tune.filesystems import next_boot as filesystem_boot

FINDINGS = Path(__file__).parents[3] / "docs" / "findings"
_ID = re.compile(r"NA-(?:DISK|AREA|FS)-\d{3}")


def test_every_id_has_its_paragraph_and_every_paragraph_an_id() -> None:
    told = {reason.value for reason in Reason}
    named = [
        value for module in (array_findings, filesystem_boot, filesystem_findings) for value in vars(module).values()
    ]
    told |= {value for value in named if isinstance(value, str) and _ID.fullmatch(value)}
    pages = "\n".join((FINDINGS / f"{name}.md").read_text() for name in ("NA-DISK", "NA-AREA", "NA-FS"))
    explained = re.findall(r"^### (NA-[A-Z]+-\d{3}) ", pages, re.MULTILINE)
    assert sorted(explained) == sorted(told)
    assert len(set(explained)) == len(explained)
