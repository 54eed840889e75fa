"""Single flight: one piece of work for each key, shared by all who wait for it, cancelled by none of them.

flight → lease → its turn → the work
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar

from promptcdn import problems
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem
from promptcdn.replicas.leases import Leases, NoLeases

log = logging.getLogger(__name__)

_T = TypeVar("_T")


class Flight(Generic[_T]):
    """Work under way. It has one owner, `Flights`; whoever waits for it may leave."""

    def __init__(
        self, task: "asyncio.Task[_T | Problem]", stopped: "asyncio.Future[None]", late: Callable[[], Problem]
    ) -> None:
        self._task = task
        self._stopped = stopped
        self._late = late

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
                raise problems.draining()
            raise self._late()
        if self._task.cancelled():
            raise problems.draining()
        outcome = self._task.result()
        if isinstance(outcome, Problem):
            raise outcome.again()
        return outcome


class Load(NamedTuple):
    """How many flights of a lane are under way, and how many wait for their lease or their turn."""

    running: int
    waiting: int


class _Lane:
    """The places of one kind of flights: so many are under way at once, and so many may be queued behind them."""

    def __init__(self, concurrency: int, queue: int) -> None:
        self.concurrency = concurrency
        self.most = concurrency + queue
        self.running = asyncio.Semaphore(concurrency)
        self.count = 0
        # The tasks that wait for their lease or their turn.
        self.idle: set[asyncio.Task[Any]] = set()


class Flights(Generic[_T]):
    """At most one flight for each key, of all who share the leases. So many are under way at once, so many are queued
    behind them; more are refused. A lane has such places of its own: what is slow there keeps nobody else waiting."""

    def __init__(
        self,
        concurrency: int,
        queue: int,
        leases: Leases | None = None,
        observer: Observer = NO_OBSERVER,
        work: str = "new pictures are being made or queued",
        late: str = "the picture is being made",
        lanes: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """`work` ends the sentence that refuses one more flight, after their number; `late` begins the one for whoever
        waited too long for theirs. `lanes` says how many are under way at once in each lane that has a name; those of
        other names share one lane."""
        self._leases = leases or NoLeases()
        self._observer = observer
        self._work = work
        self._late = late
        self._lanes = {name: _Lane(places, queue) for name, places in lanes.items()}
        self._common = _Lane(concurrency, queue)
        # How many were begun, and joined, so far.
        self.begun = self.joined = 0
        self._flights: dict[str, Flight[_T]] = {}
        self._tasks: set[asyncio.Task[_T | Problem]] = set()
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
        """Whether the next one without a lane of its own would have to wait for its turn."""
        return self._common.count >= self._common.concurrency

    @property
    def waiting(self) -> int:
        """How many of them wait for their lease or their turn."""
        return sum(len(lane.idle) for lane in (self._common, *self._lanes.values()))

    @property
    def load(self) -> Mapping[str, Load]:
        """How many each lane that has a name holds."""
        return {
            name: Load(running=lane.count - len(lane.idle), waiting=len(lane.idle))
            for name, lane in self._lanes.items()
        }

    def under_way(self, key: str) -> Flight[_T] | None:
        """The flight of that key that has not landed."""
        return self._flights.get(key)

    async def under_way_elsewhere(self, key: str) -> bool:
        """Whether another replica has the flight of that key, as far as is known."""
        return await self._leases.taken(key)

    def join(
        self, key: str, fly: Callable[[], Awaitable[_T]], lane: str = "", late: Callable[[], Problem] | None = None
    ) -> tuple[Flight[_T], bool]:
        """The flight of `key`, begun with `fly` in that lane where there is none; and whether it was there already.
        `late` gives what a waiter is told whose patience is over.

        Nothing here awaits: no other request can begin a flight between the look and the start.
        Raises `Problem` (503) where too many are under way, or the service is stopping.
        """
        if (flight := self._flights.get(key)) is not None:
            self.joined += 1
            return flight, True
        if self.draining:
            raise problems.draining()
        places = self._lane(lane)
        if places.count >= places.most:
            raise Problem(problems.OVERLOADED, f"{places.most} {self._work} already: try again later")
        # Not the caller's context: a flight is nobody's request, and must not carry the first one's.
        task = asyncio.create_task(self._fly(key, fly, places), context=self._observer.task_context())
        self._tasks.add(task)  # or a task that nobody holds may be collected in mid-flight
        places.idle.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(places.idle.discard)
        if self._stopped is None:
            self._stopped = asyncio.get_running_loop().create_future()
        self.begun += 1
        places.count += 1
        flight = self._flights[key] = Flight(task, self._stopped, late or self._too_slow)
        return flight, False

    def stop(self) -> None:
        """Lets no new flight begin, and ends the waiting of all who wait; what has begun goes on.

        Flights that wait for their lease or their turn have cost nothing yet, and end.
        """
        if self._stopped_at is None:
            self._stopped_at = asyncio.get_running_loop().time()
        if self._stopped is not None and not self._stopped.done():
            self._stopped.set_result(None)
        for lane in (self._common, *self._lanes.values()):
            for task in tuple(lane.idle):
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

    def _too_slow(self) -> Problem:
        return problems.too_slow(self._late)

    def _lane(self, name: str) -> _Lane:
        return self._lanes.get(name, self._common)

    async def _fly(self, key: str, fly: Callable[[], Awaitable[_T]], places: _Lane) -> _T | Problem:
        try:
            # In this order: whoever waits for another replica's work keeps nobody here from working.
            async with self._leases.held(key), places.running:
                places.idle -= {asyncio.current_task()}
                return await fly()
        except Problem as problem:
            return problem
        except Exception:  # the edge of a task: whatever broke, its waiters get an answer
            log.exception("a flight broke")
            return Problem(problems.INTERNAL, "an unexpected error. The log of the service has the details")
        finally:
            # What the work gives is in the store and in memory by now: whoever comes after this line finds it there.
            del self._flights[key]
            places.count -= 1
