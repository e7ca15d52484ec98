"""nodeagent inside a guest, for tests: what this machine lacks for it is a need, not a failure."""

from cherrylab.guests.agent import NotPackableError
from cherrylab.guests.agent import install as install_agent
from cherrylab.guests.guest import Guest
from tests import needs


def install(guest: Guest) -> None:
    """Make `nodeagent` a command of the guest."""
    try:
        install_agent(guest)
    except NotPackableError as error:
        needs.missing(error.message, remedy=error.remedy or "make setup")
