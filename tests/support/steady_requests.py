"""Requests at a steady pace, whatever becomes of those before: the readers of pages wait for nobody's answer, unless
a hundred of them wait already.

with Stream(front.url, targets, per_second=200) as stream:
    stream.wait_for(400)              # so many have been answered, or not
    ...
stream.shots                          # what became of each, once the block has ended
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from tests.support.crowd import Reply, received, request

_PATIENCE_SECONDS = 60
_MOST_SECONDS = 280
# More would only keep a busy machine from answering those before.
_MOST_UNDER_WAY = 100


@dataclass(frozen=True)
class Shot:
    """One request, on a connection of its own, and when it began and ended by `time.monotonic()`.

    No `reply` where not even a head came.
    """

    target: str
    reply: Reply | None
    began: float
    ended: float

    @property
    def cut(self) -> bool:
        """Whether the answer broke off in its body."""
        return self.reply is not None and not self.reply.whole

    def under_way(self, begin: float, end: float) -> bool:
        """Whether it was so at some moment between the two."""
        return self.began <= end and self.ended >= begin


class Stream:
    """GETs of `targets` from a thread of its own, as long as its block lasts and until all of them have ended."""

    def __init__(self, url: str, targets: Iterator[str], per_second: int) -> None:
        self._host, _, port = url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._targets = targets
        self._per_second = per_second
        self._over = threading.Event()
        self._ended = threading.Condition()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.shots: list[Shot] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def wait_for(self, count: int) -> None:
        """Until `count` more have ended."""
        with self._ended:
            wanted = len(self.shots) + count
            assert self._ended.wait_for(lambda: len(self.shots) >= wanted, _PATIENCE_SECONDS), "nothing ends"

    async def _run(self) -> None:
        began = time.monotonic()
        sent = 0
        async with asyncio.timeout(_MOST_SECONDS), asyncio.TaskGroup() as shots:
            while not self._over.is_set():
                # What a busy machine delayed is sent at once: on the whole the pace is kept, where it can be.
                pace = (time.monotonic() - began) * self._per_second
                while sent < min(pace, len(self.shots) + _MOST_UNDER_WAY):
                    shots.create_task(self._shoot(next(self._targets)))
                    sent += 1
                await asyncio.sleep(1 / self._per_second)

    async def _shoot(self, target: str) -> None:
        began = time.monotonic()
        reply = None
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            with contextlib.closing(writer):
                writer.write(request(target))
                reply = await received(reader)
        with self._ended:
            self.shots.append(Shot(target, reply, began, time.monotonic()))
            self._ended.notify_all()
