"""The seam between the cloud and whatever its servers really are.

The cloud keeps the books: who ordered what, what it costs, which address it has, what the API answers. A driver makes
it true. It is told after the books are written and durable, never inside a transaction, so a call may take its time.

What holds for every call:

- It may come again for the same server, after a restart or after it was killed half-way: done twice is done once.
- Calls for one server come one after another, in the order of the books; calls for different servers may overlap.
- With `is_instant` they are made at once, before the client has its answer, so they may take milliseconds only. Without
  it they are made in a worker thread and may take minutes; the server's state shows that they are under way.
- DriverError is the only exception that is foreseen. From `created` and `reinstalled` it gives the server the status
  `failed deployment`; from `deleted` the server stays `terminating`, and the call comes again at the next start; from
  the others it is written to the log and the books stand.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from cherrylab.cloud.ips import Place


class DriverError(Exception):
    """The machine could not be made what the books say; the message says what failed."""


class PowerAction(StrEnum):
    """A button of the machine. CYCLE cuts the power and gives it back; REBOOT asks the system to start anew."""

    ON = "on"
    OFF = "off"
    CYCLE = "cycle"
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where a machine is reached. `bmc` is the address of its management controller."""

    public: Place
    private: Place
    bmc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BmcAccess:
    """Who may log in at the management controller, and from where: `allowed_ip` None is anywhere.

    The driver closes it at `open_until` (seconds since 1970; None is closed); it hears nothing more of that.
    """

    user: str
    password: str
    open_until: float | None
    allowed_ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A server as a driver needs it.

    `plan` is the catalogue's entry (`specs.cpus`, `.memory`, `.storage`, `.nics`), `image` a slug, `user_data` what
    cloud-init is to run, decoded; `ssh_keys` are lines of authorized_keys. `rescue_password` is set in rescue mode.
    """

    server_id: int
    project_id: int
    hostname: str
    plan: dict[str, Any]
    region: str
    image: str
    user_data: bytes
    ssh_keys: tuple[str, ...]
    password: str
    addresses: Addresses
    bmc: BmcAccess
    tags: dict[str, str]
    rescue_password: str | None
    is_on: bool


class Driver(Protocol):
    """What makes servers true; see above for what holds for every call."""

    @property
    def name(self) -> str:
        """As `cherrylab up --driver` has it."""

    @property
    def is_instant(self) -> bool:
        """Whether calls are made before the client has its answer."""

    def addresses(self, server_id: int, *, project_id: int, plan: dict[str, Any]) -> Addresses | None:
        """Where a server that is about to be ordered will be reached; None lets the cloud choose.

        The one call made inside the transaction of the order: milliseconds, no side effect that must be undone, and the
        same answer for the same server. DriverError refuses the order (the API answers that there is no stock).
        """

    def created(self, machine: Machine) -> None:
        """Make it, switch it on, and return when its system runs."""

    def reinstalled(self, machine: Machine) -> None:
        """Make all its drives anew, its system from `image` and `user_data`, and return when that runs."""

    def resumed(self, machine: Machine) -> None:
        """The cloud is up again: bring it back where it is gone, with its drives, in the power state of `is_on`.

        Called once at each start for every server whose deployment was done by then.
        """

    def deleted(self, server_id: int) -> None:
        """Switch it off and remove it and its disks; one that was never made is fine."""

    def power(self, machine: Machine, action: PowerAction) -> None:
        """Press a button, also on a machine that is in the wanted state already."""

    def is_on(self, server_id: int) -> bool | None:
        """Whether it is switched on, asked at each read of the power state; None where only the books know.

        Milliseconds; the machine may have been switched by its own system or through its BMC.
        """

    def bmc_changed(self, machine: Machine) -> None:
        """Its BMC has another password, or is open to another address."""

    def close(self) -> None:
        """The cloud goes down; only this call may come after it. Machines end with it or stay, as the driver wants."""
