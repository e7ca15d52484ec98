"""The archive that servers install nodeagent from, made of this checkout and of what is installed here.

As scripts/agent-bundle makes it, but without a package index: what this interpreter runs nodeagent with is put back
into wheels. The guests have Python 3.11, and what is compiled fits no other.
"""

import ensurepip
import os
import re
import sys
import tarfile
import tempfile
import zipfile
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from nodeagent.version import VERSION
from tests import needs

_ROOT = Path(__file__).parents[2]
_LEFT_OUT = {"vl-convert-python", "bcrypt"}
_NOT_OF_A_WHEEL = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
_WHEEL = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
_COMMAND = "[console_scripts]\nnodeagent = nodeagent.cli.main:main\n"


def make_bundle(target: Path) -> str:
    """Write the archive and return its sum."""
    if sys.version_info[:2] != (3, 11):
        needs.missing("Python 3.11, as the guests have", remedy="make the environment with python3.11")
    with tempfile.TemporaryDirectory(prefix="nodeagent-bundle-") as scratch:
        wheels = Path(scratch)
        versions = {name: _wheel_of(name, wheels) for name in _names()}
        _own_wheel(wheels, versions)
        with tarfile.open(target, "w") as archive:
            for wheel in (*sorted(wheels.iterdir()), _pip()):
                archive.add(wheel, wheel.name)
    return sha256(target.read_bytes()).hexdigest()


def _names() -> list[str]:
    locked = (_ROOT / "requirements" / "runtime.txt").read_text()
    return sorted(set(re.findall(r"^([a-z0-9._-]+)==", locked, re.MULTILINE)) - _LEFT_OUT)


def _pip() -> Path:
    places = Path(ensurepip.__file__).with_name("_bundled"), Path("/usr/share/python-wheels")
    return next(wheel for place in places for wheel in place.glob("pip-*.whl"))


def _wheel_of(name: str, wheels: Path) -> str:
    """Put an installed distribution back into a wheel; returns its version."""
    try:
        found = distribution(name)
    except PackageNotFoundError:
        needs.missing(f"the package {name}", remedy="make setup")
    files = [file for file in found.files or [] if ".." not in file.parts and "__pycache__" not in file.parts]
    information = next(file.parts[0] for file in files if file.parts[0].endswith(".dist-info"))
    tag = re.search(r"^Tag: (\S+)$", found.read_text("WHEEL") or "", re.MULTILINE)
    assert tag is not None, f"{name} does not say what it fits"
    with zipfile.ZipFile(wheels / f"{information.removesuffix('.dist-info')}-{tag[1]}.whl", "w") as wheel:
        for file in files:
            if file.parts[0] != information or file.name not in _NOT_OF_A_WHEEL:
                wheel.write(str(file.locate()), str(file))
        wheel.writestr(f"{information}/RECORD", "")
    return found.version


def _own_wheel(wheels: Path, versions: dict[str, str]) -> None:
    information = f"nodeagent-{VERSION}.dist-info"
    needed = "".join(f"Requires-Dist: {name}=={version}\n" for name, version in versions.items())
    with zipfile.ZipFile(wheels / f"nodeagent-{VERSION}-py3-none-any.whl", "w") as wheel:
        # profiles/shipped is a link that leads out of the package.
        for directory, _, names in os.walk(_ROOT / "agent" / "nodeagent", followlinks=True):
            for name in names:
                path = Path(directory, name)
                if path.suffix != ".pyc":
                    wheel.write(path, path.relative_to(_ROOT / "agent"))
        wheel.writestr(
            f"{information}/METADATA", f"Metadata-Version: 2.1\nName: nodeagent\nVersion: {VERSION}\n{needed}"
        )
        wheel.writestr(f"{information}/WHEEL", _WHEEL)
        wheel.writestr(f"{information}/entry_points.txt", _COMMAND)
        wheel.writestr(f"{information}/RECORD", "")
