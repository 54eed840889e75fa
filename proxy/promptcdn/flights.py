"""Flights: one piece of work a key, shared by all who wait for it, cancelled by none of them.

flight → lease → its turn → the work
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from promptcdn import problems
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem
from promptcdn.replicas.leases import Leases, NoLeases

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Flight(Generic[_T]):
    """Work under way. It has one owner, `Flights`; whoever waits for it may leave."""

    def __init__(self, task: "asyncio.Task[_T | Problem]", stopped: "asyncio.Future[None]") -> None:
        self._task = task
        self._stopped = stopped

    @property
    def landed(self) -> bool:
        return self._task.done()

    @property
    def problem(self) -> Problem | None:
        """Why it gave nothing, once it has landed."""
        if not self._task.done() or self._task.cancelled():
            return None
        outcome = self._task.result()
        return outcome if isinstance(outcome, Problem) else None

    async def outcome(self, patience: float) -> _T:
        """What the work gave, or its `Problem`, raised anew for each waiter.

        `Problem` (503) after `patience` seconds, or at once when the service stops: the work goes on in both cases.
        `asyncio.wait` and not `wait_for`: a waiter that gives up or is cancelled must not cancel paid work.
        """
        waited: set[asyncio.Future[Any]] = {self._task, self._stopped}
        await asyncio.wait(waited, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not self._task.done():
            if self._stopped.done():
                raise _draining()
            raise problems.too_slow()
        if self._task.cancelled():
            raise _draining()
        outcome = self._task.result()
        if isinstance(outcome, Problem):
            raise outcome.again()
        return outcome


class Flights(Generic[_T]):
    """At most one flight a key, of all who share the leases. So many at once, so many in the queue behind them; more
    are refused."""

    def __init__(
        self, concurrency: int, queue: int, leases: Leases | None = None, observer: Observer = NO_OBSERVER
    ) -> None:
        self._leases = leases or NoLeases()
        self._observer = observer
        self._concurrency = concurrency
        self._running = asyncio.Semaphore(concurrency)
        # So far.
        self.begun = self.joined = 0
        self._most = concurrency + queue
        self._flights: dict[str, Flight[_T]] = {}
        self._tasks: set[asyncio.Task[_T | Problem]] = set()
        # Those of them that wait for their lease or their turn.
        self._idle: set[asyncio.Task[Any]] = set()
        self._stopped: asyncio.Future[None] | None = None
        self._stopped_at: float | None = None

    @property
    def draining(self) -> bool:
        """Whether no new flight may begin."""
        return self._stopped_at is not None

    @property
    def count(self) -> int:
        """How many are under way or waiting."""
        return len(self._flights)

    @property
    def busy(self) -> bool:
        """Whether the next one would have to wait for its turn."""
        return self.count >= self._concurrency

    @property
    def waiting(self) -> int:
        """How many of them wait for their lease or their turn."""
        return len(self._idle)

    def under_way(self, key: str) -> Flight[_T] | None:
        """The flight of that key that has not landed."""
        return self._flights.get(key)

    async def under_way_elsewhere(self, key: str) -> bool:
        """Whether another replica has the flight of that key, as far as is known."""
        return await self._leases.taken(key)

    def join(self, key: str, fly: Callable[[], Awaitable[_T]]) -> tuple[Flight[_T], bool]:
        """The flight of `key`, begun with `fly` where there is none; and whether it was there already.

        Nothing here awaits: between the look and the start no other request can slip in.
        Raises `Problem` (503) where too many are under way, or the service is stopping.
        """
        if (flight := self._flights.get(key)) is not None:
            self.joined += 1
            return flight, True
        if self.draining:
            raise _draining()
        if len(self._flights) >= self._most:
            raise Problem(
                problems.OVERLOADED, f"{self._most} new pictures are being made or queued already: try again later"
            )
        # Not the caller's context: a flight is nobody's request, and must not carry the first one's.
        task = asyncio.create_task(self._fly(key, fly), context=self._observer.task_context())
        self._tasks.add(task)  # or a task that nobody holds may be collected in mid-flight
        self._idle.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._idle.discard)
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_future()
        self.begun += 1
        flight = self._flights[key] = Flight(task, self._stopped)
        return flight, False

    def stop(self) -> None:
        """Lets no new flight begin, and sends those away who wait; what has begun goes on.

        Flights that wait for their lease or their turn have cost nothing yet, and end.
        """
        if self._stopped_at is None:
            self._stopped_at = asyncio.get_running_loop().time()
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        for task in tuple(self._idle):
            task.cancel()

    async def drain(self, patience: float) -> None:
        """Stops, waits for the flights under way, and gives up those that outlast `patience` seconds.

        The seconds run from the first `stop`: a grace is given once.
        """
        self.stop()
        if not self._tasks or self._stopped_at is None:
            return
        left = patience - (asyncio.get_running_loop().time() - self._stopped_at)
        _, late = await asyncio.wait(set(self._tasks), timeout=max(0.1, left))
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _fly(self, key: str, fly: Callable[[], Awaitable[_T]]) -> _T | Problem:
        try:
            # In this order: whoever waits for another replica's work keeps nobody here from working.
            async with self._leases.held(key), self._running:
                self._idle -= {asyncio.current_task()}
                return await fly()
        except Problem as problem:
            return problem
        except Exception:  # the edge of a task: whatever broke, its waiters are told
            log.exception("a flight broke")
            return Problem(
                problems.INTERNAL,
                "an unexpected error: the picture could not be made. The log of the service has the details",
            )
        finally:
            # The outcome is in the store and in memory by now: whoever comes after this line finds it there.
            del self._flights[key]


class DetachedTasks:
    """Work for one asker that goes on when they have left, so that what it found or began is there the next time.

    There are `most` places for all of it, and half of them for one client. Work that ends in its first step, as it does
    for a picture in memory, needs none.
    """

    def __init__(self, most: int = 4096) -> None:
        self._most = most
        self._under_way: dict[asyncio.Task[Any], Hashable] = {}
        self._of: Counter[Hashable] = Counter()

    @property
    def count(self) -> int:
        """How many are waiting for something, or going on."""
        return len(self._under_way)

    async def run(self, work: Coroutine[Any, Any, _T], patience: float, client: Hashable = None) -> _T:
        """What `work` gives or raises. `Problem` (503) where it takes longer than `patience` seconds, or no place is
        left for it, or none of those that its client may have."""
        task = asyncio.create_task(work)
        # The loop runs tasks in the order in which they were ready: this one's first step comes before what follows.
        await asyncio.sleep(0)
        if not task.done():
            self._place(task, client)
            await asyncio.wait({task}, timeout=patience)
        if not task.done():
            raise problems.too_slow()
        return task.result()

    async def close(self) -> None:
        """Gives up what is under way: whoever wanted it has left."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _place(self, task: asyncio.Task[Any], client: Hashable) -> None:
        """Takes a place for the task. Raises `Problem` (503) where there is none, and gives the task up."""
        refusal = self._refusal(client)
        if refusal is not None:
            task.cancel()
            raise refusal
        self._under_way[task] = client
        self._of[client] += 1
        task.add_done_callback(self._ended)

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
        client = self._under_way.pop(task)
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]
        if not task.cancelled():
            task.exception()  # nobody may be left to ask for it, and then the loop complains


def _draining() -> Problem:
    return Problem(problems.DRAINING, "this instance is shutting down: try again in a few seconds")
