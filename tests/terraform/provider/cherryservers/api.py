"""The HTTP client of the stand-in, as cherrygo v3 is one: a new connection a call, no retry, no time limit."""

import json
import os
import sys
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, NoReturn

from tests.terraform.provider.diagnostics import DiagnosticError
from tests.terraform.provider.values import UNKNOWN, Object

_BASE = "https://api.cherryservers.com/v1"
_USER_AGENT = "terraform-provider/cherryservers/1.5.3 cherry-agent-go/"
_TOKEN_VARIABLES = ("CHERRY_AUTH_KEY", "CHERRY_AUTH_TOKEN")
_SUCCESS_BELOW = 299


class ApiError(Exception):
    """The API said no, or could not be understood or reached: then there is no status."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Calls the API at its real name; proxy and certificate authority come from the environment, as everywhere."""

    def __init__(self, token: str) -> None:
        self._token = token

    def call(self, method: str, path: str, body: Object | None = None) -> Any:
        """Send one request below /v1 and return the JSON of the answer, None where there is none. Raises ApiError."""
        request = urllib.request.Request(
            f"{_BASE}/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": _USER_AGENT,
            },
        )
        try:
            with urllib.request.urlopen(request) as response:  # the scheme is ours
                status, content = response.status, response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise _said_no(error.code, error.read()) from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise ApiError(f'{method.title()} "{_BASE}/{path}": {reason}') from error
        if status >= _SUCCESS_BELOW:
            raise _said_no(status, content)
        if not content:
            return None
        return _json(content)

    def get(self, path: str) -> Any:
        """GET; a body is expected."""
        return self.call("GET", path)


def configure(config: Object) -> Client:
    """A client from the provider block, else from the environment. Raises DiagnosticError without a token."""
    token = config.get("api_token")
    if token is UNKNOWN:
        raise DiagnosticError(
            "Unknown CherryServers API token",
            "The API token comes from something that is known only after apply. Set CHERRY_AUTH_TOKEN instead.",
            attribute="api_token",
        )
    token = token or next((os.environ[name] for name in _TOKEN_VARIABLES if os.environ.get(name)), None)
    if not token:
        raise DiagnosticError(
            "Missing CherryServers API token",
            "There is no API token, neither in the provider block nor in CHERRY_AUTH_TOKEN.",
            attribute="api_token",
        )
    return Client(token)


def crash_like_the_real_one() -> NoReturn:
    """End the plugin in the middle of a call.

    1.5.3 looks at the status of the answer without asking whether there was one, so an HTML page from a gateway or a
    cut connection during a refresh is a nil pointer.
    """
    print("panic: runtime error: invalid memory address or nil pointer dereference", file=sys.stderr, flush=True)
    os._exit(2)


def read_or_gone(client: Client, path: str, *, summary: str) -> Any:
    """What a refresh gets; None for a 404. Any other answer of the API is an error."""
    try:
        return client.get(path)
    except ApiError as error:
        if error.status is None:
            crash_like_the_real_one()
        if error.status == 404:
            return None
        raise DiagnosticError(summary, str(error)) from error


def asked(summary: str, client: Client, method: str, path: str, body: Object | None = None) -> Any:
    """Like `Client.call`, with an error that Terraform can show."""
    try:
        return client.call(method, path, body)
    except ApiError as error:
        raise DiagnosticError(summary, str(error)) from error


def _said_no(status: int, content: bytes) -> ApiError:
    answer = _json(content)
    message, code = answer.get("message", ""), answer.get("code", 0)
    return ApiError(f"Error response from API: {message} (error code: {code})", status=status)


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        shown = content[:1].decode(errors="replace")
        raise ApiError(f"invalid character '{shown}' looking for beginning of value") from error
