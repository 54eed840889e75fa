"""Notices: small pictures that say why there is no picture, drawn off the event loop and remembered."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cachetools

from promptcdn.flights import Flights
from promptcdn.pictures.placeholders import drawing as placeholders
from promptcdn.problems import Problem
from promptcdn.url.engines import Size

MEDIA_TYPE = "image/png"

_REMEMBERED_BYTES = 8 * 1024 * 1024


class Placeholders:
    """Draws each notice once for all who wait for it, in two lines.

    What clients may word, an error in full, has a short one and little time: a flood of it must not hold up what image
    proxies have been promised, of which there are few.
    """

    def __init__(self) -> None:
        self._promised = _Line("notices", waiting=256, patience=10.0)
        self._worded = _Line("errors", waiting=8, patience=0.5)

    async def placeholder(self, size: Size) -> bytes:
        """What is shown in place of a picture of that size while it is being made."""
        return await self._promised.drawn(f"placeholder {size}", lambda: placeholders.placeholder(size))

    async def error(self, problem: Problem) -> bytes:
        """The picture that says what the problem document says. Raises `Problem` where too many are being drawn."""
        title, detail, footer = problem.kind.title, problem.detail, _footer(problem)
        return await self._worded.drawn(f"{footer} {detail}", lambda: placeholders.error(title, detail, footer))

    async def brief(self, problem: Problem) -> bytes:
        """The same without its detail, for those who must have a picture."""
        title, footer = problem.kind.title, _footer(problem)
        return await self._promised.drawn(footer, lambda: placeholders.error(title, "", footer))

    async def close(self) -> None:
        await self._promised.close()
        await self._worded.close()


class _Line:
    """One drawing at a time, in a thread that encodes of pictures never hold up."""

    def __init__(self, name: str, waiting: int, patience: float) -> None:
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._drawings: Flights[bytes] = Flights(1, waiting)
        self._remembered: cachetools.LRUCache[str, bytes] = cachetools.LRUCache(_REMEMBERED_BYTES, len)

    async def drawn(self, key: str, draw: Callable[[], bytes]) -> bytes:
        if (remembered := self._remembered.get(key)) is not None:
            return remembered

        async def drawing() -> bytes:
            drawn = self._remembered[key] = await asyncio.get_running_loop().run_in_executor(self._thread, draw)
            return drawn

        flight, _ = self._drawings.join(key, drawing)
        return await flight.outcome(self._patience)

    async def close(self) -> None:
        await self._drawings.drain(self._patience)
        self._thread.shutdown()


def _footer(problem: Problem) -> str:
    return f"{problem.kind.status} {problem.kind.code}"
