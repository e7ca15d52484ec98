"""What a test needs of the machine, said by name when it isn't there.

A skip that hides a missing tool is how a suite rots. So a skip always names what is missing and how to get it, and with
NODEAGENT_TEST_STRICT=1, as in CI, a missing need is a failure. What no installation can bring, a part of the kernel, is
named in NODEAGENT_TEST_MAY_LACK (paths, separated by colons): then that skip is expected.

    from tests.needs import need_root, need_tool

    @need_root
    @need_tool("fio")
    def test_...
"""

import os
import platform
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

_SYSTEM_PATHS = ("/usr/sbin", "/sbin")
_UNPACKED = Path(__file__).parents[1] / ".cache" / "tools"
EXPECTED = "as the caller expects"
"""Ends the reason of a skip that NODEAGENT_TEST_MAY_LACK announced."""

_REMEDY = "scripts/install-system-tools test"


def strict() -> bool:
    """CI: what is missing is a failure."""
    return os.environ.get("NODEAGENT_TEST_STRICT") == "1"


def find_tool(name: str) -> str | None:
    """Path of a program: what the tests unpacked for themselves first, then PATH and the system directories."""
    unpacked = [str(_UNPACKED / directory) for directory in ("usr/bin", "usr/sbin", "sbin")]
    return shutil.which(name, path=os.pathsep.join([*unpacked, os.environ.get("PATH", ""), *_SYSTEM_PATHS]))


def missing(what: str, *, remedy: str) -> NoReturn:
    """Skip the running test, or fail it where `strict`. `what` names the thing that isn't there."""
    message = f"needs {what}: {remedy}"
    if strict():
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def tool(name: str) -> str:
    """Path of a program, from inside a test or a fixture."""
    return find_tool(name) or missing(f"the program {name}", remedy=_REMEDY)


def root() -> None:
    """Go on only as root."""
    if os.geteuid() != 0:
        missing("root", remedy="run the tests as root")


def kernel_path(path: str) -> Path:
    """Go on only where the running kernel has this file or directory."""
    if not Path(path).exists():
        if path in os.environ.get("NODEAGENT_TEST_MAY_LACK", "").split(":"):
            pytest.skip(f"this kernel ({platform.release()}) has no {path}, {EXPECTED}")
        missing(f"{path} of the kernel (this is {platform.release()})", remedy="boot a kernel with it")
    return Path(path)


def need_tool(*names: str) -> pytest.MarkDecorator:
    """Mark a test that runs these programs."""
    return pytest.mark.needs(tools=names)


need_root = pytest.mark.needs(root=True)


def need_kernel(*paths: str) -> pytest.MarkDecorator:
    """Mark a test that uses these kernel files (`/dev/loop-control`, `/sys/module/md_mod`)."""
    return pytest.mark.needs(kernel=paths)


def check_marks(item: pytest.Item) -> None:
    """Hold every `needs` mark of a test against the machine; conftest calls it before the fixtures run."""
    for mark in item.iter_markers("needs"):
        if mark.kwargs.get("root"):
            root()
        for name in mark.kwargs.get("tools", ()):
            tool(name)
        for path in mark.kwargs.get("kernel", ()):
            kernel_path(path)
