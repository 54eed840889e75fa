"""What is done for a chat once its request is answered. It has a task, which nobody waits for but the service's end."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable

from promptcdn import problems
from promptcdn.observer import Observer
from promptcdn.problems import Problem

log = logging.getLogger("promptcdn")

# Orders under way at once: of all people together, and of one of them.
MOST = 256
EACH = 4


class BackgroundTasks:
    """Bounded tasks, each for one client."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._tasks: dict[asyncio.Task[None], Hashable] = {}
        self._of: Counter[Hashable] = Counter()

    def begin(self, client: Hashable, work: Callable[[], Awaitable[None]], each: int = EACH) -> None:
        """Begins `work`. Raises `Problem` (503) where too many tasks are under way, or `each` of this client."""
        if len(self._tasks) >= MOST:
            raise Problem(problems.OVERLOADED, f"{MOST} orders from chats are under way already: try again later")
        if self._of[client] >= each:
            detail = f"{each} of your orders are being made already: wait until one of them is there"
            raise Problem(problems.OVERLOADED, detail, cache_control=problems.NO_STORE)
        task = asyncio.create_task(_done(work), context=self._observer.task_context())
        self._tasks[task] = client
        self._of[client] += 1
        task.add_done_callback(self._ended)

    async def close(self, patience: float) -> None:
        """Waits for all tasks, and gives up those that outlast `patience` seconds."""
        if not self._tasks:
            return
        _, late = await asyncio.wait(set(self._tasks), timeout=patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        client = self._tasks.pop(task)
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]


async def _done(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # the edge of a task: nobody else would hear of it
        log.exception("an order from a chat broke")
