"""A small HTTP/1.1 server for a handful of ready pages: asyncio for the sockets, h11 for the protocol.

Why not a ready-made one: docs/adr/0006-http-server.md has the measurements. In short, the client library's own server
starts a thread for every half-open connection and never ends one; thread pools (cheroot) stop answering while slow
clients hold them; the others that pass weigh more than everything they would serve.

What a stranger may do to it is bounded: one thread, a cap on connections (the one that has waited longest makes room),
a deadline for a request to arrive and for an answer to be taken, 8 KiB of headers, no request body, GET and HEAD on
fixed paths. A request costs the copy of a page that already exists.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus

import h11

from nodeagent.serve.pages import Page, problem

_HEADER_BYTES = 8192
_SLICE_BYTES = 4096
"""h11 checks the size of an unfinished request only, so it is fed in slices no larger than what it may hold."""
_LINGER_SECONDS = 1.0
"""How long to read on after a rejection: closing with bytes unread would reset the connection and lose the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`idle_seconds` is how long a connection may stay open between two requests."""

    connections: int = 1024
    request_seconds: float = 5.0
    write_seconds: float = 10.0
    idle_seconds: float = 30.0


@dataclass(slots=True)
class Site:
    """What is served and what came of it; `pages` is replaced as a whole by whoever refreshes."""

    pages: dict[str, Page]
    live: dict[str, Callable[[], Page]] = field(default_factory=dict)
    responses: Counter[tuple[str, int]] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    # Ordered by when each began to wait for what it is now waiting for.
    connections: dict["Connection", None] = field(default_factory=dict)

    def answer(self, method: bytes, target: bytes) -> Page:
        """The page for a request; what follows a question mark is nobody's business."""
        path = target.split(b"?", 1)[0].decode("ascii", "replace")
        page = self.live[path]() if path in self.live else self.pages.get(path)
        if page is None:
            page, path = problem(404, "no such page; there are / /metrics /healthz"), "other"
        elif method not in {b"GET", b"HEAD"}:
            page = problem(405, "only GET and HEAD")
        self.responses[path, page.status] += 1
        return page


class Connection(asyncio.Protocol):
    """One client. A single timer watches over it, whatever it is waiting for."""

    def __init__(self, site: Site, limits: Limits) -> None:
        self._site = site
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._parser: h11.Connection | None = None
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._within_request = False
        self._paused = False
        self._ended = False
        self._unread = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._make_room()
        self._site.connections[self] = None
        self._watch("no request", self._limits.request_seconds)

    def connection_lost(self, _error: Exception | None) -> None:
        self._site.connections.pop(self, None)
        if self._timer:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._ended:
            return
        if not self._within_request:
            self._within_request = True
            self._watch("slow request", self._limits.request_seconds)
        self._unread += data
        self._proceed()

    def pause_writing(self) -> None:
        """The client takes its answers slower than it asks: nothing more is read until it has caught up."""
        self._paused = True
        self._transport.pause_reading()
        self._watch("slow reader", self._limits.write_seconds)

    def resume_writing(self) -> None:
        self._paused = False
        if self._ended or self._transport.is_closing():
            return
        self._transport.resume_reading()
        self._watch("idle", self._limits.idle_seconds)
        self._proceed()

    def refuse(self, reason: str) -> None:
        self._site.refused[reason] += 1
        self._transport.abort()

    def _make_room(self) -> None:
        if len(self._site.connections) >= self._limits.connections:
            next(iter(self._site.connections)).refuse("limit")

    def _watch(self, reason: str, seconds: float) -> None:
        """Start waiting for something else; whoever has waited longest is the first to make room."""
        if self in self._site.connections:
            self._site.connections[self] = self._site.connections.pop(self)
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self.refuse, reason)

    def _proceed(self) -> None:
        """Answer what has arrived, one request after the other, as long as the client takes the answers."""
        parser = self._parser = self._parser or h11.Connection(h11.SERVER, max_incomplete_event_size=_HEADER_BYTES)
        try:
            while not (self._paused or self._ended or self._transport.is_closing()):
                if not self._step(parser):
                    return
        except h11.RemoteProtocolError as error:
            self._reject(parser, error)

    def _step(self, parser: h11.Connection) -> bool:
        """One event of the parser; False where it needs more than has arrived."""
        event = parser.next_event()
        if event is h11.PAUSED:
            return False
        if event is h11.NEED_DATA:
            if not self._unread:
                return False
            parser.receive_data(bytes(self._unread[:_SLICE_BYTES]))
            del self._unread[:_SLICE_BYTES]
        elif isinstance(event, h11.Request):
            self._respond(parser, event)
        elif isinstance(event, h11.ConnectionClosed):
            self._transport.close()
        return True

    def _respond(self, parser: h11.Connection, request: h11.Request) -> None:
        page = self._site.answer(request.method, request.target)
        # A body is never wanted; rather than read it, the connection ends with the answer.
        last = not isinstance(parser.next_event(), h11.EndOfMessage) or page.status == 405
        self._send(parser, page, head=request.method == b"HEAD", last=last)
        if last or parser.our_state is not h11.DONE or parser.their_state is not h11.DONE:
            self._end()
            return
        parser.start_next_cycle()
        self._within_request = bool(self._unread or parser.trailing_data[0])
        if self._paused:
            return  # it is the reading of the answer that is waited for
        if self._within_request:
            self._watch("slow request", self._limits.request_seconds)
        else:
            self._watch("idle", self._limits.idle_seconds)

    def _send(self, parser: h11.Connection, page: Page, *, head: bool, last: bool) -> None:
        headers = [
            ("Content-Type", page.content_type),
            ("Content-Length", str(len(page.body))),
            ("Date", formatdate(usegmt=True)),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            *([("Allow", "GET, HEAD")] if page.status == 405 else []),
            *([("Connection", "close")] if last else []),
        ]
        sent = [
            parser.send(h11.Response(status_code=page.status, headers=headers, reason=HTTPStatus(page.status).phrase))
        ]
        if not head:
            sent.append(parser.send(h11.Data(data=page.body)))
        sent.append(parser.send(h11.EndOfMessage()))
        self._transport.writelines([part for part in sent if part])

    def _reject(self, parser: h11.Connection, error: h11.RemoteProtocolError) -> None:
        status = error.error_status_hint
        self._site.responses["malformed", status] += 1
        if parser.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            self._send(parser, problem(status, "not a request this server understands"), head=False, last=True)
        self._end()

    def _end(self) -> None:
        """Nothing more is answered; what still arrives is thrown away until the client closes."""
        self._ended = True
        self._unread.clear()
        self._transport.write_eof()
        self._watch("lingering", _LINGER_SECONDS)
