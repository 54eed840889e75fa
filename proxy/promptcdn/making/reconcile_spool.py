"""What the store did not take, or a process left behind that was killed: tried again until it is settled."""

import asyncio
import logging
from dataclasses import dataclass

from promptcdn.catalog import removals
from promptcdn.clock import SYSTEM, Clock
from promptcdn.making import Making
from promptcdn.problems import Problem
from promptcdn.spool import Paid, Spool

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timings:
    """How reconciling is timed, in seconds.

    pause        between two rounds; it doubles, up to `longest_pause`, while the store takes nothing, so that a store
                 that is back is in use again within 5 s
    in_hand      an entry this young is left to the process that made it
    store        how long the store may take over one entry: its own deadlines are shorter, where it has any
    propagation  until then another process may still show the picture that was purged before this one
    """

    pause: float = 0.5
    longest_pause: float = 3.0
    in_hand: float = 10.0
    store: float = 60.0
    propagation: float = removals.TIMINGS.propagation


TIMINGS = Timings()


class Reconciler:
    """Settles what waits in the spool, one at a time, for as long as the service runs."""

    def __init__(self, spool: Spool, making: Making, clock: Clock = SYSTEM, timings: Timings = TIMINGS) -> None:
        """Nothing is done before `start`."""
        self._spool = spool
        self._making = making
        self._clock = clock
        self._timings = timings
        self._task: asyncio.Task[None] | None = None
        self._first_round = asyncio.Event()

    def start(self) -> None:
        """Begins, in the running event loop, with what an earlier process left."""
        self._task = asyncio.create_task(self._rounds())

    async def first_round(self) -> None:
        """Returns once each entry that an earlier process left was tried, or the store took none."""
        await self._first_round.wait()

    async def close(self) -> None:
        """Stops at once: what is not settled stays in the spool."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def settle(self) -> bool:
        """One round: each once, up to the first that the store does not take. Whether nothing waits any more."""
        for content_key in self._spool.waiting():
            paid = await self._spool.get(content_key)
            if paid is None or (paid.after and self._clock.unix() < paid.made_at + self._timings.propagation):
                continue  # gone, or another process may still show the picture of before
            if not await self._settled(paid):
                return False
        return self._spool.depth == 0

    async def _settled(self, paid: Paid) -> bool:
        try:
            await self._making.settle(paid, self._timings.store)
        except Problem:
            return True  # it may not be stored, and was dropped from the spool
        except Exception:  # what breaks on one entry must not hold up the others
            log.exception("what waits in the spool could not be settled: %s", paid.order.content_key)
            return True
        return not self._spool.holds(paid.order.content_key)

    async def _rounds(self) -> None:
        pause, age = self._timings.pause, 0.0
        while True:
            try:
                await self._spool.refresh(age)
                await self._spool.recover()
                pause = self._timings.pause if await self.settle() else min(2 * pause, self._timings.longest_pause)
            except Exception:  # the edge of a task: whatever broke, the next round may do better
                log.exception("a look at the spool broke")
            self._first_round.set()
            await asyncio.sleep(pause)
            age = self._timings.in_hand
