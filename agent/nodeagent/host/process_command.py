"""From a command to what execve(2) takes, and from its failures to one clear error."""

import os
from pathlib import Path

from nodeagent.host.process_family import MARK_VARIABLE
from nodeagent.host.process_program import find_program, install_remedy, search_path
from nodeagent.model.command import Command, Completed
from nodeagent.model.errors import HostError

_NAMESPACES = Path("/run/netns")
_NOT_FOUND = 127


def environment(command: Command, *, mark: str) -> dict[str, str]:
    """The whole environment of the child: little of ours, the family's mark, and what the command gives."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    base = {"HOME": "/", **kept, "PATH": search_path(), "LANG": "C.UTF-8"}
    if mark:
        base[MARK_VARIABLE] = mark
    return base | dict(command.environment)


def resolve(command: Command) -> Path:
    """The file to execute; HostError where there is none."""
    if not command.argv:
        raise HostError("cannot start a command without a program: argv is empty")
    name = command.argv[0]
    given = dict(command.environment)
    own_path = given if "PATH" in given else None
    program = find_program(name, environment=own_path)
    if program is None:
        where = "no such program" if "/" in name else f"not found in {search_path(own_path)}"
        raise HostError(f"{name}: {where}", remedy=install_remedy(name))
    return program


def open_namespace(command: Command) -> int | None:
    """A descriptor of the network namespace to enter; HostError where there is none of that name."""
    name = command.network_namespace
    if name is None:
        return None
    if not name or "/" in name or name in {".", ".."} or "\0" in name:
        raise HostError(f"network namespace {name!r}: not a name that ip-netns(8) gives")
    try:
        return os.open(_NAMESPACES / name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HostError(
            f"network namespace {name}: {error.strerror} ({_NAMESPACES / name})", remedy="ip netns list"
        ) from error


def cannot_start(command: Command, error: Exception, *, in_child: bool = False) -> HostError:
    """The error to raise; `in_child` when it was the child's own preparation that failed."""
    remedy = None
    if in_child:
        wanted = [f"enter network namespace {command.network_namespace}"] if command.network_namespace else []
        wanted += [f"take nice value {command.nice}"] if command.nice is not None else []
        error_text = f"the child could not {' and '.join(wanted) or 'be set up'}"
        remedy = "run this as root"
    elif isinstance(error, FileNotFoundError) and command.directory is not None and not command.directory.is_dir():
        error_text = f"no such directory: {command.directory}"
    else:
        error_text = getattr(error, "strerror", None) or str(error)
    return HostError(f"cannot start {command.argv[0]}: {error_text}", remedy=remedy)


def refuse_not_found(completed: Completed) -> Completed:
    """127 is what a wrapper or an interpreter line returns for a program that is not there."""
    if completed.exit_code == _NOT_FOUND:
        name = completed.command.argv[0]
        said = last_words(completed.stdout, completed.stderr)
        raise HostError(
            f"{name}: it, or a program it needs, was not found; it said: {said}", remedy=install_remedy(name)
        )
    return completed


def last_words(stdout: bytes, stderr: bytes) -> str:
    """The end of what it complained about, or else of what it printed."""
    text = (stderr.strip() or stdout).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return "; ".join(lines[-2:])[:300] or "nothing"
