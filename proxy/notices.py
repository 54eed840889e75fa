"""Notices: small pictures that say why there is no picture, drawn off the event loop and remembered."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cachetools

from proxy.engines import Size
from proxy.flights import Flights
from proxy.pictures import notices
from proxy.problems import Problem

MEDIA_TYPE = "image/png"

_REMEMBERED_BYTES = 8 * 1024 * 1024
_WAITING = 256
_PATIENCE = 10.0


class Notices:
    """Draws one notice at a time, each once for all who wait for it; more than so many in the queue are refused."""

    def __init__(self) -> None:
        # A thread of its own: an image proxy that gets its placeholder after the encodes of others has left by then.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="notices")
        self._drawings: Flights[bytes] = Flights(1, _WAITING)
        self._remembered: cachetools.LRUCache[str, bytes] = cachetools.LRUCache(_REMEMBERED_BYTES, len)

    async def placeholder(self, size: Size) -> bytes:
        """What is shown in place of a picture of that size while it is being made."""
        return await self._drawn(f"placeholder {size}", lambda: notices.placeholder(size))

    async def error(self, problem: Problem) -> bytes:
        """The picture that says what the problem document says. Raises `Problem` where too many are being drawn."""
        title, detail, footer = problem.kind.title, problem.detail, f"{problem.kind.status} {problem.kind.code}"
        return await self._drawn(f"{footer} {detail}", lambda: notices.error(title, detail, footer))

    async def close(self) -> None:
        await self._drawings.drain(_PATIENCE)
        self._thread.shutdown()

    async def _drawn(self, key: str, draw: Callable[[], bytes]) -> bytes:
        if (remembered := self._remembered.get(key)) is not None:
            return remembered

        async def drawing() -> bytes:
            drawn = self._remembered[key] = await asyncio.get_running_loop().run_in_executor(self._thread, draw)
            return drawn

        flight, _ = self._drawings.join(key, drawing)
        return await flight.outcome(_PATIENCE)
