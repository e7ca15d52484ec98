"""A management controller as ipmitool meets it, without the machine behind it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from cherrylab.drivers.bmc import Bmc
from cherrylab.drivers.driver import BmcAccess
from cherrylab.drivers.keeper import Keeper
from cherrylab.drivers.power_socket import PowerSocket
from cherrylab.guests.image import Image
from cherrylab.guests.lab import Lab
from cherrylab.guests.network import HOST, LabNetwork
from nodeagent.host.process import run
from nodeagent.model.command import Command, Completed
from tests import needs

pytestmark = [pytest.mark.lab, pytest.mark.cloud, pytest.mark.timeout(300)]

_ADDRESS = "10.77.0.117"
_NUMBER = 7
_CLOSED = BmcAccess(user="kuser", password="first-password", open_until=None, allowed_ip=None)


@dataclass(slots=True, kw_only=True)
class Buttons:
    """The machine, as far as its controller knows it."""

    is_on: bool = True
    pressed: list[tuple[int, str, str]] = field(default_factory=list)

    def press(self, number: int, button: str, value: str) -> None:
        self.pressed.append((number, button, value))
        if button == "power":
            self.is_on = value == "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    """A controller, and what it did to its machine."""

    bmc: Bmc
    keeper: Keeper
    network: LabNetwork
    buttons: Buttons

    @property
    def pressed(self) -> list[tuple[int, str, str]]:
        return self.buttons.pressed

    def change(self, access: BmcAccess) -> None:
        self.keeper.do(lambda: self.bmc.change(access))

    def ask(self, action: str, *, password: str = _CLOSED.password) -> Completed:
        who = ("-I", "lanplus", "-C", "3", "-N", "3", "-R", "2", "-H", _ADDRESS, "-U", "kuser", "-E")
        return run(
            Command(
                argv=("ipmitool", *who, "chassis", "power", action),
                timeout_seconds=60,
                environment=(("IPMI_PASSWORD", password),),
                network_namespace=self.network.namespace,
            )
        )


@pytest.fixture
def controller() -> Iterator[Controller]:
    needs.root()
    for program in ("ip", "nft", "ipmi_sim", "ipmitool"):
        if needs.find_tool(program) is None:
            needs.missing(f"the program {program}", remedy="scripts/install-system-tools lab")
    with Lab.create(image=Image(directory=Path("/nowhere"))) as lab:
        keeper, buttons = Keeper(), Buttons()
        power = PowerSocket(lab.directory, is_on=lambda _number: buttons.is_on, press=buttons.press)
        bmc = Bmc(
            number=_NUMBER,
            address=_ADDRESS,
            network=lab.network,
            directory=lab.directory / "bmc",
            chassis=power.program,
        )
        try:
            keeper.do(lambda: bmc.start(_CLOSED))
            yield Controller(bmc=bmc, keeper=keeper, network=lab.network, buttons=buttons)
        finally:
            keeper.do(bmc.stop)
            power.close()
            keeper.close()


def test_it_answers_whom_it_is_open_for_and_presses_their_buttons(controller: Controller) -> None:
    assert not controller.ask("status").ok

    opened = replace(_CLOSED, open_until=time.time() + 3_600, allowed_ip=HOST)
    controller.change(opened)
    assert controller.ask("status").stdout == b"Chassis Power is on\n"
    assert not controller.ask("status", password="another-one").ok

    for action in ("reset", "soft", "off"):
        assert controller.ask(action).ok
    assert controller.pressed == [(_NUMBER, "reset", "1"), (_NUMBER, "shutdown", "1"), (_NUMBER, "power", "0")]
    assert controller.ask("status").stdout == b"Chassis Power is off\n"

    controller.change(replace(opened, allowed_ip="10.77.0.99"))
    assert not controller.ask("status").ok


def test_a_cycle_is_off_and_on_again(controller: Controller) -> None:
    controller.change(replace(_CLOSED, open_until=time.time() + 3_600))
    assert controller.ask("cycle").ok
    deadline = time.monotonic() + 60
    while len(controller.pressed) < 2 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert controller.pressed == [(_NUMBER, "power", "0"), (_NUMBER, "power", "1")]


def test_it_shuts_itself_and_forgets_an_old_password(controller: Controller) -> None:
    opened = replace(_CLOSED, open_until=time.time() + 3_600)
    controller.change(opened)
    assert controller.ask("status").ok

    controller.change(replace(opened, password="second-password"))
    assert not controller.ask("status").ok
    assert controller.ask("status", password="second-password").ok

    controller.change(replace(opened, password="second-password", open_until=time.time() + 2))
    time.sleep(3)
    assert not controller.ask("status", password="second-password").ok
