"""A cloud that a person asked for: it outlives the command that started it, and is found again by its directory.

Whoever runs it holds a lock in the directory, so that a cloud that was killed is never taken for one that answers. What
it remembers stays there when it goes down, its address and token too: a shell's exports are good for the next one.
"""

import asyncio
import fcntl
import json
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Self

from cherrylab.api.access import Access
from cherrylab.drivers.driver import Driver
from cherrylab.proxy.authority import ensure_certificates
from cherrylab.service import Files, Options, Service, client_environment
from nodeagent.host.process import start_detached
from nodeagent.host.state_directory import ensure_state_directory, state_directory, write_own_file
from nodeagent.model.command import Command
from nodeagent.model.errors import BusyError, HostError, RefusedError

_UP_SECONDS = 60.0
_DOWN_SECONDS = 90.0
_POLL_SECONDS = 0.05
_LOG_LINES = 10
_LOCK_TRIES = 10
_SOURCES = Path(__file__).parents[1], Path(__file__).parents[2] / "agent"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptCloud:
    """One that answers, or that did: `port` is where its proxy listens."""

    directory: Path
    pid: int
    port: int
    driver: str

    @classmethod
    def remembered(cls, directory: Path) -> Self | None:
        """The last one of a directory, up or not."""
        try:
            note = json.loads(_note(directory).read_text())
        except FileNotFoundError:
            return None
        return cls(directory=directory, pid=note["pid"], port=note["port"], driver=note["driver"])

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs to reach it."""
        files = Files(directory=self.directory)
        return client_environment(
            port=self.port,
            token=files.token(Access.FULL),
            authority=ensure_certificates(self.directory).authority,
        )


def default_directory() -> Path:
    """Below the state directory of nodeagent (NODEAGENT_STATE_DIR)."""
    return state_directory() / "cherrylab"


def find(directory: Path) -> KeptCloud | None:
    """The cloud of a directory that is up; None where none is."""
    return KeptCloud.remembered(directory) if _is_held(directory) else None


def up(directory: Path, arguments: tuple[str, ...]) -> KeptCloud:
    """Start one in the background, `cherrylab up --foreground` with these arguments, and wait until it answers.

    BusyError where one is up there, HostError with its last words where it does not come up.
    """
    _claim(directory)
    running = find(directory)
    if running is not None:
        raise BusyError(
            f"a cloud is up in {directory} already, as process {running.pid}",
            remedy='use it (eval "$(cherrylab env)"), or end it: cherrylab down',
        )
    log = directory / "log"
    log.unlink(missing_ok=True)
    argv = (sys.executable, "-m", "cherrylab", "up", "--foreground", "--directory", os.fspath(directory), *arguments)
    path = os.pathsep.join(os.fspath(source) for source in _SOURCES)
    pid = start_detached(
        Command(argv=argv, timeout_seconds=_UP_SECONDS, environment=(("PYTHONPATH", path),)), output=log
    )
    return _answering(directory, pid, log)


def down(directory: Path, *, forget: bool = False) -> bool:
    """End the cloud of a directory, and with `forget` remove the directory; whether one was up.

    HostError where it does not end.
    """
    running = find(directory)
    if running is not None:
        os.kill(running.pid, signal.SIGTERM)
        wait_down(directory)
    if forget and _mark(directory).exists():
        shutil.rmtree(directory)
    return running is not None


def wait_down(directory: Path) -> None:
    """Wait until no cloud is up in a directory; HostError where it does not end."""
    deadline = time.monotonic() + _DOWN_SECONDS
    while _is_held(directory):
        if time.monotonic() > deadline:
            raise HostError(f"the cloud in {directory} does not end", remedy=f"fuser {directory / 'lock'} names it")
        time.sleep(_POLL_SECONDS)


def run(directory: Path, options: Options, *, driver: Callable[[], Driver], ready: Callable[[KeptCloud], None]) -> None:
    """Be the cloud of a directory until a signal comes; `ready` is called once it answers.

    BusyError where one is up there.
    """
    _claim(directory)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    with _held(directory):
        last = KeptCloud.remembered(directory)
        # From here on the note is ours to write: nobody may take the process of last time for this one.
        _note(directory).unlink(missing_ok=True)
        with closing(driver()) as chosen:
            service = Service(
                Files(directory=directory), replace(options, last_port=last.port if last else 0), driver=chosen
            )
            asyncio.run(_serve(service, ready))


async def _serve(service: Service, ready: Callable[[KeptCloud], None]) -> None:
    # uvicorn hears these too; they are ours as well, so that what comes after its end is not cut short by them.
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    await service.start()
    try:
        directory = service.files.directory
        kept = KeptCloud(directory=directory, pid=os.getpid(), port=service.port, driver=service.driver.name)
        write_own_file(
            _note(directory), json.dumps({"pid": kept.pid, "port": kept.port, "driver": kept.driver}).encode()
        )
        ready(kept)
        ends = {asyncio.create_task(stopping.wait()), asyncio.create_task(service.ended())}
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await service.stop()


def _answering(directory: Path, pid: int, log: Path) -> KeptCloud:
    deadline = time.monotonic() + _UP_SECONDS
    while time.monotonic() < deadline:
        running = find(directory)
        if running is not None and running.pid == pid:
            return running
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            break
        time.sleep(_POLL_SECONDS)
    else:
        os.kill(pid, signal.SIGTERM)
    words = "\n".join(log.read_text(errors="replace").splitlines()[-_LOG_LINES:]) if log.exists() else ""
    raise HostError(f"the cloud did not come up; it said:\n{words}", remedy=f"look at {log}")


def _claim(directory: Path) -> None:
    """Make the directory ours, so that `forget` may remove all of it; RefusedError where others keep things in it."""
    ensure_state_directory(directory)
    if _mark(directory).exists():
        return
    if any(directory.iterdir()):
        raise RefusedError(
            f"{directory} is not empty and no cloud made it", remedy="give a --directory of its own, which `up` makes"
        )
    write_own_file(_mark(directory), b"Made by `cherrylab up`; `cherrylab down --forget` removes this directory.\n")


def _mark(directory: Path) -> Path:
    return directory / "CHERRYLAB"


def _note(directory: Path) -> Path:
    return directory / "cloud.json"


@contextmanager
def _held(directory: Path) -> Iterator[None]:
    with (directory / "lock").open("w") as file:
        if not _taken(file):
            raise BusyError(f"a cloud is up in {directory} already", remedy="cherrylab down")
        yield


def _taken(file: IO[str]) -> bool:
    """Whoever only looks (`_is_held`) holds the lock for a moment, so one refusal says nothing."""
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_SECONDS)
        else:
            return True
    return False


def _is_held(directory: Path) -> bool:
    try:
        with (directory / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
