"""Where a guest is reached, worked out of its server's number alone, so that every start of the cloud finds it again.

A lab has room for 99 numbers (guests/network.py): guest N has 10.77.0.(10+N) for management, which is its public
address, 10.78.0.(10+N) for data, which is its private one, and 10.77.0.(110+N) for its management controller.
"""

from collections.abc import Set as AbstractSet

from cherrylab.cloud.ips import Place
from cherrylab.drivers.driver import Addresses, DriverError
from cherrylab.guests.network import DATA, HOST, MANAGEMENT

MOST_MACHINES = 8
"""A guest takes 1 to 2 GiB of memory and all the CPU time that it can get."""

_NUMBERS = 99
_FIRST_GUEST = 10
_FIRST_BMC = 110


def guest_number(server_id: int) -> int:
    """1 to 99; two servers whose ids are 99 apart have the same, and only one of them can be there."""
    return (server_id - 1) % _NUMBERS + 1


def check_room(server_id: int, *, there: AbstractSet[int]) -> None:
    """DriverError where there is no room for one more beside those that are `there` (server ids)."""
    others = there - {server_id}
    same = next((other for other in others if guest_number(other) == guest_number(server_id)), None)
    if same is not None:
        raise DriverError(f"server {same} has the addresses that this one would get: delete it first")
    if len(others) >= MOST_MACHINES:
        raise DriverError(f"this machine has room for {MOST_MACHINES} guests")


def addresses_of(server_id: int) -> Addresses:
    """As the API is to tell them."""
    number = guest_number(server_id)
    return Addresses(
        public=Place(address=f"{MANAGEMENT}.{_FIRST_GUEST + number}", cidr=f"{MANAGEMENT}.0/24", gateway=HOST),
        private=Place(address=f"{DATA}.{_FIRST_GUEST + number}", cidr=f"{DATA}.0/24"),
        bmc=f"{MANAGEMENT}.{_FIRST_BMC + number}",
    )
