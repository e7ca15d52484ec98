"""Observe and perform each kind of Change, one file a kind; the engine in tune/ calls these and nothing else.

Nothing here journals, decides or rolls back: `observe` looks, `perform` does one step or raises HostError. The three
small questions below them belong to the kinds too: what a half-done step looks like, what it leaves lying about, and
which change leads back to what was really there.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nodeagent.host.changes.observation import Observation
from nodeagent.model.array_change import MakeArray
from nodeagent.model.boot_change import SetBootParameters
from nodeagent.model.change import Change, MakeFilesystem, SetDirectory, SetMount, WriteConfig, WriteCoupled, WriteFile
from nodeagent.model.drive_change import SetNvmeFeature
from nodeagent.model.ethtool_change import SetChannels, SetCoalescing, SetFeatures, SetFlowHash, SetRings
from nodeagent.model.firewall_change import SetFirewallTable
from nodeagent.model.irq_change import SetIrqAffinity
from nodeagent.model.network_change import BindDriver, SetLink, SetVf, SetVfCount
from nodeagent.model.service_change import SetUnit
from nodeagent.model.swap_change import SetSwap

if TYPE_CHECKING:
    from nodeagent.host.host import Host

__all__ = ["Observation", "finish", "inverse", "is_half_done", "observe", "perform", "sweep"]


_FILES: dict[type[Change], str] = {
    WriteFile: "knob",
    WriteCoupled: "knob",
    WriteConfig: "config",
    SetDirectory: "directory",
    SetMount: "mount",
    MakeFilesystem: "filesystem",
    MakeArray: "array",
    SetVfCount: "vf_count",
    SetVf: "vf",
    BindDriver: "binding",
    SetLink: "link",
    SetChannels: "port_settings",
    SetRings: "port_settings",
    SetCoalescing: "port_settings",
    SetFeatures: "port_settings",
    SetFlowHash: "port_settings",
    SetNvmeFeature: "nvme_feature",
    SetBootParameters: "boot_parameters",
    SetUnit: "unit",
    SetSwap: "swap",
    SetFirewallTable: "firewall_table",
    SetIrqAffinity: "irq",
}
"""Kind of change to the file here that knows it; each is imported when it is needed."""


_IN_STEPS = WriteFile | WriteCoupled | SetDirectory | SetVfCount | SetVf | BindDriver | SetUnit | SetBootParameters
"""Kinds that an interruption can leave half done."""


def observe(host: "Host", change: Change) -> Observation:
    """The current state of what `change` is about; HostError where it is there but can't be read."""
    found: Observation = _file_of(change, "observe").observe(host, change)
    return found


def perform(host: "Host", change: Change) -> None:
    """Carry out one change, durably where it is persistent; HostError with errno and remedy where it can't be done.

    What `before` says is not checked here: the engine has just looked.
    """
    _file_of(change, "perform").perform(host, change)


def inverse(change: Change, *, raw: str) -> Change | None:
    """The change back to what was observed before `change`; `raw` is that observation's. None: no way back."""
    if isinstance(change, WriteConfig):
        from nodeagent.host.changes import config

        return config.inverse(change, raw)
    return change.inverse()


def is_half_done(change: Change, state: str) -> bool:
    """Could `state` be what an interrupted `perform` of this change left? Never true for what happens in one step."""
    if not isinstance(change, _IN_STEPS):
        return False
    half: bool = _file_of(change, "judge").is_half_done(change, state)
    return half


def sweep(host: "Host", change: Change) -> None:
    """Remove what an interrupted `perform` of this change may have left beside its object (a temporary file)."""
    if isinstance(change, SetBootParameters):
        _file_of(change, "sweep").sweep(host, change)
    if isinstance(change, WriteConfig | WriteFile | WriteCoupled):
        from nodeagent.host.changes import replacement

        paths = [member.path for member in change.members] if isinstance(change, WriteCoupled) else [change.path]
        for path in paths:
            replacement.sweep(host, path)


def finish(host: "Host", change: Change) -> None:
    """Do what follows the write of a change whose state is right already: its `perform` may have ended before that."""
    if isinstance(change, WriteConfig):
        from nodeagent.host.changes import config

        config.finish(host, change)


def _file_of(change: Change, doing: str) -> Any:
    name = _FILES.get(type(change))
    if name is None:
        raise TypeError(f"no way to {doing} a {type(change).__name__}")
    return import_module(f"{__name__}.{name}")
