"""Entry point of `nodeagent`: answers what needs no work at once, and turns every ending into an exit code.

`--version` and `--help` are typed by people who wait and by shells that complete, and importing click alone takes
longer than starting Python three times. So both are answered from plain text here, and everything else is imported
once it is known to be needed.
"""

import atexit
import gc
import os
import sys
from collections.abc import Sequence

_EXIT_BROKEN_PIPE = 141  # what a shell reports for a program ended by SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; see nodeagent.model.errors.ExitCode for the table."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if argv is None:
        _collect_seldom()
    _replace_closed_streams()
    code = 0
    try:
        code = _answer(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_stdout()
        return _EXIT_BROKEN_PIPE
    except OSError as error:
        # Only stdout fails here (a full disk behind `>`); where root.run met it first, it has been told.
        _discard_stdout()
        if code == 0:
            sys.stderr.write(f"nodeagent: cannot write the output: {error.strerror}\n")
        return code or 1
    except KeyboardInterrupt:
        return 130
    return code


def _answer(arguments: list[str]) -> int:
    if arguments == ["--version"]:
        from nodeagent.version import VERSION

        sys.stdout.write(f"nodeagent {VERSION}\n")
        return 0
    if arguments in ([], ["--help"]) and "_NODEAGENT_COMPLETE" not in os.environ:
        from nodeagent.cli.help import HELP

        sys.stdout.write(HELP)
        return 0
    from nodeagent.cli.root import run

    return run(arguments)


def _collect_seldom() -> None:
    """What a command imports never becomes garbage, so looking for it after every 700 objects, and through all of them
    at the end, is for nothing: a sixth of the CPU time of a short command.
    """
    gc.set_threshold(20_000, 50, 50)
    atexit.register(gc.freeze)


def _replace_closed_streams() -> None:
    """Started as `nodeagent ... >&-`, Python leaves None where a stream should be.

    The null device takes the free descriptor, so that no file opened later becomes somebody's stdout.
    """
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _discard_stdout() -> None:
    """Give the interpreter somewhere to flush what is left, so that it doesn't complain a second time."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
