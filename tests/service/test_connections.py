"""Connections whose clients do not read what they asked for, and what comes behind a head."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from proxy import server
from proxy.descriptors import Abortable, BoundedConnections
from proxy.heads import GuardedHeads
from proxy.server import bound_socket
from tests.running import Promptcdn
from tests.waiting import eventually

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


class Told(BoundedConnections):
    """Remembers how much was unread when it was told so, how many answers were done with, and read."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[int] = []
        self.done = self.read_up = 0

    def unread(self, connection: Abortable) -> None:
        super().unread(connection)
        assert isinstance(connection, GuardedHeads)
        self.left.append(connection.transport.get_write_buffer_size())

    def read(self, connection: Abortable) -> None:
        super().read(connection)
        self.read_up += 1

    def waits(self, connection: Abortable) -> None:
        super().waits(connection)
        self.done += 1


def asked(
    app: ASGIApp, client: Callable[[socket.socket], Awaitable[None]], connections: BoundedConnections | None = None
) -> None:
    """Runs `client` on a connection to our protocol around `app`, both in one event loop of this process."""

    async def both() -> None:
        loop = asyncio.get_running_loop()
        config = uvicorn.Config(app, log_config=None, lifespan="off", date_header=False)
        state = ServerState()
        bound = bound_socket("127.0.0.1", 0)
        async with await loop.create_server(
            lambda: GuardedHeads(config, state, {}, connections=connections), sock=bound
        ):
            with socket.create_connection(bound.getsockname()) as connection:
                connection.setblocking(False)
                await client(connection)

    asyncio.run(both())


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


def test_who_reads_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_SECONDS", 1)

    async def reads_nothing(connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, REQUEST)
        await asyncio.sleep(3)
        assert await received(connection) < SIZE

    asked(large, reads_nothing)


def test_who_reads_slowly_gets_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "READ_SECONDS", 1)

    async def reads_slowly(connection: socket.socket) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, REQUEST)
        began = time.monotonic()
        assert await received(connection, pause=0.1) > SIZE
        assert time.monotonic() - began > 2

    asked(large, reads_slowly)


def test_an_answer_is_unread_however_little_is_left_of_it_until_all_is_read() -> None:
    told = Told()

    async def small(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"20000")]})
        await send({"type": "http.response.body", "body": bytes(20_000)})

    async def client(connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while not told.left:
            told.done = 0
            await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
            await eventually(lambda: told.done == 1)
        assert 0 < told.left[0] < 21_000
        assert told.read_up == 0
        await loop.sock_sendall(connection, REQUEST)
        assert await received(connection) > 20_000
        assert told.read_up >= 1

    asked(small, client, told)


def test_trailers_are_no_headers() -> None:
    async def client(connection: socket.socket) -> None:
        head = b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, head + b"0\r\nAuthorization: Bearer x\r\n\r\n")
        answer = await loop.sock_recv(connection, 65536)
        assert answer.endswith(b"\r\n\r\nhost transfer-encoding")

    asked(names_of_headers, client)


@pytest.mark.parametrize("sent", [b"0\r\nX: ", b"5;", b"fffffff\r\n"], ids=["a trailer", "an extension", "a chunk"])
def test_what_never_ends_behind_a_head_is_not_kept(sent: bytes) -> None:
    answered = asyncio.Event()

    async def later(scope: Scope, receive: Receive, send: Send) -> None:
        await answered.wait()
        await names_of_headers(scope, receive, send)

    async def client(connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, b"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
        # The kernel's buffers are full, and nobody takes anything from them.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.sock_sendall(connection, b"a" * 64_000_000), 2)
        answered.set()
        assert b"200 OK" in await loop.sock_recv(connection, 65536)

    asked(later, client)


def test_two_hundred_readers_of_nothing_delay_neither_others_nor_the_end(tmp_path: Path) -> None:
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
