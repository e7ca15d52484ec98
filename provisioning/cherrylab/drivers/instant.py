"""Servers that are nothing but their entry in the books: ready at once, reachable never."""

from typing import Any

from cherrylab.drivers.driver import Addresses, Machine, PowerAction


class InstantDriver:
    """No machine behind a server."""

    name = "instant"
    is_instant = True

    def addresses(self, server_id: int, *, project_id: int, plan: dict[str, Any]) -> Addresses | None:
        return None

    def created(self, machine: Machine) -> None:
        pass

    def reinstalled(self, machine: Machine) -> None:
        pass

    def resumed(self, machine: Machine) -> None:
        pass

    def deleted(self, server_id: int) -> None:
        pass

    def power(self, machine: Machine, action: PowerAction) -> None:
        pass

    def is_on(self, server_id: int) -> bool | None:
        return None

    def bmc_changed(self, machine: Machine) -> None:
        pass

    def close(self) -> None:
        pass
