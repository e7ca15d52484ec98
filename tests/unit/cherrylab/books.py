"""A cloud without HTTP: the books in a file, a clock that is moved by hand, a driver that is watched."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cherrylab.cloud.catalogue import load_catalogue
from cherrylab.cloud.clock import VirtualClock
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.lifecycle import Delays
from cherrylab.cloud.store import Store
from cherrylab.cloud.works import Works
from cherrylab.drivers.driver import Addresses, Driver, DriverError, Machine, PowerAction
from cherrylab.drivers.instant import InstantDriver

CATALOGUE = load_catalogue()
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ/8YZ9kE1sQ7lCk3o4f1s3q8g9c0Qd0v0kqW6l1m2n3 test"


def open_cloud(
    path: Path,
    *,
    clock: VirtualClock | None = None,
    driver: Driver | None = None,
    delays: Delays | None = None,
    stock: dict[tuple[str, str], int] | None = None,
) -> Cloud:
    """The cloud whose books are at a path, begun anew or taken up again."""
    chosen = driver or InstantDriver()
    cloud = Cloud(
        store=Store.open(path),
        catalogue=CATALOGUE,
        clock=clock or VirtualClock(),
        driver=chosen,
        works=Works(chosen),
        delays=delays or Delays(),
        stock=stock or {},
    )
    cloud.begin()
    return cloud


@dataclass(slots=True)
class WatchedDriver:
    """Remembers its calls; what is in `failing` raises."""

    is_instant: bool = True
    failing: set[str] = field(default_factory=set)
    calls: list[tuple[str, int]] = field(default_factory=list)
    machines: list[Machine] = field(default_factory=list)
    told_on: bool | None = None
    places: Addresses | None = None
    name: str = "watched"

    def addresses(self, server_id: int, *, project_id: int, plan: dict[str, Any]) -> Addresses | None:
        self._note("addresses", server_id)
        return self.places

    def created(self, machine: Machine) -> None:
        self._with("created", machine)

    def reinstalled(self, machine: Machine) -> None:
        self._with("reinstalled", machine)

    def resumed(self, machine: Machine) -> None:
        self._with("resumed", machine)

    def deleted(self, server_id: int) -> None:
        self._note("deleted", server_id)

    def power(self, machine: Machine, action: PowerAction) -> None:
        self._with(f"power {action}", machine)

    def is_on(self, server_id: int) -> bool | None:
        return self.told_on

    def bmc_changed(self, machine: Machine) -> None:
        self._with("bmc", machine)

    def close(self) -> None:
        self.calls.append(("close", 0))

    def _with(self, call: str, machine: Machine) -> None:
        self.machines.append(machine)
        self._note(call, machine.server_id)

    def _note(self, call: str, server_id: int) -> None:
        self.calls.append((call, server_id))
        if call in self.failing:
            raise DriverError(f"{call} does not work today")
