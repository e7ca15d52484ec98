"""A case is a machine, what a profile wants of it, and what must come of that. Its name is the sentence.

Each stands in a JSON file below the tunable's name, tests/plans/<tunable>/<sentence>.json; or all of a small tunable
stand in one, tests/plans/<tunable>.json, by their sentences.

    {
      "because":  why the case is there, where the name doesn't say it,
      "fixture":  a machine of tests/fixtures/hosts to start from,
      "port":     the network port of tests/fixtures/ports.py to start from, and its VFs,
      "irqs":     devices with interrupts as tests/fixtures/irqs.py makes them, one after the other,
      "host":     {"/path": "content" or {"content": ..., "mode": "0444"} or {"link": ...} or {"unreadable": "EACCES"}},
      "firewall": {} for no table of ours, or {"text": ..., "state": ...}, or {"problem": ...}; else it can't be told,
      "drives":   {"nvme0n1": {"blank": true} or {"signatures": [...], "refusals": [...]}} (tests/plans/drives.py),
      "placement": the YAML below `placement` in a profile, for tunables that ask who has which CPUs,
      "nvme":     {"nvme0n1": {"power": 0, "health": {...}}}: what the drives told (host/nvme.py, `noted`),
      "settings": the YAML below the tunable's name in a profile,
      "expect_changes": [{"key": ..., "command": ..., "undo": ...}],
      "expect_verdict": {"state": ..., "findings": [{"subject": ..., "state": ..., "got": ..., ...}]}
    }

A finding or a change is compared by the fields that the case names; their number and order always count.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent
from typing import Any

from nodeagent.host import Host
from nodeagent.host.tree_index import TREE_INDEX
from nodeagent.model.change import Change, PlanItem
from nodeagent.model.profile import Profile
from nodeagent.model.verdict import Verdict
from nodeagent.profiles import load_profile
from nodeagent.tune.placement import placed
from nodeagent.tune.tunable import AnyTunable
from nodeagent.tune.tunables import TUNABLES
from tests.fixtures.captured import captured_host
from tests.fixtures.irqs import IrqTree
from tests.fixtures.ports import PortTree
from tests.fixtures.tree import Tree
from tests.plans.drives import HostWithDrives

FOLDER = Path(__file__).parent
TUNABLES_BY_NAME: dict[str, AnyTunable] = {tunable.name: tunable for tunable in TUNABLES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a tunable made of a case."""

    items: tuple[PlanItem, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Where one stands; read only when it is run."""

    tunable: str
    sentence: str
    path: Path

    def __str__(self) -> str:
        return f"{self.tunable}/{self.sentence}"

    def read(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text())
        return document if self.path.stem == self.sentence else document[self.sentence]


def find_cases() -> list[Case]:
    return [case for name in sorted(TUNABLES_BY_NAME) for case in _cases_of(name)]


def _cases_of(tunable: str) -> Iterator[Case]:
    together = FOLDER / f"{tunable}.json"
    for sentence in json.loads(together.read_text()) if together.exists() else ():
        yield Case(tunable=tunable, sentence=sentence, path=together)
    for path in sorted((FOLDER / tunable).glob("*.json")):
        yield Case(tunable=tunable, sentence=path.stem, path=path)


def run(case: dict[str, Any], tunable: AnyTunable, directory: Path) -> Outcome:
    """Plan and judge on the case's machine, which is built below `directory`."""
    host = build(case, directory)
    profile = _profile(case, tunable, directory)
    settings = profile.tune[tunable.name]
    facts = placed(host.facts(), profile)
    observed = tunable.observe(host, settings, facts)
    return Outcome(
        items=tunable.plan(observed, settings, facts),
        verdict=tunable.judge(observed, settings, facts),
    )


def told_items(items: tuple[PlanItem, ...]) -> list[dict[str, str]]:
    """Changes as a case writes them."""
    return [_told_change(item) if isinstance(item, Change) else _told_deferred(item) for item in items]


def told_findings(verdict: Verdict) -> list[dict[str, Any]]:
    """Findings as a case writes them."""
    told = []
    for finding in verdict.findings:
        fields = {name: getattr(finding, name) for name in ("subject", "state", "got", "wanted", "remedy")}
        fields |= {"optional": True} if finding.optional else {}
        fields |= {"id": finding.id} if finding.id else {}
        told.append({name: value if isinstance(value, bool) else str(value) for name, value in fields.items()})
    return told


def _told_change(change: Change) -> dict[str, str]:
    back = change.inverse()
    return {"key": change.key, "command": change.command(), "undo": back.command() if back else "none"}


def _told_deferred(item: Any) -> dict[str, str]:
    return {"key": item.key, "waits_for": item.waits_for}


def build(case: dict[str, Any], directory: Path) -> Host:
    """The case's machine, as files below `directory`."""
    if "fixture" in case:
        host = captured_host(case["fixture"], directory)
    else:
        host = Host(root=directory / "host")
        host.root.mkdir()
    if "port" in case:
        told = {int(index): attributes for index, attributes in case["port"].pop("vfs", {}).items()}
        PortTree(root=host.root).make(vfs=told, **case["port"])
    irqs = IrqTree(root=host.root)
    for device in case.get("irqs", ()):
        irqs.device(**device)
    tree = Tree(root=host.root)
    unreadable = _unreadable_so_far(host.root)
    for path, entry in case.get("host", {}).items():
        if isinstance(entry, str):
            tree.file(path, entry)
        elif "link" in entry:
            tree.link(path, entry["link"])
        elif "unreadable" in entry:
            tree.file(path, "")
            unreadable[path] = entry["unreadable"]
        else:
            tree.file(path, entry["content"], mode=int(entry["mode"], 8))
    if "firewall" in case:
        _note(host.root / TREE_INDEX, firewall={"inet nodeagent": case["firewall"]})
    if "nvme" in case:
        _note(host.root / TREE_INDEX, nvme=case["nvme"])
    if unreadable:
        _note(host.root / TREE_INDEX, unreadable=unreadable)
    return HostWithDrives(root=host.root, drives=case["drives"]) if "drives" in case else Host(root=host.root)


def _note(index: Path, **notes: Any) -> None:
    """Add to the index of a tree, and keep what it says already."""
    known = json.loads(index.read_text()) if index.exists() else {}
    index.write_text(json.dumps({**known, **notes}))


def _unreadable_so_far(root: Path) -> dict[str, str]:
    index = root / TREE_INDEX
    found: dict[str, str] = json.loads(index.read_text()).get("unreadable", {}) if index.exists() else {}
    return found


def _profile(case: dict[str, Any], tunable: AnyTunable, directory: Path) -> Profile:
    """Typed by the loader, as any profile."""
    text = f"schema: 1\nsummary: one case\ntune:\n  {tunable.name}:\n{indent(case['settings'], '    ')}\n"
    if "placement" in case:
        text += f"placement:\n{indent(case['placement'], '  ')}\n"
    path = directory / "case.yaml"
    path.write_text(text)
    return load_profile(path, settings_types={tunable.name: tunable.Settings}, search=())
