"""From HTTP to the cloud and back: the only place that knows both.

A request goes through limit, faults, token and route, and into one transaction. Handlers are plain functions that take
milliseconds, so they run on the loop, one at a time: the cloud needs no lock of its own.
"""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, compile_path

from cherrylab.api import access, listing
from cherrylab.api.access import Access
from cherrylab.api.endpoint import Call, Endpoint
from cherrylab.api.limit import Limit
from cherrylab.api.log import Entry, RequestLog
from cherrylab.api.routes import ENDPOINTS
from cherrylab.cloud.cloud import Cloud
from cherrylab.cloud.errors import CloudError, InvalidError, NotFoundError
from cherrylab.cloud.faults import Faults, Kind, Moment, Strike, parse_header

FAULT_HEADER = "X-Cherrylab-Fault"

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_LOG = logging.getLogger("cherrylab.api")
_BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
_ANSWERS = {
    Kind.TOO_MANY_REQUESTS: (429, "Too many requests: rate limit exceeded, please try again later."),
    Kind.PLAN_NOT_FOUND: (400, "Given server plan was not found."),
    Kind.INTERNAL_ERROR: (500, "Internal server error."),
    Kind.FORBIDDEN: (403, "You do not have permission to access this resource."),
}
_CUT = frozenset({Kind.HANG, Kind.CUT_CONNECTION})


@dataclass(frozen=True, slots=True)
class _Routed:
    """An endpoint with its path as a pattern."""

    endpoint: Endpoint
    pattern: re.Pattern[str]


_ROUTED = tuple(_Routed(endpoint, compile_path(endpoint.path)[0]) for endpoint in ENDPOINTS)


@dataclass(slots=True, kw_only=True)
class Api:
    """The API of one cloud. `cut` ends the connection that comes from a local port, without a word."""

    cloud: Cloud
    tokens: Mapping[str, Access]
    cut: Callable[[int], None]
    limit: Limit = field(default_factory=lambda: Limit(None))
    latency_seconds: float = 0.0
    faults: Faults = field(default_factory=Faults)
    log: RequestLog = field(default_factory=RequestLog)

    def application(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._serve, methods=_METHODS)])

    async def _serve(self, request: Request) -> Response:
        body = await request.body()
        strike, response = None, None
        try:
            await asyncio.sleep(self.latency_seconds)
            self.limit.check(request.client.host if request.client else "")
            strike = self._strike(request)
            response = await self._answered(request, body, strike)
        except CloudError as error:
            response = _failure(error.code, error.message)
        self._note(request, 0 if response is None else response.status_code, strike)
        if response is None:
            self._cut(request)
            return Response(status_code=500)
        return response

    def _strike(self, request: Request) -> Strike | None:
        """The fault that hits this request: its own header's, or the scenario's."""
        told = request.headers.get(FAULT_HEADER)
        if told is None:
            return self.faults.of(request.method, request.url.path)
        try:
            fault = parse_header(told)
        except ValueError as error:
            raise InvalidError(f"{FAULT_HEADER}: {error}") from error
        return fault.strike(fault.kinds[0])

    async def _answered(self, request: Request, body: bytes, strike: Strike | None) -> Response | None:
        """None where the connection is to be cut."""
        if strike is None or strike.kind.is_effect:
            return self._handled(request, body, strike)
        if strike.moment is Moment.BEFORE and strike.kind in _INSTEAD:
            return await _instead(request, strike)
        response = self._handled(request, body, None)
        match strike.kind:
            case Kind.SLOW:
                await asyncio.sleep(strike.seconds)
                return response
            case Kind.GONE_IS_FORBIDDEN:
                gone = response.status_code == NotFoundError.code
                return _failure(*_ANSWERS[Kind.FORBIDDEN]) if gone else response
            case _:
                return await _instead(request, strike)

    def _handled(self, request: Request, body: bytes, effect: Strike | None) -> Response:
        try:
            endpoint, parameters = _route(request.method, request.url.path)
            if not endpoint.is_public or "Authorization" in request.headers:
                access.check(self.tokens, request.headers.get("Authorization"), request.method)
            call = Call(
                parameters=parameters,
                query=dict(request.query_params),
                body=body,
                effect=effect,
            )
            return self._called(endpoint, call)
        except CloudError as error:
            return _failure(error.code, error.message)
        except Exception:  # a defect of ours: the client is told as the real API tells it, the log has the traceback
            _LOG.exception("%s %s", request.method, request.url.path)
            return _failure(500, "Internal server error.")

    def _called(self, endpoint: Endpoint, call: Call) -> Response:
        with self.cloud.change():
            answer = endpoint.handle(self.cloud, call)
        if answer is None:
            return Response(status_code=endpoint.status)
        if isinstance(answer, dict):
            return JSONResponse(listing.with_fields(answer, call.query, group=endpoint.group), endpoint.status)
        shown = [listing.with_fields(one, call.query, group=endpoint.group) for one in listing.page(answer, call.query)]
        return JSONResponse(shown, endpoint.status, headers={"X-Total-Count": str(len(answer))})

    def _note(self, request: Request, status: int, strike: Strike | None) -> None:
        self.log.add(
            Entry(
                at=self.cloud.clock.now(),
                method=request.method,
                path=request.url.path,
                query=request.url.query,
                status=status,
                fault=None if strike is None else strike.kind,
            )
        )

    def _cut(self, request: Request) -> None:
        if request.client is not None:
            self.cut(request.client.port)


_INSTEAD = _CUT | _ANSWERS.keys() | {Kind.HTML_BAD_GATEWAY}
"""What stands for the answer; the other kinds need it first."""


async def _instead(request: Request, strike: Strike) -> Response | None:
    if strike.kind in _CUT:
        # The body is read, so what comes now can only be that the client gave up.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(request.receive(), strike.seconds)
        return None
    if strike.kind is Kind.HTML_BAD_GATEWAY:
        return HTMLResponse(_BAD_GATEWAY, status_code=502)
    return _failure(*_ANSWERS[strike.kind])


def _route(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """The endpoint and the parts of the path; NotFoundError where there is none."""
    for routed in _ROUTED:
        match = routed.pattern.match(path)
        if match is not None and routed.endpoint.method == method:
            return routed.endpoint, match.groupdict()
    raise NotFoundError(f"No route found for {method} {path}.")


def _failure(code: int, message: str) -> Response:
    return JSONResponse({"code": code, "message": message}, status_code=code)
