"""Who may do what: a token, and whether it may change anything."""

from collections.abc import Mapping
from enum import StrEnum

from cherrylab.cloud.errors import ForbiddenError, UnauthorizedError

_READING = frozenset({"GET", "HEAD"})


class Access(StrEnum):
    """What a token allows."""

    FULL = "full"
    READ = "read"


def check(tokens: Mapping[str, Access], authorization: str | None, method: str) -> None:
    """UnauthorizedError without a known token, ForbiddenError where it may only read. No token is ever repeated."""
    kind, _, token = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or token not in tokens:
        raise UnauthorizedError("You are not authorized to access this resource: invalid or missing API token.")
    if tokens[token] is Access.READ and method not in _READING:
        raise ForbiddenError("You do not have permission to perform this action.")
