"""Does a profile fit this machine? Told with the reasons, and never guessed: what can't be read fits nothing.

A profile that doesn't fit is not refused here; whoever applies it decides what that means.
"""

from dataclasses import dataclass
from fnmatch import fnmatchcase

from nodeagent.model.facts import HostFacts
from nodeagent.model.profile import Match


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


def fits(match: Match, facts: HostFacts, *, stage: str | None = None) -> tuple[Fit, ...]:
    """Every condition of the profile; it fits if all of them do. `stage` is the one that is worked for."""
    found = [
        _cpu_model(match.cpu_model, facts.cpus.model),
        _at_least("cores", match.cores_at_least, facts.cpus.cores),
        _memory(match.memory_at_least_bytes, facts.memory.total_bytes),
        _virtualisation(match.virtualisation, facts.platform.virtualisation),
        _stage(match.stage, stage),
    ]
    return tuple(fit for fit in found if fit)


def _cpu_model(wanted: str | None, got: str) -> Fit | None:
    if wanted is None:
        return None
    same = fnmatchcase(got.casefold(), wanted.casefold()) if got else None
    return Fit(condition="CPU model", wanted=wanted, got=got or "unknown", fits=same)


def _at_least(condition: str, wanted: int | None, got: int | None) -> Fit | None:
    if wanted is None:
        return None
    enough = None if got is None else got >= wanted
    return Fit(condition=condition, wanted=f"{wanted} or more", got="unknown" if got is None else str(got), fits=enough)


def _memory(wanted: int | None, got: int | None) -> Fit | None:
    fit = _at_least("memory", wanted, got)
    if fit is None or wanted is None:
        return None
    from nodeagent.model.units import format_bytes

    shown = "unknown" if got is None else format_bytes(got)
    return Fit(condition="memory", wanted=f"{format_bytes(wanted)} or more", got=shown, fits=fit.fits)


def _virtualisation(wanted: bool | None, hypervisor: str) -> Fit | None:
    if wanted is None:
        return None
    words = {True: "a virtual machine", False: "bare metal"}
    got = hypervisor or "bare metal"
    return Fit(condition="virtualisation", wanted=words[wanted], got=got, fits=bool(hypervisor) == wanted)


def _stage(wanted: str | None, got: str | None) -> Fit | None:
    if wanted is None:
        return None
    same = None if got is None else got == wanted
    return Fit(condition="stage", wanted=wanted, got=got or "none given", fits=same)
