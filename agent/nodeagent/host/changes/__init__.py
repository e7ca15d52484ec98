"""Observe and perform each kind of Change, one file a kind; the engine in tune/ calls these and nothing else.

Nothing here journals, decides or rolls back: `observe` looks, `perform` does one step or raises HostError. The three
small questions below them belong to the kinds too: what a half-done step looks like, what it leaves lying about, and
which change leads back to what was really there.
"""

from typing import TYPE_CHECKING

from nodeagent.host.changes.observation import Observation
from nodeagent.model.change import Change, MakeFilesystem, SetDirectory, SetMount, WriteConfig, WriteCoupled, WriteFile

if TYPE_CHECKING:
    from nodeagent.host.host import Host

__all__ = ["Observation", "inverse", "is_half_done", "observe", "perform", "sweep"]


def observe(host: "Host", change: Change) -> Observation:
    """The current state of what `change` is about; HostError where it is there but can't be read."""
    match change:
        case WriteFile() | WriteCoupled():
            from nodeagent.host.changes import knob

            return knob.observe(host, change)
        case WriteConfig():
            from nodeagent.host.changes import config

            return config.observe(host, change)
        case SetDirectory():
            from nodeagent.host.changes import directory

            return directory.observe(host, change)
        case SetMount():
            from nodeagent.host.changes import mount

            return mount.observe(host, change)
        case MakeFilesystem():
            from nodeagent.host.changes import filesystem

            return filesystem.observe(host, change)
        case _:
            raise TypeError(f"no way to observe a {type(change).__name__}")


def perform(host: "Host", change: Change) -> None:
    """Carry out one change, durably where it is persistent; HostError with errno and remedy where it can't be done.

    What `before` says is not checked here: the engine has just looked.
    """
    match change:
        case WriteFile() | WriteCoupled():
            from nodeagent.host.changes import knob

            knob.perform(host, change)
        case WriteConfig():
            from nodeagent.host.changes import config

            config.perform(host, change)
        case SetDirectory():
            from nodeagent.host.changes import directory

            directory.perform(host, change)
        case SetMount():
            from nodeagent.host.changes import mount

            mount.perform(host, change)
        case MakeFilesystem():
            from nodeagent.host.changes import filesystem

            filesystem.perform(host, change)
        case _:
            raise TypeError(f"no way to perform a {type(change).__name__}")


def inverse(change: Change, *, raw: str) -> Change | None:
    """The change back to what was observed before `change`; `raw` is that observation's. None: no way back."""
    if isinstance(change, WriteConfig):
        from nodeagent.host.changes import config

        return config.inverse(change, raw)
    return change.inverse()


def is_half_done(change: Change, state: str) -> bool:
    """Could `state` be what an interrupted `perform` of this change left? Never true for what happens in one step."""
    match change:
        case WriteCoupled():
            from nodeagent.host.changes import knob

            return knob.is_half_done(change, state)
        case SetDirectory():
            from nodeagent.host.changes import directory

            return directory.is_half_done(change, state)
        case _:
            return False


def sweep(host: "Host", change: Change) -> None:
    """Remove what an interrupted `perform` of this change may have left beside its object (a temporary file)."""
    if isinstance(change, WriteConfig | WriteFile | WriteCoupled):
        from nodeagent.host.changes import replacement

        paths = [member.path for member in change.members] if isinstance(change, WriteCoupled) else [change.path]
        for path in paths:
            replacement.sweep(host, path)
