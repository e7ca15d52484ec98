"""A proxy on loopback that lets no more connections through to the API than it takes requests.

Provider 1.5.3 opens a connection for each request and tries none again: a 429 in the middle of an order leaves a server
that is billed and that no state knows. Counting connections is counting its requests, so nothing has to be decrypted:
it is the plain CONNECT of RFC 9110, 9.3.6. Everything else passes unhindered, by way of the proxy that was set before.
"""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from nodeagent.cherry import connect_request
from nodeagent.cherry.connect_request import RefusedError
from nodeagent.cherry.pace import API_HOST, REQUESTS_PER_SECOND
from nodeagent.model.errors import HostError, UsageError

WINDOW_SECONDS = 1.05
"""The API counts over a second; a clock may differ by a little."""

_LOOPBACK = "127.0.0.1"
_HEAD_SECONDS = 30.0
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The proxy that was set before this one. `credentials` is what goes behind `Basic`."""

    host: str
    port: int
    credentials: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> "Upstream | None":
        """From HTTPS_PROXY; None where it is empty. UsageError for anything but http://[USER:PASSWORD@]HOST:PORT."""
        if not url:
            return None
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port or 80
        except ValueError:
            port = 0
        if parts.scheme != "http" or not parts.hostname or not port:
            raise UsageError("HTTPS_PROXY is no http://HOST:PORT", remedy="correct it, or unset it: no other proxy")
        user = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        credentials = base64.b64encode(user.encode()).decode() if parts.username else ""
        return cls(host=parts.hostname, port=port, credentials=credentials)


class PacingProxy:
    """Four places; `serve` runs until it is cancelled. `paced` counts what went through to the API.

    A connection takes a place, and gives it back a second after its end. When its request arrived nobody here knows,
    but it was before that end: so of any five requests two arrive more than a second apart, handshakes or not.
    """

    def __init__(self, *, upstream: Upstream | None = None) -> None:
        self._upstream = upstream
        self._places = asyncio.Semaphore(REQUESTS_PER_SECOND)
        self.paced = 0

    async def serve(self, port: int, on_ready: Callable[[int], None]) -> None:
        """Listen on loopback, on any free port where it is 0; HostError where the port is taken."""
        try:
            server = await asyncio.start_server(self._answer, _LOOPBACK, port)
        except OSError as error:
            raise HostError(
                f"port {port} of {_LOOPBACK}: {error.strerror}", remedy="choose another --port, or leave it out"
            ) from error
        async with server:
            on_ready(server.sockets[0].getsockname()[1])
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # On the way down Python 3.11's streams would report a cancelled answer as an error.
        with contextlib.suppress(asyncio.CancelledError), contextlib.closing(writer):
            try:
                async with asyncio.timeout(_HEAD_SECONDS):
                    host, port = await connect_request.read_target(reader)
            except RefusedError as refusal:
                writer.write(refusal.answer)
            except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                return
            else:
                async with self._place(host):
                    await self._tunnel(host, port, reader, writer)

    @contextlib.asynccontextmanager
    async def _place(self, host: str) -> AsyncIterator[None]:
        if host != API_HOST:
            yield
            return
        await self._places.acquire()
        self.paced += 1
        try:
            yield
        finally:
            asyncio.get_running_loop().call_later(WINDOW_SECONDS, self._places.release)

    async def _tunnel(self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inward, outward = await self._connect(host, port)
        except RefusedError as refusal:
            writer.write(refusal.answer)
            return
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.write(RefusedError(HTTPStatus.BAD_GATEWAY).answer)
            return
        with contextlib.closing(outward):
            writer.write(connect_request.ESTABLISHED)
            await _join(_copy(reader, outward), _copy(inward, writer))

    async def _connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = self._upstream
        if upstream is None:
            return await asyncio.open_connection(host, port)
        reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
        try:
            await connect_request.ask(reader, writer, host=host, port=port, credentials=upstream.credentials)
        except BaseException:
            writer.close()
            raise
        return reader, writer


async def _join(*directions: Coroutine[None, None, None]) -> None:
    """A tunnel ends with the first side that hangs up; what was read until then is still written."""
    tasks = [asyncio.create_task(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
