"""The request for a tunnel, and the answer to it: all that the pacing proxy reads of HTTP (RFC 9110, 9.3.6).

Only heads are read, to their last byte and no further: what follows in the stream belongs to the tunnel.
"""

import asyncio
from http import HTTPStatus

import h11

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_END_OF_HEAD = b"\r\n\r\n"


class RefusedError(Exception):
    """No tunnel; `answer` is what the client is told."""

    def __init__(self, code: int, reason: bytes | None = None) -> None:
        reason = HTTPStatus(code).phrase.encode() if reason is None else reason
        super().__init__(f"{code} {reason.decode('latin-1')}")
        response = h11.Response(
            status_code=code,
            reason=reason,
            headers=[("Content-Length", "0"), ("Connection", "close")],
        )
        self.answer = h11.Connection(h11.SERVER).send(response) or b""


async def read_target(reader: asyncio.StreamReader) -> tuple[str, int]:
    """Host and port that a client asks for; RefusedError for anything but a tunnel, asyncio's errors for no head."""
    request = await _head(reader, h11.Connection(h11.SERVER))
    if not isinstance(request, h11.Request):
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    if request.method != b"CONNECT":
        raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED)
    host, _, port = request.target.decode("ascii").rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise RefusedError(HTTPStatus.BAD_REQUEST)
    return host.strip("[]").lower(), int(port)


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, host: str, port: int, credentials: str
) -> None:
    """Ask a proxy for a tunnel and wait for it; RefusedError with the proxy's own words where it says no.

    `credentials` go behind `Basic`; none where they are empty.
    """
    target = f"{host}:{port}"
    headers = [("Host", target)] + ([("Proxy-Authorization", f"Basic {credentials}")] if credentials else [])
    connection = h11.Connection(h11.CLIENT)
    writer.write(connection.send(h11.Request(method="CONNECT", target=target, headers=headers)) or b"")
    response = await _head(reader, connection)
    if not isinstance(response, h11.Response):
        raise RefusedError(HTTPStatus.BAD_GATEWAY)
    if not 200 <= response.status_code < 300:
        raise RefusedError(response.status_code, response.reason)


async def _head(reader: asyncio.StreamReader, connection: h11.Connection) -> object:
    """The event of the head that comes next; None where it is no HTTP."""
    connection.receive_data(await reader.readuntil(_END_OF_HEAD))
    try:
        return connection.next_event()
    except h11.RemoteProtocolError:
        return None
