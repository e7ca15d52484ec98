"""A proxy that knows one destination: CONNECT api.cherryservers.com:443 leads to the cloud, anything else to a refusal.

So the unmodified provider reaches the cloud at its real name (HTTPS_PROXY), and nothing that it starts can reach
anybody else by mistake. Bytes are passed on as they are; TLS ends behind it.
"""

import asyncio
import contextlib
from dataclasses import dataclass

import h11

from cherrylab.proxy.authority import API_HOST

_DESTINATION = f"{API_HOST}:443".encode()
_CHUNK_BYTES = 65_536
_HEADER_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tunnel:
    """Both ends of a connection."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter

    def cut(self) -> None:
        for writer in (self.client, self.upstream):
            writer.transport.abort()


class ConnectProxy:
    """Listens on loopback. `upstream_port` is where the cloud is, on loopback too."""

    def __init__(self, *, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._tunnels: dict[int, _Tunnel] = {}
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self, port: int = 0) -> int:
        """Listen, on a free port where 0 is given; the port. OSError where it is taken."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def stop(self) -> None:
        """Listen no more, and end what is under way."""
        if self._server is not None:
            self._server.close()
        for writer in self._clients.values():
            writer.transport.abort()
        await asyncio.gather(*self._clients, return_exceptions=True)

    def cut(self, port: int) -> None:
        """End a tunnel without a word, by the local port of its connection to the cloud; no such tunnel is fine."""
        tunnel = self._tunnels.get(port)
        if tunnel is not None:
            tunnel.cut()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            with contextlib.suppress(ConnectionError, TimeoutError):
                await self._serve(reader, writer)
        finally:
            await _close(writer)
            del self._clients[task]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            request = await asyncio.wait_for(_request(connection, reader), _HEADER_SECONDS)
        except h11.RemoteProtocolError as error:
            writer.write(_refusal(400, f"not HTTP: {error}"))
            return
        if request is None:
            return
        if (request.method, request.target) != (b"CONNECT", _DESTINATION):
            asked = f"{request.method.decode()} {request.target.decode(errors='replace')}"
            writer.write(_refusal(403, f"this is a rehearsal, and {API_HOST}:443 is all there is; got {asked}"))
            return
        writer.write(connection.send(h11.Response(status_code=200, headers=[], reason="Connection established")) or b"")
        await self._tunnel(reader, writer, first=connection.trailing_data[0])

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, first: bytes) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._upstream_port)
        port: int = far_writer.get_extra_info("sockname")[1]
        self._tunnels[port] = _Tunnel(client=writer, upstream=far_writer)
        try:
            far_writer.write(first)
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            del self._tunnels[port]
            await _close(far_writer)


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The head of the request; None where the client went away."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_CHUNK_BYTES))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass bytes on until there are no more, then say so to the other side."""
    while data := await reader.read(_CHUNK_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof() and not writer.is_closing():
        # Whoever hung up first is not connected any more (ENOTCONN), which nobody has told us yet.
        with contextlib.suppress(OSError):
            writer.write_eof()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


def _refusal(code: int, text: str) -> bytes:
    body = f"cherrylab: {text}\n".encode()
    reason = {400: "Bad Request", 403: "Forbidden"}[code]
    head = f"HTTP/1.1 {code} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    return f"{head}Connection: close\r\n\r\n".encode() + body
