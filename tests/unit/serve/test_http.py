"""The server against good and bad clients, over a pair of sockets that nobody else can reach."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from nodeagent.serve.http import Connection, Limits, Site
from nodeagent.serve.pages import Page, index

BODY = b"nodeagent_up 1.0\n" * 1000
QUICK = Limits(connections=4, request_seconds=0.2, write_seconds=0.2, idle_seconds=0.4)

Dial = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
Talk = Callable[[Site, Dial], Awaitable[None]]


def make_site() -> Site:
    return Site(
        pages={"/": index("1.2.3"), "/metrics": Page(status=200, content_type="text/plain", body=BODY)},
        live={"/healthz": lambda: Page(status=503, content_type="text/plain", body=b"old\n")},
    )


def talk(talk: Talk, *, limits: Limits = QUICK) -> Site:
    """Run a conversation; `dial` gives one more client of the same site."""
    site = make_site()

    async def dial() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        await loop.connect_accepted_socket(lambda: Connection(site, limits), ours)
        return await asyncio.open_connection(sock=theirs)

    async def run() -> None:
        async with asyncio.timeout(10):
            await talk(site, dial)
        for connection in list(site.connections):
            connection.refuse("end of test")

    asyncio.run(run())
    return site


def exchange(request: bytes, *, limits: Limits = QUICK) -> bytes:
    """Everything that comes back on one connection until the server closes it."""
    answer = b""

    async def once(_site: Site, dial: Dial) -> None:
        nonlocal answer
        reader, writer = await dial()
        writer.write(request)
        try:
            answer = await reader.read()
        except ConnectionResetError:
            answer = b"reset"
        writer.close()

    talk(once, limits=limits)
    return answer


async def ended(reader: asyncio.StreamReader) -> None:
    """Return once the server has closed without another byte."""
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def request(path: str, *, method: str = "GET", extra: str = "Connection: close\r\n") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n{extra}\r\n".encode()


def test_metrics_are_the_ready_page() -> None:
    head, _, body = exchange(request("/metrics")).partition(b"\r\n\r\n")
    assert body == BODY
    assert f"content-length: {len(BODY)}".encode() in head.lower()


def test_head_has_the_same_head_and_no_body() -> None:
    get = exchange(request("/metrics")).partition(b"\r\n\r\n")
    head = exchange(request("/metrics", method="HEAD")).partition(b"\r\n\r\n")
    without_date = [[line for line in part[0].splitlines() if not line.startswith(b"Date")] for part in (get, head)]
    assert without_date[0] == without_date[1]
    assert head[2] == b""


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/", 200),
        ("/healthz", 503),
        ("/metrics?collect[]=x", 200),
        ("/metrics/", 404),
        ("/etc/passwd", 404),
        ("*", 404),
    ],
)
def test_only_the_fixed_paths_exist(path: str, code: int) -> None:
    assert status(exchange(request(path))) == code


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(method: str) -> None:
    answer = exchange(request("/metrics", method=method, extra=""))
    assert status(answer) == 405
    assert b"Allow: GET, HEAD" in answer


@pytest.mark.parametrize(
    "bad",
    [
        b"hello\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",  # no Host
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 500,  # TLS
    ],
)
def test_what_is_no_request_gets_a_client_error(bad: bytes) -> None:
    answer = exchange(bad)
    assert answer == b"reset" or 400 <= status(answer) < 600


@pytest.mark.parametrize(
    "headers", ["X: " + "a" * 65536 + "\r\n", "".join(f"X-{number}: {'a' * 60}\r\n" for number in range(1000))]
)
def test_headers_beyond_8_kib_are_refused(headers: str) -> None:
    assert status(exchange(request("/metrics", extra=headers))) == 431


def test_a_body_is_never_read() -> None:
    answer = exchange(request("/metrics", extra="Content-Length: 1000000000\r\n"))
    assert status(answer) == 200
    assert b"Connection: close" in answer


def test_pipelined_requests_are_all_answered_in_order() -> None:
    answer = exchange(request("/metrics", extra="") * 50 + request("/nope"))
    assert answer.count(b"HTTP/1.1 200") == 50
    assert answer.count(b"HTTP/1.1 404") == 1


def test_a_request_in_pieces_is_a_request() -> None:
    async def pieces(_site: Site, dial: Dial) -> None:
        reader, writer = await dial()
        for byte in request("/metrics"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert status(await reader.read()) == 200
        writer.close()

    talk(pieces, limits=Limits())


def test_a_request_that_trickles_in_is_cut_at_its_deadline() -> None:
    async def trickle(site: Site, dial: Dial) -> None:
        reader, writer = await dial()
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: ")
        started = asyncio.get_running_loop().time()
        while not (reader.at_eof() or reader.exception()):
            writer.write(b"a")
            await asyncio.sleep(0.02)
        assert asyncio.get_running_loop().time() - started < 5 * QUICK.request_seconds
        assert site.refused == {"slow request": 1}
        writer.close()

    talk(trickle)


def test_a_client_that_says_nothing_is_cut() -> None:
    async def silence(site: Site, dial: Dial) -> None:
        reader, writer = await dial()
        await ended(reader)
        assert site.refused == {"no request": 1}
        writer.close()

    talk(silence)


def test_an_idle_connection_is_kept_for_the_next_scrape_and_then_cut() -> None:
    async def twice(site: Site, dial: Dial) -> None:
        reader, writer = await dial()
        for _ in range(2):
            writer.write(request("/healthz", extra=""))
            assert b"503" in await reader.readuntil(b"old\n")
            await asyncio.sleep(QUICK.idle_seconds / 2)
        await ended(reader)
        assert site.refused == {"idle": 1}
        writer.close()

    talk(twice)


def test_a_client_that_asks_without_reading_is_cut_and_cannot_fill_the_memory() -> None:
    async def greedy(site: Site, dial: Dial) -> None:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: Connection(site, QUICK), ours)
        theirs.send(request("/metrics", extra="") * 500)
        await asyncio.sleep(0.1)
        assert transport.get_write_buffer_size() < 64 * 1024 + 2 * len(BODY)
        await asyncio.sleep(2 * QUICK.write_seconds)
        assert site.refused == {"slow reader": 1}
        theirs.close()

    talk(greedy)


def test_at_the_cap_whoever_waited_longest_makes_room() -> None:
    async def crowd(site: Site, dial: Dial) -> None:
        slow = [await dial() for _ in range(QUICK.connections)]
        reader, writer = await dial()
        writer.write(request("/metrics"))
        assert status(await reader.read()) == 200
        assert site.refused["limit"] == 1
        for _, other in [*slow, (reader, writer)]:
            other.close()

    talk(crowd)


def test_answers_are_counted_by_path_without_letting_a_client_name_the_label() -> None:
    site = make_site()
    for path in (b"/metrics", b"/metrics?x=1", b"/a", b"/b", b"\xff"):
        site.answer(b"GET", path)
    assert site.responses == {("/metrics", 200): 2, ("other", 404): 3}
