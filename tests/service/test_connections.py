"""Connections whose clients do not read what they asked for, and what comes behind a head."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from promptcdn.readers.clients import TrustedProxies
from promptcdn.server.descriptors import Abortable, BoundedConnections
from promptcdn.server.request_limits import LimitedRequests
from promptcdn.server.sockets import bound_socket
from promptcdn.server.timings import TIMINGS, Timings
from tests.support.service import Promptcdn
from tests.support.waiting import eventually

SIZE = 8_000_000
REQUEST = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


async def large(_scope: Scope, _receive: Receive, send: Send) -> None:
    """More than the kernel's buffers hold."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % SIZE)]})
    await send({"type": "http.response.body", "body": bytes(SIZE)})


async def names_of_headers(scope: Scope, _receive: Receive, send: Send) -> None:
    body = b" ".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Recorded(BoundedConnections):
    """Records how much was unread when it was called, how many answers were handed over, and how many were read."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[int] = []
        self.handed_over = self.read_up = 0

    def unread(self, connection: Abortable) -> None:
        super().unread(connection)
        assert isinstance(connection, LimitedRequests)
        self.left.append(connection.transport.get_write_buffer_size())

    def read(self, connection: Abortable) -> None:
        super().read(connection)
        self.read_up += 1

    def waits(self, connection: Abortable) -> None:
        super().waits(connection)
        self.handed_over += 1


@contextlib.asynccontextmanager
async def connected(
    app: ASGIApp, connections: BoundedConnections | None = None, timings: Timings = TIMINGS
) -> AsyncIterator[socket.socket]:
    """A client's connection to our protocol around `app`, both in the event loop of the test."""
    loop = asyncio.get_running_loop()
    config, state = uvicorn.Config(app, log_config=None, lifespan="off", date_header=False), ServerState()
    bound = bound_socket("127.0.0.1", 0, timings)
    protocol = partial(LimitedRequests, config, state, {}, connections=connections, timings=timings)
    async with await loop.create_server(protocol, sock=bound):
        with socket.create_connection(bound.getsockname()) as connection:
            connection.setblocking(False)
            yield connection


async def sent(connection: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, data)


async def received(connection: socket.socket, pause: float = 0) -> int:
    """How many bytes come until the end or a reset; `pause` in seconds after each read."""
    count = 0
    try:
        while piece := await asyncio.get_running_loop().sock_recv(connection, 262_144):
            count += len(piece)
            await asyncio.sleep(pause)
    except ConnectionResetError:
        pass
    return count


@pytest.mark.anyio
async def test_who_reads_nothing_is_cut_off() -> None:
    async with connected(large, timings=Timings(read=1)) as connection:
        await sent(connection, REQUEST)
        await asyncio.sleep(3)  # the kernel gives up, and says so to nobody

        assert await received(connection) < SIZE


@pytest.mark.anyio
async def test_who_reads_slowly_gets_everything() -> None:
    async with connected(large, timings=Timings(read=1)) as connection:
        await sent(connection, REQUEST)
        began = time.monotonic()

        assert await received(connection, pause=0.1) > SIZE
        assert time.monotonic() - began > 2


@pytest.mark.anyio
async def test_an_answer_is_unread_until_its_last_byte_is_read() -> None:
    """However little is left of it."""
    recorded = Recorded()

    async def small(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000")]})
        await send({"type": "http.response.body", "body": bytes(20_000)})

    async with connected(small, recorded) as connection:
        while not recorded.left:
            recorded.handed_over = 0
            await sent(connection, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await eventually(lambda: recorded.handed_over == 1)

        assert 0 < recorded.left[0] < 21_000
        assert recorded.read_up == 0
        await sent(connection, REQUEST)
        assert await received(connection) > 20_000
        assert recorded.read_up >= 1


@pytest.mark.anyio
async def test_trailers_are_no_headers() -> None:
    async with connected(names_of_headers) as connection:
        head = b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        await sent(connection, head + b"0\r\nAuthorization: Bearer x\r\n\r\n")
        answer = await asyncio.get_running_loop().sock_recv(connection, 65536)

    assert answer.endswith(b"\r\n\r\nhost transfer-encoding")


@pytest.mark.anyio
@pytest.mark.parametrize("behind", [b"0\r\nX: ", b"5;", b"fffffff\r\n"], ids=["a trailer", "an extension", "a chunk"])
async def test_what_never_ends_behind_a_head_is_not_kept(behind: bytes) -> None:
    answered = asyncio.Event()

    async def later(scope: Scope, receive: Receive, send: Send) -> None:
        await answered.wait()
        await names_of_headers(scope, receive, send)

    async with connected(later) as connection:
        await sent(connection, b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + behind)
        # The kernel's buffers are full, and nobody takes anything from them.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(sent(connection, b"a" * 64_000_000), 2)
        answered.set()

        assert b"200 OK" in await asyncio.get_running_loop().sock_recv(connection, 65536)


@pytest.mark.anyio
async def test_a_trusted_proxys_idle_connection_stays_open() -> None:
    """A balancer that keeps it for longer would answer 502 with the request that crosses the service's goodbye."""
    request = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
    proxies = BoundedConnections(trusted=TrustedProxies.parse("127.0.0.1"))
    timings = Timings(head=0.5, proxy=60)
    async with (
        connected(names_of_headers, proxies, timings) as proxys,
        connected(names_of_headers, timings=timings) as another,
    ):
        for connection in (proxys, another):
            await sent(connection, request)
            assert b"200 OK" in await asyncio.get_running_loop().sock_recv(connection, 65536)
        assert await received(another) == 0  # it was closed
        await sent(proxys, REQUEST)

        assert await received(proxys) > 0


def test_readers_of_nothing_delay_neither_others_nor_the_end(tmp_path: Path) -> None:
    with ExitStack() as opened, Promptcdn(tmp_path, PROMPTCDN_SIZE="1536x1536", PROMPTCDN_GRACE=25) as service:
        picture = "/i.png?prompt=a+lighthouse&seed=7"
        assert len(service.get(picture).content) > 800_000
        host, port = service.url.removeprefix("http://").split(":")
        for _ in range(200):
            reader = opened.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect((host, int(port)))
            reader.sendall(f"GET {picture} HTTP/1.1\r\nHost: h\r\n\r\n".encode())

        assert service.get(picture).status_code == 200

        began = time.monotonic()
        service.stop()
        assert time.monotonic() - began < 15
        assert "Traceback" not in (tmp_path / "log").read_text()
