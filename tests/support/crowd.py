"""Many clients at once, each with a socket of its own and nothing else: cheap enough for thousands."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

PROGRAM: Mapping[str, str] = {"User-Agent": "curl/8", "Accept": "*/*"}
_PATIENCE_SECONDS = 120


@dataclass(frozen=True)
class Reply:
    """A whole answer; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def whole(self) -> bool:
        """Whether all of the body came that its head told of."""
        return len(self.body) == int(self.headers["content-length"])

    @property
    def code(self) -> str:
        """The last word of a problem document's type."""
        return self.body.partition(b"urn:promptcdn:problem:")[2].partition(b'"')[0].decode()

    @property
    def for_ever(self) -> bool:
        """Whether caches were told that this is the picture."""
        return self.status == 200 and self.headers["cache-control"] == "public, max-age=31536000, immutable"


class Crowd:
    """Clients of the service at `url`."""

    def __init__(self, url: str) -> None:
        self._host, port = url.removeprefix("http://").split(":")
        self._port = int(port)
        self._answered = 0
        self._changed = threading.Condition()

    def wait_for_answers(self, count: int) -> None:
        """Until so many clients have been answered since the start."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._answered >= count, _PATIENCE_SECONDS), "no answers"

    def ask(
        self,
        targets: Sequence[str],
        head: Mapping[str, str] = PROGRAM,
        *,
        asked: Callable[[], None] = lambda: None,
    ) -> list[Reply | None]:
        """The answers to GET of `targets`, all asked at once; `None` where a connection was broken or none was had.

        `asked` is called, in a thread of its own, as soon as every request is on its way.
        """
        return asyncio.run(self._ask(targets, head, asked))

    def answers(
        self,
        targets: Sequence[str],
        head: Mapping[str, str] = PROGRAM,
        *,
        asked: Callable[[], None] = lambda: None,
    ) -> list[Reply]:
        """As `ask`, where every client must get an answer."""
        replies = self.ask(targets, head, asked=asked)
        whole = [reply for reply in replies if reply is not None]
        assert len(whole) == len(replies), f"{len(replies) - len(whole)} connections were broken"
        return whole

    def leave(self, targets: Sequence[str], seconds: float) -> None:
        """Asks, and leaves with a reset so many `seconds` after the request."""
        asyncio.run(self._leave(targets, seconds))

    async def _ask(
        self, targets: Sequence[str], head: Mapping[str, str], asked: Callable[[], None]
    ) -> list[Reply | None]:
        left = len(targets)
        all_asked = asyncio.Event()

        async def client(target: str) -> Reply | None:
            nonlocal left
            try:
                reader, writer = await self._connect()
                writer.write(request(target, head))
            except OSError:
                return None
            finally:
                left -= 1
                if left == 0:
                    all_asked.set()
            with contextlib.closing(writer):
                reply = await received(reader)
                return self._counted(reply if reply and reply.whole else None)

        async def tell() -> None:
            await all_asked.wait()
            await asyncio.to_thread(asked)

        async with asyncio.timeout(_PATIENCE_SECONDS):
            *replies, _ = await asyncio.gather(*(client(target) for target in targets), tell())
        return replies

    def _counted(self, reply: Reply | None) -> Reply | None:
        with self._changed:
            self._answered += reply is not None
            self._changed.notify_all()
        return reply

    async def _leave(self, targets: Sequence[str], seconds: float) -> None:
        async def client(target: str) -> None:
            _, writer = await self._connect()
            writer.write(request(target, PROGRAM))
            await writer.drain()
            await asyncio.sleep(seconds)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.close()

        await asyncio.gather(*(client(target) for target in targets))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(self._host, self._port)


def request(target: str, head: Mapping[str, str] = PROGRAM) -> bytes:
    """A GET that is the only one of its connection."""
    lines = [f"GET {target} HTTP/1.1", "Host: h", "Connection: close", *(f"{name}: {head[name]}" for name in head)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def received(reader: asyncio.StreamReader) -> Reply | None:
    """The answer, its body as far as it came; `None` where not even its head did."""
    try:
        top, _, fields = (await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")
    except (OSError, asyncio.IncompleteReadError):
        return None
    pairs = (line.partition(":") for line in fields.split("\r\n") if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    try:
        body = await reader.readexactly(int(headers["content-length"]))
    except asyncio.IncompleteReadError as error:
        body = error.partial
    except OSError:
        body = b""
    return Reply(int(top.split(" ")[1]), headers, body)
