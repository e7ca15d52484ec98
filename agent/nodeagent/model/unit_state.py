"""A systemd unit as its files tell it: where it comes from, whether it starts at boot, whether it runs.

All of it stands in files (unit files and links for the first two, the unit's control group and the record of its
invocation for the last), so that a captured tree answers as the machine did and nobody has to be asked.

Sources: systemd.unit(5) (load path, drop-ins, [Install]), systemctl(1) (is-enabled), sd_booted(3); src/core/unit.c for
/run/systemd/units, where PID 1 keeps one link for each unit that started a process and is not inactive again.
"""

from dataclasses import dataclass
from enum import StrEnum

ETC_UNITS = "/etc/systemd/system"
RUN_UNITS = "/run/systemd/system"
"""A directory exactly while systemd runs the machine (sd_booted(3))."""


class Enablement(StrEnum):
    """Whether a unit starts at boot, in the words of `systemctl is-enabled`."""

    ENABLED = "enabled"
    ENABLED_RUNTIME = "enabled-runtime"
    DISABLED = "disabled"
    STATIC = "static"
    INDIRECT = "indirect"
    LINKED = "linked"
    MASKED = "masked"
    MASKED_RUNTIME = "masked-runtime"
    GENERATED = "generated"
    TRANSIENT = "transient"
    NOT_FOUND = "not-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitState:
    """One unit. `name` is its own name where an alias was asked for.

    `fragment` is the unit file, "" where there is none; that of a masked unit is the one that the mask hides.
    `mask` is the link to /dev/null (or the empty file) that forbids it. `links` and `runtime_links` are what enables
    it, relative to /etc/systemd/system and /run/systemd/system (`multi-user.target.wants/chrony.service`), `install`
    what `systemctl enable` would make, `also` the units that it would enable with it.
    `active` is None where nothing tells, then `problem` says why. `processes` are those of its own control group.
    `drop_ins` are files in the order they take effect, the last one wins.
    """

    name: str
    fragment: str = ""
    mask: str = ""
    links: tuple[str, ...] = ()
    runtime_links: tuple[str, ...] = ()
    install: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    is_linked: bool = False
    active: bool | None = None
    processes: tuple[int, ...] = ()
    drop_ins: tuple[str, ...] = ()
    problem: str = ""

    @property
    def exists(self) -> bool:
        """Is there a unit file, or at least a mask where one may come?"""
        return bool(self.fragment or self.mask)

    @property
    def is_masked(self) -> bool:
        """Masked for good, by a link in /etc."""
        return self.mask == f"{ETC_UNITS}/{self.name}"

    @property
    def enablement(self) -> Enablement:
        if self.mask:
            return Enablement.MASKED_RUNTIME if self.mask.startswith("/run/") else Enablement.MASKED
        if not self.fragment:
            return Enablement.NOT_FOUND
        if self.links:
            return Enablement.ENABLED
        if self.runtime_links:
            return Enablement.ENABLED_RUNTIME
        return self._without_links()

    def _without_links(self) -> Enablement:
        if self.fragment.startswith("/run/systemd/generator"):
            return Enablement.GENERATED
        if self.fragment.startswith("/run/systemd/transient/"):
            return Enablement.TRANSIENT
        if self.is_linked:
            return Enablement.LINKED
        if self.install:
            return Enablement.DISABLED
        return Enablement.INDIRECT if self.also else Enablement.STATIC
