"""What the store did not take, or a process left behind that was killed: tried again until it is settled."""

import asyncio
import logging
import time

from promptcdn.catalog.removals import HEARD_SECONDS
from promptcdn.making import Making
from promptcdn.problems import Problem
from promptcdn.spool import Paid, Spool

log = logging.getLogger(__name__)

# Between two rounds. A store that is back is in use again within 5 s.
SHORTEST, LONGEST = 0.5, 3.0
# An entry this young (seconds) is in the hands of the process that made it.
_IN_HAND = 10.0
# The store's own deadlines are shorter: this is for one that has none.
_PATIENCE = 60.0


class Reconciler:
    """Settles what waits in the spool, one at a time, for as long as the service runs."""

    def __init__(self, spool: Spool, making: Making) -> None:
        """Nothing is done before `start`."""
        self._spool = spool
        self._making = making
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins, in the running event loop, with what an earlier process left."""
        self._task = asyncio.create_task(self._rounds())

    async def close(self) -> None:
        """Stops at once: what is not settled stays in the spool."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def settle(self) -> bool:
        """One round: each once, up to the first that the store does not take. Whether nothing waits any more."""
        for content_key in self._spool.waiting():
            paid = await self._spool.get(content_key)
            if paid is None or (paid.order.after and time.time() < paid.made_at + HEARD_SECONDS):
                continue  # gone, or another process may still show the picture of before
            if not await self._settled(paid):
                return False
        return self._spool.depth == 0

    async def _settled(self, paid: Paid) -> bool:
        try:
            await self._making.settle(paid, _PATIENCE)
        except Problem:
            return True  # refused, said and dropped
        except Exception:  # what breaks on one entry must not hold up the others
            log.exception("what waits in the spool could not be settled: %s", paid.order.content_key)
            return True
        return not self._spool.holds(paid.order.content_key)

    async def _rounds(self) -> None:
        pause, age = SHORTEST, 0.0
        while True:
            try:
                await self._spool.refresh(age)
                await self._spool.recover()
                pause = SHORTEST if await self.settle() else min(2 * pause, LONGEST)
            except Exception:  # the edge of a task: whatever broke, the next round may do better
                log.exception("a look at the spool broke")
            await asyncio.sleep(pause)
            age = _IN_HAND
