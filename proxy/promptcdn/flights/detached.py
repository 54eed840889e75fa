"""Detached tasks: bounded work for one asker that goes on when the asker has left."""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from promptcdn import problems
from promptcdn.problems import Problem

log = logging.getLogger(__name__)

_MOST = 4096

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """How detached tasks are timed, in seconds.

    last_word   a task whose patience is over may still say so long what it waits for: a flight that it waits for ends
                at the same moment, and knows more
    """

    last_word: float = 0.02


TIMINGS = Timings()


class DetachedTasks:
    """Runs work for askers that may leave, so that what the work found or began is there when they ask again.

    There are `most` places for all tasks, and half of them for one client. Work that ends in its first step, as it does
    for a picture in memory, needs no place.
    """

    def __init__(self, most: int = _MOST, timings: Timings = TIMINGS) -> None:
        self._most = most
        self._timings = timings
        # All that have not ended, so that none is collected in mid-work; and those that have a place, with whose it is.
        self._tasks: set[asyncio.Task[Any]] = set()
        self._under_way: dict[asyncio.Task[Any], Hashable] = {}
        self._of: Counter[Hashable] = Counter()

    @property
    def count(self) -> int:
        """How many tasks are under way."""
        return len(self._under_way)

    async def run(self, work: Coroutine[Any, Any, _T], patience: float, client: Hashable = None) -> _T:
        """What `work` gives or raises. `Problem` (503) where it takes longer than `patience` seconds, or no place is
        left for it, or none of those that its client may have.

        Work that makes a picture has a patience of its own, so what is late here is a look at what is stored."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        try:
            # The loop runs tasks in the order in which they were ready: this one's first step comes before what
            # follows, also where the asker is cancelled meanwhile.
            await asyncio.sleep(0)
        finally:
            refusal = None if task.done() else self._place(task, client)
        if refusal is not None:
            raise refusal
        if not task.done():
            await asyncio.wait({task}, timeout=patience + self._timings.last_word)
        if not task.done():
            raise problems.too_slow(problems.READING)
        return task.result()

    async def close(self) -> None:
        """Gives up what is under way: whoever wanted it has left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _place(self, task: asyncio.Task[Any], client: Hashable) -> Problem | None:
        """Takes a place for the task. Where there is none, it gives the task up and returns why: `Problem` (503)."""
        refusal = self._refusal(client)
        if refusal is None:
            self._under_way[task] = client
            self._of[client] += 1
        else:
            task.cancel()
            task.add_done_callback(_log_what_broke)
        return refusal

    def _refusal(self, client: Hashable) -> Problem | None:
        if self.count >= self._most:
            return Problem(
                problems.OVERLOADED, f"{self._most} requests are waiting for pictures already: try again later"
            )
        if self._of[client] >= self._most // 2:
            detail = f"{self._most // 2} requests of this client are waiting for pictures already: try again later"
            return Problem(problems.OVERLOADED, detail, cache_control=problems.NO_STORE)
        return None

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task in self._under_way:
            client = self._under_way.pop(task)
            self._of[client] -= 1
            if not self._of[client]:
                del self._of[client]
        if not task.cancelled():
            task.exception()  # or the loop complains of it, where nobody is left to ask


def _log_what_broke(task: asyncio.Task[Any]) -> None:
    """For a task that was refused: nobody else is told what it raises in its end."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, Problem):
        log.error("a request broke while it was given up", exc_info=error)
