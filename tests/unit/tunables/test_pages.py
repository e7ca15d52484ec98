"""Every tunable here has its page, and every id of a finding stands on one."""

import re
from pathlib import Path

import pytest

from nodeagent.tune.tunables import TUNABLES

_REPOSITORY = Path(__file__).parents[3]
_SOURCES = [
    *(_REPOSITORY / "agent/nodeagent/tune").glob("*.py"),
    *(_REPOSITORY / "agent/nodeagent/tune/tunables").glob("*.py"),
]
_IDS = sorted({found for path in _SOURCES for found in re.findall(r'"(NA-[A-Z]+-\d{3})"', path.read_text())})


@pytest.mark.parametrize("name", [tunable.name for tunable in TUNABLES])
def test_a_tunable_has_a_page_with_its_name(name: str) -> None:
    page = _REPOSITORY / "docs" / "tunables" / f"{name}.md"
    assert page.read_text().startswith(f"# {name}\n")


def test_there_are_ids_to_check() -> None:
    assert len(_IDS) >= 9


@pytest.mark.parametrize("identifier", _IDS)
def test_a_finding_has_a_heading_on_its_page(identifier: str) -> None:
    family = identifier.rpartition("-")[0]
    page = _REPOSITORY / "docs" / ("conflicts.md" if family == "NA-PLAN" else f"findings/{family}.md")
    assert re.search(rf"^### {identifier} \S", page.read_text(), re.MULTILINE)


def test_the_fields_named_on_a_page_exist() -> None:
    from nodeagent.tune.tunables.block_queue import KNOBS

    page = (_REPOSITORY / "docs" / "tunables" / "block-queue.md").read_text()
    table = re.findall(r"^\| `(\w+)` \| (?!`)", page, re.MULTILINE)
    assert set(KNOBS) <= set(table)
