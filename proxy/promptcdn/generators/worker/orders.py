"""Those who wait for pictures: each picture is ordered once, whoever asks for it, and its order outlives the asking."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from promptcdn import problems
from promptcdn.generators.worker import jobs as policy
from promptcdn.generators.worker.jobs import Job
from promptcdn.generators.worker.ledger import Ledger, Row, Seen
from promptcdn.problems import Problem, UpstreamFailed
from promptcdn.readers.answers import Urgency
from promptcdn.replicas.connection import RedisDown

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Timings:
    """How those who wait look for their pictures, in seconds.

    look   between two looks at all orders, where no change is heard of
    asked  an order is noted as asked for so often, while somebody waits for it
    """

    look: float = 1.0
    asked: float = 5.0


@dataclass(frozen=True)
class Limits:
    """How many orders wait at most; more are refused."""

    orders: int = 1000


TIMINGS, LIMITS = Timings(), Limits()


@dataclass
class _Waiting:
    """An order that somebody waits for at this replica, and the end of the waiting."""

    job: Job
    outcome: "asyncio.Future[None]"
    asked: float


class Orders:
    """Orders of this replica. `seconds` is how long one is waited for; the order itself stays."""

    def __init__(self, ledger: Ledger, seconds: float, timings: Timings = TIMINGS, limits: Limits = LIMITS) -> None:
        self._ledger = ledger
        self._seconds = seconds
        self._timings = timings
        self._limits = limits
        self._waiting: dict[str, _Waiting] = {}
        self._watching: asyncio.Task[None] | None = None
        self._stopped = False
        # Of the last look: what readers are told must not wait for Redis.
        self._seen = Seen()

    async def waits(self, key: str) -> bool:
        """Whether that picture is ordered already. Raises `UpstreamFailed` where that cannot be known."""
        with _as_failure():
            job = (await self._ledger.row(key)).job
        return job is not None and job.state == "waiting"

    async def is_new(self, key: str) -> bool:
        """Whether that picture is not ordered yet.

        Raises `UpstreamFailed` of an order that failed and of which nobody was told, and where Redis does not answer;
        `Problem` where too many orders wait, and where the service stops.
        """
        if self._stopped:
            raise problems.draining()
        with _as_failure():
            row = await self._ledger.row(key)
            if row.job is not None and row.job.state == "failed":
                raise await self._told(row, row.job)
            is_new = row.job is None or row.job.state == "done"
            if is_new:
                await self._require_room()
        return is_new

    async def made(self, job: Job) -> None:
        """Orders a picture, and returns once a worker's is safe. The order stays where that takes too long.

        Raises `UpstreamFailed`; `Problem` where the service stops.
        """
        if self._stopped:
            raise problems.draining()
        key, outcome = job.order.content_key, asyncio.get_running_loop().create_future()
        with _as_failure():
            await self._place(job)
        self._waiting[key] = _Waiting(job, outcome, self._ledger.clock.unix())
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(self._seconds):
                await outcome
        except TimeoutError:
            late = self.late(key)
            raise UpstreamFailed(late.kind, late.detail, charged=False, pause=late.retry_after) from None
        finally:
            self._waiting.pop(key, None)

    def hasten(self, key: str, urgency: Urgency) -> None:
        """Somebody who is in more of a hurry waits for that picture too."""
        if (waiting := self._waiting.get(key)) is not None and urgency < waiting.job.urgency:
            waiting.job, waiting.asked = replace(waiting.job, urgency=urgency), 0.0

    def late(self, key: str) -> Problem:
        """The 503 for a reader who has waited for that picture: what it waits for, and how long it may take."""
        seen, now = self._seen, self._ledger.clock.unix()
        timings, started = self._ledger.timings, self._ledger.last_start
        why, seconds = policy.waits(seen.job(key), seen.jobs, seen.workers.values(), now, timings, started=started)
        return Problem(problems.WAITING_FOR_WORKER, f"{why}: load the same URL again later", retry_after=seconds)

    def stop(self) -> None:
        """Ends the waiting: the service stops. Orders stay where they are."""
        self._stopped = True
        for waiting in self._waiting.values():
            if not waiting.outcome.done():
                waiting.outcome.set_exception(problems.draining())

    async def close(self) -> None:
        self.stop()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)

    async def _place(self, job: Job) -> None:
        """Puts an order on the board, or notes on the one that is there that it is asked for."""

        def placed(row: Row) -> Job:
            now, there = self._ledger.clock.unix(), row.job
            if there is None or there.state != "waiting":  # the picture of the order before is gone, or it had none
                there = replace(job, placed=now)
            return policy.asked_again(there, job.urgency, now)

        await self._ledger.change(job.order.content_key, placed, wake=True)

    async def _require_room(self) -> None:
        seen = await self._ledger.look()
        waiting = sum(1 for job in seen.jobs if job.state == "waiting")
        if waiting >= self._limits.orders:
            raise Problem(problems.OVERLOADED, f"{waiting} orders wait for workers already: try again later")

    async def _watch(self) -> None:
        """Looks at the orders that somebody waits for, for as long as there are any."""
        while self._waiting:
            try:
                with contextlib.suppress(RedisDown):
                    self._seen = await self._ledger.look()
                    for key, waiting in tuple(self._waiting.items()):
                        await self._resolve(waiting, self._seen.rows.get(key))
            except Exception:  # the edge of a task: those who wait have a time of their own
                log.exception("a look at the orders for workers broke")
            await self._ledger.board.changed(self._timings.look)

    async def _resolve(self, waiting: _Waiting, row: Row | None) -> None:
        """Ends the waiting for an order that is over; notes that one is asked for; orders again what was forgotten."""
        job, now = row.job if row else None, self._ledger.clock.unix()
        if waiting.outcome.done():
            return
        if job is not None and job.state == "done":
            waiting.outcome.set_result(None)
        elif row is not None and job is not None and job.state == "failed":
            waiting.outcome.set_exception(await self._told(row, job))
        elif row is None:  # Redis may have been started anew
            await self._place(waiting.job)
        elif job is not None and now >= waiting.asked + self._timings.asked:
            waiting.asked = now
            await self._ledger.put(row, policy.asked_again(job, waiting.job.urgency, now))

    async def _told(self, row: Row, job: Job) -> UpstreamFailed:
        """The failure of an order, of which somebody is told now. It is told once, and is over: whoever asks after the
        cooldown orders anew."""
        await self._ledger.board.swap("jobs", row.key, row.text, "")
        return UpstreamFailed(problems.UPSTREAM_GARBLED, policy.why_failed(job), charged=True)


@contextlib.contextmanager
def _as_failure() -> Iterator[None]:
    try:
        yield
    except RedisDown:
        detail = "Redis, where orders wait for workers, does not answer"
        raise UpstreamFailed(problems.UPSTREAM_UNREACHABLE, detail, charged=False) from None
