"""Placeholders and error pictures: drawn off the event loop, once for all who wait for the same one, and remembered."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cachetools

from promptcdn.flights import Flights
from promptcdn.problems import Problem
from promptcdn.url.engines import Size

MEDIA_TYPE = "image/png"

_REMEMBERED_BYTES = 8 * 1024 * 1024
_NEEDED_QUEUED, _OPTIONAL_QUEUED = 256, 8


@dataclass(frozen=True)
class Timings:
    """How many seconds a drawing is waited for: one that must be shown, and one that a problem document can replace."""

    needed: float = 10.0
    optional: float = 0.5


class Placeholders:
    """Draws in two queues. Error pictures with a detail, which clients may word as they like, have a short queue and
    little time: a flood of them must not hold up placeholders and brief errors, of which there are few."""

    def __init__(self, timings: Timings = Timings()) -> None:
        self._needed = _Queue("placeholders", waiting=_NEEDED_QUEUED, patience=timings.needed)
        self._optional = _Queue("error-pictures", waiting=_OPTIONAL_QUEUED, patience=timings.optional)

    async def placeholder(self, size: Size, *, waits_for_worker: bool = False) -> bytes:
        """What is shown in place of a picture of that size while the picture is being made, or waits for a worker."""
        return await self._needed.drawn(
            f"placeholder {size} {waits_for_worker}", lambda: _placeholder(size, waits_for_worker=waits_for_worker)
        )

    async def error(self, problem: Problem) -> bytes:
        """The picture that says what the problem document says, in place of the operator's words what helps a reader.
        Raises `Problem` where too many are being drawn."""
        title, detail, footer = problem.kind.title, problem.kind.for_readers or problem.detail, _footer(problem)
        return await self._optional.drawn(f"{footer} {detail}", lambda: _error(title, detail, footer))

    async def brief(self, problem: Problem) -> bytes:
        """The same without its detail, for those who must have a picture."""
        title, footer = problem.kind.title, _footer(problem)
        return await self._needed.drawn(footer, lambda: _error(title, "", footer))

    async def close(self) -> None:
        await self._needed.close()
        await self._optional.close()


class _Queue:
    """One drawing at a time, in a thread of its own that encoding pictures never holds up."""

    def __init__(self, name: str, waiting: int, patience: float) -> None:
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._drawings: Flights[bytes] = Flights(1, waiting)
        self._remembered: cachetools.LRUCache[str, bytes] = cachetools.LRUCache(_REMEMBERED_BYTES, len)

    async def drawn(self, key: str, draw: Callable[[], bytes]) -> bytes:
        if (remembered := self._remembered.get(key)) is not None:
            return remembered

        async def work() -> bytes:
            drawn = self._remembered[key] = await asyncio.get_running_loop().run_in_executor(self._thread, draw)
            return drawn

        flight, _ = self._drawings.join(key, work)
        return await flight.outcome(self._patience)

    async def close(self) -> None:
        await self._drawings.drain(self._patience)
        self._thread.shutdown()


def _placeholder(size: Size, *, waits_for_worker: bool) -> bytes:
    from promptcdn.pictures.placeholders import drawing  # late: Pillow, in the thread that draws

    return drawing.placeholder(size, waits_for_worker=waits_for_worker)


def _error(title: str, detail: str, footer: str) -> bytes:
    from promptcdn.pictures.placeholders import drawing

    return drawing.error(title, detail, footer)


def _footer(problem: Problem) -> str:
    return f"{problem.kind.status} {problem.kind.code}"
