"""What the driver is to be told, noted while the books are written (works.py tells it)."""

from dataclasses import dataclass
from enum import StrEnum

from cherrylab.drivers.driver import PowerAction


class Job(StrEnum):
    """One of the driver's calls."""

    CREATE = "create"
    REINSTALL = "reinstall"
    DELETE = "delete"
    RESUME = "resume"
    POWER = "power"
    BMC = "bmc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One call for one server; `action` is the button of a POWER."""

    server_id: int
    job: Job
    action: PowerAction | None = None
