"""A faulty way to a TCP server on loopback: it carries bytes until it is told to do something else with them.

with Chaos(port) as chaos:            # clients connect to chaos.port
    chaos.commit("reset", 1000)       # the connections that are open take part at once
    chaos.wait_for("reset", 3)
    chaos.heal()
    assert chaos.committed["reset"] == 3

Faults, with what their amount is:

    refuse      new connections are reset before a byte is carried, open ones at their next
    stall       nothing is carried, either way, until the next fault or `heal`; connections stay open
    delay       every piece is carried so many seconds late
    throttle    answers are carried at so many bytes a second
    truncate    after so many bytes of an answer both sides see an orderly end
    reset       after so many bytes of an answer both sides see a reset
    drop_reply  requests are delivered; their answer is taken, thrown away, and the client sees a reset
    flip        one bit of the byte with this number in an answer is another one

Bytes are counted for each connection from the moment of `commit`.
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, Self

Name = Literal["pass", "refuse", "stall", "delay", "throttle", "truncate", "reset", "drop_reply", "flip"]

_PIECE = 65536
_TICKS = 20  # a second, for what is throttled
_WAIT_SECONDS = 30
# An interim answer only asks for the request's body: taking it away would keep the request from being delivered.
_INTERIM = b"HTTP/1.1 100"


class FaultyTcp:
    """The way to `port`, in a thread of this process."""

    def __init__(self, port: int) -> None:
        self._server_port = port
        self.port = 0
        self.committed: Counter[str] = Counter()
        self._fault = _Fault("pass")
        self._counted = threading.Condition()
        self._ready = threading.Event()
        self._ending = asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(_WAIT_SECONDS), "the way was not opened"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def commit(self, name: Name, amount: float = 0, times: int | None = None) -> None:
        """From now on this happens instead of what happened before; after so many `times`, nothing any more."""
        before, self._fault = self._fault, _Fault(name, amount, times)
        self._loop.call_soon_threadsafe(before.over.set)

    def heal(self) -> None:
        """Bytes are carried as they are; what was stalled goes on."""
        self.commit("pass")

    def wait_for(self, name: Name, count: int = 1) -> None:
        """Until the fault has happened so often since the start."""
        with self._counted:
            assert self._counted.wait_for(lambda: self.committed[name] >= count, _WAIT_SECONDS), f"no {name}"

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._connections: set[asyncio.Task[None]] = set()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=2048)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._ending.wait()
            for connection in self._connections:
                connection.cancel()
            await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        if self._fault.name == "refuse":
            self._count(self._fault)
            _reset(writer)
            return
        try:
            from_server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        except OSError:
            _reset(writer)
            return
        ends = (writer, to_server)
        requests = asyncio.create_task(_carried(reader, to_server, _Way(self, ends, answers=False).passed))
        answers = asyncio.create_task(_carried(from_server, writer, _Way(self, ends, answers=True).passed))
        try:
            await asyncio.wait({requests, answers})
        finally:
            requests.cancel()
            answers.cancel()
            writer.close()
            to_server.close()

    def _count(self, fault: "_Fault") -> None:
        with self._counted:
            self.committed[fault.name] += 1
            self._counted.notify_all()
        if fault.used_up() and self._fault is fault:
            self.heal()


class _Fault:
    """What happens for now; `over` is set when something else does."""

    def __init__(self, name: Name, amount: float = 0, times: int | None = None) -> None:
        self.name = name
        self.amount = amount
        self.over = asyncio.Event()
        self._left = times

    def used_up(self) -> bool:
        if self._left is None:
            return False
        self._left -= 1
        return self._left == 0


class _Way:
    """One direction of one connection, and how far it has come under the present fault."""

    def __init__(
        self, chaos: FaultyTcp, ends: tuple[asyncio.StreamWriter, asyncio.StreamWriter], *, answers: bool
    ) -> None:
        self._chaos = chaos
        self._client, self._server = ends
        self._answers = answers
        self._target = self._client if answers else self._server
        self._fault: _Fault | None = None
        self._count = 0

    async def passed(self, piece: bytes) -> bool:
        """Carries `piece` as far as the fault lets it. Whether the connection goes on."""
        fault = self._chaos._fault
        if fault is not self._fault:
            self._fault, self._count = fault, 0
        before, self._count = self._count, self._count + len(piece)
        if fault.name == "stall":
            self._chaos._count(fault)
            await fault.over.wait()
            return await self.passed(piece)
        if fault.name == "refuse":
            return self._reset(fault)
        if fault.name == "delay":
            self._chaos._count(fault)
            await _at_most(fault.amount, fault.over.wait())
        elif self._answers and fault.name in ("truncate", "reset", "drop_reply"):
            return await self._broken(fault, before, piece)
        elif self._answers and fault.name == "flip" and before <= fault.amount < self._count:
            piece = _flipped(piece, int(fault.amount) - before)
            self._chaos._count(fault)
        elif self._answers and fault.name == "throttle":
            self._chaos._count(fault)
            return await self._throttled(fault, piece)
        await self._send(piece)
        return True

    async def _broken(self, fault: _Fault, before: int, piece: bytes) -> bool:
        """The faults that end a connection."""
        if fault.name == "drop_reply" and piece.startswith(_INTERIM):
            await self._send(piece)
            return True
        kept = 0 if fault.name == "drop_reply" else int(fault.amount) - before
        if kept >= len(piece):
            await self._send(piece)
            return True
        await self._send(piece[:kept])
        if fault.name != "truncate":
            return self._reset(fault)
        self._client.close()
        self._server.close()
        self._chaos._count(fault)
        return False

    def _reset(self, fault: _Fault) -> bool:
        _reset(self._client)
        _reset(self._server)
        self._chaos._count(fault)
        return False

    async def _throttled(self, fault: _Fault, piece: bytes) -> bool:
        step = max(1, int(fault.amount / _TICKS))
        for start in range(0, len(piece), step):
            await self._send(piece[start : start + step])
            await _at_most(1 / _TICKS, fault.over.wait())
        return True

    async def _send(self, piece: bytes) -> None:
        self._target.write(piece)
        await self._target.drain()


async def _carried(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passed: Callable[[bytes], Awaitable[bool]]
) -> None:
    """Until one side ends; the other is told, of a reset by a reset."""
    try:
        while piece := await reader.read(_PIECE):
            if not await passed(piece):
                return
        writer.write_eof()
    except OSError:
        with contextlib.suppress(OSError):
            _reset(writer)


async def _at_most(seconds: float, event: Awaitable[object]) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event, seconds)


def _flipped(piece: bytes, place: int) -> bytes:
    changed = bytearray(piece)
    changed[place] ^= 1
    return bytes(changed)


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
