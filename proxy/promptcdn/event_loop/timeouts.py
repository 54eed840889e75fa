"""A time-out for the answer of another party. It means that the other party did not answer in that time."""

import asyncio
from types import TracebackType
from typing import Self

from promptcdn.event_loop.patience import Patience

# An answer that was read wakes the task that waits for it by way of a few callbacks, one in each pass of the loop.
_LAST_PASSES = 4


class AnswerTimeout:
    """As `asyncio.timeout`: raises `TimeoutError` where its block takes longer than `seconds`.

    Two things are different. The time for which this loop did not listen does not count, up to three times `seconds`
    in all (`Patience`); and before the time-out fires, the loop reads in a few passes more what has arrived.
    `asyncio.timeout` cancels a task although the answer is there: 1: the loop is held up. 2: the answer arrives, and
    the deadline passes. 3: the loop goes on, reads the answer, and then, before the task has had its turn, sees the
    deadline.

    For the patience of a client, which runs on while this loop is late, `asyncio.timeout` is right.
    """

    def __init__(self, seconds: float | None) -> None:
        """With `None` nothing ends the block until `begin` says when."""
        self._seconds = seconds
        self._bound = asyncio.timeout(None)
        self._next: asyncio.Handle | None = None

    @property
    def begun(self) -> bool:
        """Whether the time runs."""
        return self._next is not None

    def begin(self, seconds: float) -> None:
        """From now on the block may take so many seconds; whatever was said before is void."""
        if self._next is not None:
            self._next.cancel()
        self._loop = asyncio.get_running_loop()
        self._wait_a_slice(Patience.of(seconds))

    async def __aenter__(self) -> Self:
        await self._bound.__aenter__()
        if self._seconds is not None:
            self.begin(self._seconds)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._next is not None:
            self._next.cancel()
        await self._bound.__aexit__(kind, error, trace)

    def _wait_a_slice(self, patience: Patience) -> None:
        due = self._loop.time() + patience.slice
        self._next = self._loop.call_at(due, self._end_slice, patience, due)

    def _end_slice(self, patience: Patience, due: float) -> None:
        left = patience.after(self._loop.time() - due)
        if left.over:
            self._pass(_LAST_PASSES)
        else:
            self._wait_a_slice(left)

    def _pass(self, passes: int) -> None:
        """Fires after so many passes of the loop, each of which reads what has arrived."""
        if passes:
            self._next = self._loop.call_soon(self._pass, passes - 1)
        else:
            self._bound.reschedule(self._loop.time())
