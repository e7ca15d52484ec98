"""nodeagent inside a guest: this checkout, and the packages that this interpreter runs it with.

A guest has no way to a package index. It has Debian 12's Python 3.11, and compiled packages fit any 3.11, so what is
installed here for the same version is packed as it is, byte code and all: an emulated CPU takes long to compile it.
"""

import re
import sys
import tarfile
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cherrylab.guests.guest import Guest
from nodeagent.model.errors import HostError

_REPOSITORY = Path(__file__).parents[3]
_HOME = "/opt/nodeagent"
_GUEST_PYTHON = (3, 11)
_LEFT_OUT = {"vl-convert-python", "bcrypt"}  # plots and passwords of the report and the exporter, 40 MB

_COMMAND = """\
#!/usr/bin/python3
import sys
from nodeagent.cli.main import main
sys.exit(main())
"""


class NotPackableError(HostError):
    """This interpreter can't give the guests what they need; the remedy says which one can."""


def install(guest: Guest) -> None:
    """Make `nodeagent` a command of the guest; NotPackableError or HostError where that can't be."""
    if sys.version_info[:2] != _GUEST_PYTHON:
        raise NotPackableError(
            "nodeagent needs Python 3.11, which the guests have, to be packed",
            remedy="make the environment with python3.11",
        )
    with tempfile.TemporaryDirectory(prefix="nodeagent-pack-") as scratch:
        archive = Path(scratch, "nodeagent.tar")
        command = Path(scratch, "nodeagent")
        _pack(archive)
        command.write_text(_COMMAND)
        guest.shell.check(f"mkdir -p {_HOME}")
        guest.shell.send(archive, f"{_HOME}/nodeagent.tar")
        guest.shell.send(command, "/usr/local/bin/nodeagent")
    guest.shell.check(
        f"""
        tar -C {_HOME} -xf {_HOME}/nodeagent.tar && rm {_HOME}/nodeagent.tar
        printf '%s\\n' {_HOME}/agent {_HOME}/packages > /usr/lib/python3/dist-packages/nodeagent.pth
        chmod +x /usr/local/bin/nodeagent
        nodeagent --version
        """,
        timeout_seconds=600,
    )


def _pack(archive: Path) -> None:
    locked = (_REPOSITORY / "requirements" / "runtime.txt").read_text()
    names = set(re.findall(r"^([a-z0-9._-]+)==", locked, re.MULTILINE)) - _LEFT_OUT
    # profiles/shipped is a link that leads out of the package.
    with tarfile.open(archive, "w", dereference=True) as tar:
        tar.add(_REPOSITORY / "agent" / "nodeagent", "agent/nodeagent")
        for name in sorted(names):
            _pack_distribution(tar, name)


def _pack_distribution(tar: tarfile.TarFile, name: str) -> None:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError as error:
        raise NotPackableError(f"the package {name} is not installed here", remedy="make setup") from error
    for file in files:
        located = Path(str(file.locate()))
        if ".." not in file.parts and located.is_file():
            tar.add(located, f"packages/{file}")
