"""Does a profile fit this machine? Told with the reasons, and never guessed: what can't be read fits nothing.

A profile that doesn't fit is not refused here; whoever applies it decides what that means.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from nodeagent.model.profile import Match

if TYPE_CHECKING:
    from nodeagent.model.facts import HostFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """One condition of a profile's `match`. `fits` is None where the machine doesn't tell."""

    condition: str
    wanted: str
    got: str
    fits: bool | None

    def __str__(self) -> str:
        word = {True: "fits", False: "does not fit", None: "can't be told"}[self.fits]
        return f"{self.condition}: wanted {self.wanted}, got {self.got}: {word}"


def fits(match: Match, facts: "HostFacts", *, stage: str | None = None) -> tuple[Fit, ...]:
    """Every condition of the profile; it fits if all of them do. `stage` is the one that is worked for."""
    return tuple(_conditions(match, facts, stage))


def _conditions(match: Match, facts: "HostFacts", stage: str | None) -> Iterator[Fit]:
    """Facts are asked for only where there is a condition: each may have to be read first."""
    if match.cpu_model is not None:
        yield _cpu_model(match.cpu_model, facts.cpus.model)
    if match.cores_at_least is not None:
        yield _at_least("cores", match.cores_at_least, facts.cpus.cores)
    if match.memory_at_least_bytes is not None:
        yield _memory(match.memory_at_least_bytes, facts.memory.total_bytes)
    if match.virtualisation is not None:
        yield _virtualisation(match.virtualisation, facts.platform.virtualisation)
    if match.stage is not None:
        yield _stage(match.stage, stage)


def _cpu_model(wanted: str, got: str) -> Fit:
    same = fnmatchcase(got.casefold(), wanted.casefold()) if got else None
    return Fit(condition="CPU model", wanted=wanted, got=got or "unknown", fits=same)


def _at_least(condition: str, wanted: int, got: int | None) -> Fit:
    enough = None if got is None else got >= wanted
    return Fit(condition=condition, wanted=f"{wanted} or more", got="unknown" if got is None else str(got), fits=enough)


def _memory(wanted: int, got: int | None) -> Fit:
    fit = _at_least("memory", wanted, got)
    from nodeagent.model.units import format_bytes

    shown = "unknown" if got is None else format_bytes(got)
    return Fit(condition="memory", wanted=f"{format_bytes(wanted)} or more", got=shown, fits=fit.fits)


def _virtualisation(wanted: bool, hypervisor: str) -> Fit:
    words = {True: "a virtual machine", False: "bare metal"}
    got = hypervisor or "bare metal"
    return Fit(condition="virtualisation", wanted=words[wanted], got=got, fits=bool(hypervisor) == wanted)


def _stage(wanted: str, got: str | None) -> Fit:
    same = None if got is None else got == wanted
    return Fit(condition="stage", wanted=wanted, got=got or "none given", fits=same)
