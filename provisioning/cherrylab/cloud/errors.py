"""What the cloud answers instead of doing it: a code and a message, as the API has them.

A client sees `{"code": 400, "message": "..."}`. "Given server plan was not found." is the API's own; the other messages
follow its manner.
"""

from typing import ClassVar


class CloudError(Exception):
    """A refusal; nothing was changed."""

    code: ClassVar[int] = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidError(CloudError):
    """The request can't be meant, or can't be met."""

    code = 400


class UnauthorizedError(CloudError):
    """No token, or an unknown one."""

    code = 401


class ForbiddenError(CloudError):
    """A token that may not do this."""

    code = 403


class NotFoundError(CloudError):
    """There is no such thing, or no longer."""

    code = 404


class TooManyRequestsError(CloudError):
    """More requests in a second than one source may make."""

    code = 429
