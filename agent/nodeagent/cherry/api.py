"""The Cherry Servers API: the only place that speaks HTTP.

A call is made again only where that can't do it twice: reads and deletes after any failure, everything after a 429 or
where the request never left. HTTPS_PROXY and SSL_CERT_FILE are heeded, as by the Terraform provider, so that cherrylab
answers in the API's place. No error repeats a token, nor what the API said without the token being taken out first.

Source: https://api.cherryservers.com/doc
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import httpx
import stamina
import stamina.instrumentation

from nodeagent.cherry.pace import API_HOST, Pace
from nodeagent.cherry.secret import Secret
from nodeagent.model.errors import ExitCode, NodeagentError
from nodeagent.version import VERSION

HOST = f"https://{API_HOST}"
_PAGE = 100
_TIMEOUT_SECONDS = 30.0
_MESSAGE_LIMIT = 300
_REPEATABLE = frozenset({"GET", "DELETE"})
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LEFT_HEADERS = ("ratelimit-remaining", "x-ratelimit-remaining")

Json = dict[str, object]
T = TypeVar("T")

# It would log each retry and import a metrics library to count them; what matters is told by the error at the end.
stamina.instrumentation.set_on_retry_hooks(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long a call is made again."""

    attempts: int = 5
    timeout_seconds: float = 45.0
    first_wait_seconds: float = 0.5
    rate_wait_seconds: float = 1.0


class CherryError(NodeagentError):
    """The API refused, failed or didn't answer. `status` is None where no answer came."""

    def __init__(
        self, message: str, *, remedy: str, status: int | None = None, exit_code: ExitCode | None = None
    ) -> None:
        super().__init__(message, remedy=remedy, exit_code=exit_code)
        self.status = status


class _FailedError(Exception):
    """An answer that is none of success, on its way to being tried again or told."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(response.status_code)
        self.response = response


class Api:
    """One connection to the API with one token; a context manager."""

    def __init__(
        self,
        token: Secret,
        *,
        transport: httpx.BaseTransport | None = None,
        pace: Pace | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._token = token
        self._pace = pace or Pace()
        self._patience = patience or Patience()
        self._client = httpx.Client(
            base_url=HOST,
            headers={"Accept": "application/json", "User-Agent": f"nodeagent/{VERSION}"},
            auth=_bearer(token),
            transport=transport,
            timeout=_TIMEOUT_SECONDS,
            follow_redirects=False,
        )
        self.requests_left: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def get(self, path: str, **query: str | int) -> Json:
        """One object."""
        return _expect(self._call("GET", path, query=query), dict, f"GET {path}")

    def get_list(self, path: str, **query: str | int) -> tuple[Json, ...]:
        """All entries of a list, page by page."""
        return tuple(self._pages(path, query))

    def post(self, path: str, body: Json) -> Json:
        """Make or do something; {} where the API has nothing to say."""
        answer = self._call("POST", path, body=body)
        return _expect(answer, dict, f"POST {path}") if answer.content else {}

    def delete(self, path: str) -> None:
        self._call("DELETE", path)

    def _pages(self, path: str, query: dict[str, str | int]) -> Iterator[Json]:
        offset = 0
        while True:
            answer = self._call("GET", path, query={**query, "limit": _PAGE, "offset": offset})
            entries = _expect(answer, list, f"GET {path}")
            yield from (_entry(entry, path) for entry in entries)
            offset += len(entries)
            total = answer.headers.get("X-Total-Count", "")
            if not entries or offset >= (int(total) if total.isdigit() else 0):
                return

    def _call(
        self, method: str, path: str, *, query: dict[str, str | int] | None = None, body: Json | None = None
    ) -> httpx.Response:
        def again(error: Exception) -> bool | float:
            return self._again(error, method)

        try:
            for attempt in stamina.retry_context(
                on=again,
                attempts=self._patience.attempts,
                timeout=self._patience.timeout_seconds,
                wait_initial=self._patience.first_wait_seconds,
                wait_jitter=self._patience.first_wait_seconds / 2,
            ):
                with attempt:
                    return self._once(method, path, query, body)
        except _FailedError as error:
            raise self._refused(error.response, f"{method} {path}") from None
        except httpx.HTTPError as error:
            raise self._unreachable(error, f"{method} {path}") from None
        raise AssertionError("a retry ends with an answer or an error")

    def _once(self, method: str, path: str, query: dict[str, str | int] | None, body: Json | None) -> httpx.Response:
        self._pace.wait()
        response = self._client.request(method, f"/v1{path}", params=query or None, json=body)
        for name in _LEFT_HEADERS:
            if (left := response.headers.get(name, "")).isdigit():
                self.requests_left = int(left)
        if not response.is_success:
            raise _FailedError(response)
        return response

    def _again(self, error: Exception, method: str) -> bool | float:
        """Whether to try again, or after how many seconds."""
        match error:
            case _FailedError(response=response) if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                told = response.headers.get("Retry-After", "")
                return float(told) if told.isdigit() else self._patience.rate_wait_seconds
            case _FailedError(response=response):
                return method in _REPEATABLE and response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
            case httpx.ProxyError():
                return False
            case httpx.TransportError():
                return method in _REPEATABLE or isinstance(error, _NEVER_SENT)
            case _:
                return False

    def _refused(self, response: httpx.Response, what: str) -> CherryError:
        said, status = self._said(response), response.status_code
        exit_code = ExitCode.BUSY if status == httpx.codes.TOO_MANY_REQUESTS else None
        return CherryError(
            f"{what}: the API answered {status}: {said}", remedy=_remedy(status), status=status, exit_code=exit_code
        )

    def _said(self, response: httpx.Response) -> str:
        """The API's own message, printable, without the token; its pages of HTML are not repeated."""
        try:
            message = response.json().get("message")
        except (ValueError, AttributeError):
            return "not in JSON"
        text = "".join(char for char in str(message) if char.isprintable())[:_MESSAGE_LIMIT]
        return self._token.hide_in(text)

    def _unreachable(self, error: httpx.HTTPError, what: str) -> CherryError:
        reason = self._token.hide_in(str(error)) or type(error).__name__
        sent = "" if isinstance(error, (*_NEVER_SENT, httpx.ProxyError)) else "; whether it was carried out isn't known"
        lost = sent if not what.startswith("GET") else ""
        return CherryError(
            f"{what}: no answer from {HOST}: {reason}{lost}",
            remedy="see whether this machine reaches it (HTTPS_PROXY, SSL_CERT_FILE), then: nodeagent cherry access",
        )


def _bearer(token: Secret) -> Callable[[httpx.Request], httpx.Request]:
    """The token enters a request only on its way out, so that no client object shows it."""

    def sign(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
        return request

    return sign


def _remedy(status: int) -> str:
    match status:
        case httpx.codes.UNAUTHORIZED:
            return "the token is wrong or was revoked: make one in the portal (API keys), export CHERRY_AUTH_TOKEN=..."
        case httpx.codes.FORBIDDEN:
            return "the token may not do this, or the thing is gone; nodeagent cherry access shows what it may see"
        case httpx.codes.NOT_FOUND:
            return "it isn't there (any more); nodeagent cherry check compares the inventory with the API"
        case httpx.codes.TOO_MANY_REQUESTS:
            return "somebody else uses the API from this address (terraform apply?); try again when that is done"
        case _ if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            return "the API has trouble; try again in a minute: nodeagent cherry access"
        case _:
            return "see what the message says; nodeagent cherry access shows teams and projects"


def _expect(response: httpx.Response, kind: type[T], what: str) -> T:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, kind):
        raise CherryError(
            f"{what}: wanted {'a list' if kind is list else 'an object'} in JSON, got something else",
            remedy="see what answers: is HTTPS_PROXY set to something that isn't Cherry Servers?",
            status=response.status_code,
        )
    return body


def _entry(entry: object, path: str) -> Json:
    if isinstance(entry, dict):
        return entry
    raise CherryError(f"GET {path}: an entry of the list is no object", remedy="nodeagent cherry access")
