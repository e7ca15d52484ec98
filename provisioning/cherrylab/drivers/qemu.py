"""Servers that are machines: each one is a guest, which cloud-init installs with its user data.

The lab with its network is there while the cloud is up. Guests end with it, whichever way it ends, and come back with
it: their disks are in the cloud's directory, and the lab's only holds links to them (sockets need short paths).
"""

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cherrylab.drivers import artefacts
from cherrylab.drivers.bmc import Bmc, guest_arguments
from cherrylab.drivers.cloud_init import wait_for_cloud_init
from cherrylab.drivers.driver import Addresses, DriverError, Machine, PowerAction
from cherrylab.drivers.keeper import Keeper
from cherrylab.drivers.places import addresses_of, check_room, guest_number
from cherrylab.drivers.power_socket import PowerSocket
from cherrylab.drivers.seed import write_seed
from cherrylab.drivers.templates import template_of
from cherrylab.guests.guest import Guest
from cherrylab.guests.image import Image
from cherrylab.guests.lab import Lab
from nodeagent.host.process import Running
from nodeagent.model.errors import HostError, UsageError

PROGRAMS = ("qemu-system-x86_64", "qemu-img", "ip", "ssh", "mmdebstrap", "xorrisofs", "ipmi_sim", "nft")
NAMESPACE_NOTE = "namespace"
"""The file in the cloud's directory that names the network of its guests."""

_YEAR_SECONDS = 365 * 86_400.0
_BOOTS_AT_ONCE = 2
_SHUTDOWN_SECONDS = 20.0
_IMAGE_NOTE = "image"
_LOG = logging.getLogger("cherrylab.qemu")


class QemuDriver:
    """A guest behind every server.

    `directory` is the cloud's, where the disks are kept; `artefacts_directory` is what guests find at http://10.77.0.1/,
    its `artefacts` by default.
    """

    name = "qemu"
    is_instant = False

    def __init__(self, directory: Path, *, artefacts_directory: Path | None = None) -> None:
        """Make the lab; HostError where that fails."""
        shelf = artefacts_directory or directory / "artefacts"
        shelf.mkdir(exist_ok=True)
        self._directory = directory
        self._machines = directory / "machines"
        self._machines.mkdir(mode=0o700, exist_ok=True)
        self._guests: dict[int, Guest] = {}
        self._bmcs: dict[int, Bmc] = {}
        self._promised: set[int] = set()
        self._booting = threading.Semaphore(_BOOTS_AT_ONCE)
        self._closed = False
        self._keeper = Keeper()
        self._lab = Lab.create()
        try:
            self._buttons = PowerSocket(self._lab.directory, is_on=self._is_number_on, press=self._press_of_bmc)
            self._server: Running = self._keeper.do(lambda: artefacts.serve(shelf, self._lab.network))
            (directory / NAMESPACE_NOTE).write_text(self._lab.network.namespace)
        except BaseException:
            self._lab.remove()
            self._keeper.close()
            raise

    def addresses(self, server_id: int, *, project_id: int, plan: dict[str, Any]) -> Addresses | None:
        check_room(server_id, there={int(path.name) for path in self._machines.iterdir()} | self._promised)
        self._promised.add(server_id)
        return addresses_of(server_id)

    def created(self, machine: Machine) -> None:
        with _told(machine):
            self._remove(machine.server_id)
            place = self._place(machine.server_id)
            place.mkdir(mode=0o700)
            (place / _IMAGE_NOTE).write_text(str(self._lab.image.directory))
            guest = self._attach(machine)
            guest.make_disks()
            write_seed(machine, guest.files.seed)
            with self._booting:
                self._switch(machine.server_id, on=True)
                guest.wait_until_answering()
                wait_for_cloud_init(guest.shell)

    def reinstalled(self, machine: Machine) -> None:
        self.created(machine)

    def resumed(self, machine: Machine) -> None:
        if not self._place(machine.server_id).exists():
            self.created(machine)
            return
        with _told(machine):
            self._attach(machine)
            self._switch(machine.server_id, on=machine.is_on)

    def deleted(self, server_id: int) -> None:
        with _told(server_id):
            self._remove(server_id)
            self._promised.discard(server_id)

    def power(self, machine: Machine, action: PowerAction) -> None:
        with _told(machine):
            match action:
                case PowerAction.ON | PowerAction.OFF:
                    self._switch(machine.server_id, on=action is PowerAction.ON)
                case PowerAction.CYCLE:
                    self._switch(machine.server_id, on=False)
                    self._switch(machine.server_id, on=True)
                case PowerAction.REBOOT:
                    self._reboot(machine.server_id)

    def is_on(self, server_id: int) -> bool | None:
        guest = self._guests.get(server_id)
        return None if guest is None else guest.is_running()

    def bmc_changed(self, machine: Machine) -> None:
        with _told(machine):
            bmc = self._bmcs[machine.server_id]
            self._keeper.do(lambda: bmc.change(machine.bmc))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            _shut_down([guest for guest in self._guests.values() if guest.is_running()])
            self._buttons.close()
            self._keeper.do(self._end)
        finally:
            self._lab.remove()
            self._keeper.close()
            (self._directory / NAMESPACE_NOTE).unlink(missing_ok=True)

    def _end(self) -> None:
        for guest in self._guests.values():
            guest.remove()
        for bmc in self._bmcs.values():
            bmc.stop()
        self._server.stop()

    def _place(self, server_id: int) -> Path:
        """Where its disks are."""
        return self._machines / str(server_id)

    def _attach(self, machine: Machine) -> Guest:
        """Connect what is in the machine's directory to the lab."""
        number, place = guest_number(machine.server_id), self._place(machine.server_id)
        guest = Guest(
            number=number,
            template=template_of(machine.plan),
            image=Image(directory=Path((place / _IMAGE_NOTE).read_text())),
            network=self._lab.network,
            directory=self._lab.directory / f"g{number}",
            cloud_init=True,
            life_seconds=_YEAR_SECONDS,
        )
        bmc = Bmc(
            number=number,
            address=machine.addresses.bmc,
            network=self._lab.network,
            directory=self._lab.directory / f"bmc{number}",
            chassis=self._buttons.program,
        )
        guest.directory.symlink_to(place)
        self._guests[machine.server_id], self._bmcs[machine.server_id] = guest, bmc
        guest.add_taps()
        self._keeper.do(lambda: bmc.start(machine.bmc))
        return guest

    def _remove(self, server_id: int) -> None:
        """Whatever there is of it."""
        guest, bmc = self._guests.pop(server_id, None), self._bmcs.pop(server_id, None)
        if guest is not None:
            self._keeper.do(guest.remove)
            # It may not have come as far as its cables.
            with suppress(HostError):
                guest.remove_taps()
            guest.directory.unlink(missing_ok=True)
        if bmc is not None:
            self._keeper.do(bmc.stop)
        if self._place(server_id).exists():
            shutil.rmtree(self._place(server_id))

    def _switch(self, server_id: int, *, on: bool) -> None:
        guest = self._guests[server_id]

        def switch() -> None:
            if guest.is_running() == on:
                return
            if on:
                guest.power_on(arguments=guest_arguments(guest.number))
            else:
                guest.power_cut()

        self._keeper.do(switch)

    def _reboot(self, server_id: int) -> None:
        guest = self._guests[server_id]
        if not guest.is_running():
            self._switch(server_id, on=True)
        elif not guest.shell.run("systemctl reboot").ok:
            _LOG.warning("server %d does not hear; its reset button is pressed", server_id)
            guest.monitor.reset()

    def _server_of(self, number: int) -> int:
        return next(server for server, guest in self._guests.items() if guest.number == number)

    def _is_number_on(self, number: int) -> bool:
        return self._guests[self._server_of(number)].is_running()

    def _press_of_bmc(self, number: int, button: str, value: str) -> None:
        server_id = self._server_of(number)
        _LOG.info("BMC of server %d: %s %s", server_id, button, value)
        match button, value:
            case "power", ("0" | "1"):
                self._switch(server_id, on=value == "1")
            case "reset", "1":
                self._guests[server_id].monitor.reset()
            case "shutdown", "1":
                self._guests[server_id].monitor.press_power_button()
            case _:
                raise HostError(f"a BMC has no button {button} {value}")


def namespace(directory: Path) -> str:
    """The name of the network of a cloud's guests; UsageError where the cloud has none."""
    try:
        return (directory / NAMESPACE_NOTE).read_text()
    except FileNotFoundError as error:
        raise UsageError(
            f"the cloud in {directory} has no machines", remedy="cherrylab down && cherrylab up --driver qemu"
        ) from error


@contextmanager
def _told(what: Machine | int) -> Iterator[None]:
    """What this machine can't do is a DriverError, which the cloud knows how to tell."""
    try:
        yield
    except (HostError, OSError) as error:
        name = what.hostname if isinstance(what, Machine) else f"server {what}"
        raise DriverError(f"{name}: {error}") from error


def _shut_down(guests: list[Guest]) -> None:
    """Press their power buttons, so that no file system is cut; whoever takes too long is cut all the same."""
    for guest in guests:
        try:
            guest.monitor.press_power_button()
        except HostError as error:
            _LOG.warning("guest %d: %s", guest.number, error)
    deadline = time.monotonic() + _SHUTDOWN_SECONDS
    while any(guest.is_running() for guest in guests) and time.monotonic() < deadline:
        time.sleep(0.2)
