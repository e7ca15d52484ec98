"""What the tree promises about itself: sizes, names, links, the changelog, the lock."""

import configparser
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "agent" / "nodeagent"
MODULES = sorted(PACKAGE.rglob("*.py"))
SAYS_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc"}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_is_short_enough_to_read(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 500


@pytest.mark.parametrize("module", MODULES, ids=_name)
def test_a_module_is_named_after_its_subject(module: Path) -> None:
    assert not SAYS_NOTHING & {part.removesuffix(".py") for part in module.relative_to(PACKAGE).parts}


def test_every_directory_of_the_package_is_a_package() -> None:
    """A wheel silently leaves out one without __init__.py."""
    directories = {module.parent for module in MODULES}
    assert [_name(directory) for directory in directories if not (directory / "__init__.py").exists()] == []


def _pages() -> list[Path]:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    return sorted(pages)


@pytest.mark.parametrize("page", _pages(), ids=_name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    broken = []
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", _without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        destination = (page.parent / path).resolve() if path else page
        if not destination.exists() or (anchor and anchor not in _anchors(destination)):
            broken.append(target)
    assert broken == []


def _without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@cache
def _anchors(page: Path) -> frozenset[str]:
    """Heading anchors as the usual forges make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return frozenset(heading.strip().replace(" ", "-") for heading in kept)


def test_every_line_of_the_changelog_has_a_type_and_an_area() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    entry = re.compile(r"\* \[(CHANGE|FEATURE|ENHANCEMENT|BUGFIX)\] [a-z-]+: \S")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    bad = [line for line in text.splitlines() if line.startswith(("*", "-")) and not entry.match(line)]
    assert bad == []
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", version) for version in versions[1:])


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(path: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", path.read_text(), re.MULTILINE))


def _required(section: str, option: str) -> set[str]:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = (re.match(r"[\w.-]+", line) for line in parser[section][option].splitlines())
    return {_normal(match.group()) for match in lines if match}


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_the_lock_holds_every_requirement(name: str) -> None:
    wanted = _required("options", "install_requires")
    extras = ("report", "web", "dev") if name == "dev.txt" else ("report", "web")
    for extra in extras:
        wanted |= _required("options.extras_require", extra)
    assert wanted - _locked(ROOT / "requirements" / name).keys() == set()


def test_both_locks_hold_the_same_versions() -> None:
    runtime, dev = (_locked(ROOT / "requirements" / name) for name in ("runtime.txt", "dev.txt"))
    assert {name: dev.get(name) for name in runtime} == runtime


@pytest.mark.parametrize("name", ["runtime.txt", "dev.txt"])
def test_every_locked_file_is_hashed_and_no_index_is_named(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(r"^[a-z0-9-]+==.*\n(    --hash=sha256:[0-9a-f]{64})", text, re.MULTILINE)
    assert len(pins) == len(_locked(ROOT / "requirements" / name)) == text.count("==")
    assert "://" not in text
    assert "--index" not in text


@pytest.mark.e2e
def test_nothing_that_a_target_makes_is_seen_by_git() -> None:
    ignored = [".venv/x", ".cache/x", "dist/x", "build/x", "agent/nodeagent.egg-info/x", "agent/__pycache__/x"]
    done = subprocess.run(["git", "check-ignore", *ignored], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ignored
