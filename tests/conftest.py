"""Guards around every test, and the hypothesis profiles.

A test that isn't marked `host`, `e2e` or `lab` starts no process, opens no connection and writes nothing below /sys,
/proc, /dev or /etc: the interpreter's audit events (PEP 578) tell of every attempt, also of those in a library, and the
error is no Exception, so that no `except Exception` of the code under test can hide it.
"""

import os
import signal
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from tests import needs

_FREE_MARKS = ("host", "e2e", "lab")
_PROCESS_EVENTS = frozenset(
    {
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.spawn",
        "pty.spawn",
    }
)
_SOCKET_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"})
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_KERNEL_TREES = ("/sys/", "/proc/", "/etc/", "/dev/")
_HARMLESS = ("/dev/null", "/dev/tty", "/dev/pts/", "/dev/shm/", "/proc/self/fd/", "/dev/fd/")


def pytest_configure() -> None:
    """Listen to signals again where whoever started us made them ignored, as a shell does in the background.

    What is ignored stays so in every program we start (execve(2)), and one that is sent a signal would never hear it.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)


class ForbiddenInUnitTestError(BaseException):
    """A unit test reached for the machine; mark it `host` or `e2e`, or inject what it needs."""


class _Guard:
    """Whether the audit hook, which can't be taken out again, is listening."""

    active = False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _Guard.active:
        return
    if event in _PROCESS_EVENTS:
        raise ForbiddenInUnitTestError(f"started a process: {event}{arguments[:2]}")
    if event in _SOCKET_EVENTS and not _is_own_unix_socket(arguments[-1]):
        raise ForbiddenInUnitTestError(f"used the network: {event}{arguments[1:]}")
    if event == "open" and _writes_to_machine(*arguments):
        raise ForbiddenInUnitTestError(f"opened {arguments[0]} for writing")


def _is_own_unix_socket(address: object) -> bool:
    """A socket file in the test's own directory touches nobody (sd_notify, the exporter's socket)."""
    return isinstance(address, str) and address.startswith(tempfile.gettempdir())


def _writes_to_machine(path: object, _mode: object, flags: object) -> bool:
    if not isinstance(path, str) or not path.startswith(_KERNEL_TREES):
        return False
    return isinstance(flags, int) and bool(flags & _WRITE_FLAGS) and not path.startswith(_HARMLESS)


sys.addaudithook(_audit)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Listen from the first fixture of a guarded test to its last."""
    _Guard.active = not any(item.get_closest_marker(mark) for mark in _FREE_MARKS)
    try:
        return (yield)
    finally:
        _Guard.active = False


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    needs.check_marks(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skip that nobody expects is as bad as a failure, whoever asked for it."""
    if needs.strict() and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if needs.strict() and _skipped(config):
        terminalreporter.write_line("FAILED: NODEAGENT_TEST_STRICT=1 allows no skip but the expected ones", red=True)


def _skipped(config: pytest.Config) -> int:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reports = reporter.stats.get("skipped", ()) if reporter is not None else ()
    return sum(needs.EXPECTED not in str(report.longrepr) for report in reports)


set_hypothesis_home_dir(Path(__file__).parents[1] / ".cache" / "hypothesis")
hypothesis.settings.register_profile("default", max_examples=100, deadline=None)
# CI draws the same examples on every run, so that a red run can be repeated.
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")
