"""The wheel holds what the checkout holds: every module and every data file, and the command runs from it."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nodeagent.cli.help import COMMANDS
from nodeagent.cli.manual import write_pages

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
NOT_SHIPPED = {"__pycache__", "nodeagent.egg-info"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since a build writes into the tree it builds."""
    source = tmp_path_factory.mktemp("source")
    for name in ("agent", "profiles"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    write_pages(source / "build" / "man")
    output = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(output), str(source)], check=True, timeout=120)
    (built,) = output.glob("*.whl")
    return built


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    package = ROOT / "agent" / "nodeagent"
    # os.walk follows the link to the shipped profiles; Path.rglob doesn't.
    wanted = {
        os.path.relpath(Path(directory) / name, package.parent)
        for directory, _, names in os.walk(package, followlinks=True)
        for name in names
        if not NOT_SHIPPED & set(Path(directory).parts)
    }
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("nodeagent/")}
    assert wanted - shipped == set()
    assert shipped - wanted == set()


def test_the_shipped_profiles_are_those_of_the_checkout(wheel: Path) -> None:
    prefix = "nodeagent/profiles/shipped/"
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name.removeprefix(prefix): archive.read(name) for name in archive.namelist() if prefix in name}
    wanted = {str(path.relative_to(ROOT / "profiles")): path for path in (ROOT / "profiles").rglob("*")}
    assert shipped == {name: path.read_bytes() for name, path in wanted.items() if path.is_file()}
    assert shipped


def test_the_manual_pages_are_where_man_looks_for_them(wheel: Path) -> None:
    names = [name for name in zipfile.ZipFile(wheel).namelist() if "/data/share/man/man1/" in name]
    pages = {name.rpartition("/")[2] for name in names}
    assert pages == {"nodeagent.1", *(f"nodeagent-{noun}.1" for noun in COMMANDS)}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked where PYTHONPATH finds it before the checkout."""
    target = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*command, str(wheel)], check=True, timeout=120)
    return target


@pytest.mark.parametrize("arguments", [["--version"], ["profile", "list"], ["tune", "list"], ["bench", "list"]])
def test_the_command_runs_from_the_wheel_alone(installed: Path, arguments: list[str], tmp_path: Path) -> None:
    script = (
        "import sys, nodeagent; from nodeagent.cli.main import main;"
        f"assert nodeagent.__file__.startswith({str(installed)!r}); sys.exit(main({arguments!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(installed), "NODEAGENT_STATE_DIR": str(tmp_path / "state")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
