"""Errors and exit codes: one tree, one table.

An error says what went wrong, where, what was found and what was wanted; its `remedy` is the next command to type.
States that are expected on some hosts (a missing knob, an interrupt that can't be moved) are verdicts, not errors.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell sees; the manual prints this table."""

    OK = 0
    ERROR = 1
    DIFFERS = 2
    TARGET_MISSED = 3
    REFUSED = 4
    ROLLED_BACK = 5
    INCONCLUSIVE = 6
    USAGE = 64
    BUSY = 75
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "done; nothing differs, no target missed",
    ExitCode.ERROR: "an error; the message says what to do next",
    ExitCode.DIFFERS: "`tune verify` or `cherry check` found a difference, or `tune plan --detailed-exitcode` changes",
    ExitCode.TARGET_MISSED: "a target was missed, or the review says no-go",
    ExitCode.REFUSED: "refused for safety; nothing was changed",
    ExitCode.ROLLED_BACK: "an apply stopped part-way and was rolled back",
    ExitCode.INCONCLUSIVE: "the measurements do not decide yet",
    ExitCode.USAGE: "wrong usage of the command line",
    ExitCode.BUSY: "another nodeagent holds the lock; try again later",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C or a signal",
}


class NodeagentError(Exception):
    """Base of every error a user may see: the message, the next command, the exit code."""

    exit_code = ExitCode.ERROR

    def __init__(self, message: str, *, remedy: str | None = None, exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        if exit_code is not None:
            self.exit_code = exit_code


class UsageError(NodeagentError):
    """An argument that can't be meant: unknown name, impossible combination."""

    exit_code = ExitCode.USAGE


class ProfileError(NodeagentError):
    """A profile or target document that can't be used; the message lists every fault with its place."""


class HostError(NodeagentError):
    """The machine answered a read or a write with something we can't go on from."""


class JournalError(NodeagentError):
    """The journal can't be read or can't keep a record; nothing more is written to the host."""


class HistoryError(NodeagentError):
    """The history of runs can't be read or can't keep a run; the measurement itself is told all the same."""


class RefusedError(NodeagentError):
    """Not done because it could hurt: a device in use, a stale plan, a conflict."""

    exit_code = ExitCode.REFUSED


class BusyError(NodeagentError):
    """Somebody else is at work; the message names the holder."""

    exit_code = ExitCode.BUSY


class BenchmarkError(NodeagentError):
    """A measurement that gave no sample: tool missing, refused, killed, or its output made no sense."""
