"""What workers are handed, and what becomes of what they bring: it is settled here, whoever waits for it and where."""

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from promptcdn import problems
from promptcdn.catalog.sources import SourcePictures
from promptcdn.clock import Clock
from promptcdn.generators import Made, Sources
from promptcdn.generators.worker.jobs import Can, Job, Standing
from promptcdn.generators.worker.work import Work
from promptcdn.generators.worker.workers import Caller
from promptcdn.making import Making
from promptcdn.observer import NO_OBSERVER, Observer
from promptcdn.problems import Problem, UpstreamFailed
from promptcdn.replicas.connection import RedisDown
from promptcdn.spool import Paid, Spool

log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True)
class WorkOrder:
    """An order as a worker gets it: under the id `KEY.LEASE`, with the files that the picture is made from."""

    id: str
    job: Job
    sources: Sources


class Deliveries:
    """What stands between workers and the making of pictures. Every call raises `Problem`."""

    def __init__(
        self,
        work: Work,
        making: Making,
        spool: Spool,
        sources: SourcePictures,
        clock: Clock,
        observer: Observer = NO_OBSERVER,
    ) -> None:
        self.work = work
        self._workers = work.workers
        self._making = making
        self._spool = spool
        self._sources = sources
        self._clock = clock
        self._observer = observer

    @property
    def lease_seconds(self) -> float:
        """How long a worker may be silent before its order goes to another."""
        return self._workers.lease_seconds

    async def next(self, caller: Caller, can: Can, seconds: float) -> WorkOrder | None:
        """An order that the worker can do; `None` where there is none within so many seconds.

        None is handed out while its picture could not be saved, nor one whose sources are gone meanwhile.
        """
        await self._spool.secure()
        while (handed := await _answered(self._workers.next(caller, can, seconds))) is not None:
            try:
                return WorkOrder(handed.id, handed.job, await self._sources.read(handed.job.order.resolved))
            except Problem as problem:
                if problem.kind.status >= 500:
                    await self.give_back(handed.id, caller)
                    raise
                # Whoever waits looks at the sources again, and is told.
                await _answered(self._workers.end(handed.id, caller))
                seconds = 0.0
        return None

    async def alive(self, order_id: str, caller: Caller) -> None:
        """The worker draws on. Raises the `Problem` (409) of an order that is not its any more."""
        _require_its(await _answered(self._workers.renew(order_id, caller)))

    async def give_back(self, order_id: str, caller: Caller) -> None:
        """The worker has not tried the order."""
        _require_its(await _answered(self._workers.give_back(order_id, caller)))

    async def fail(self, order_id: str, caller: Caller, why: str) -> None:
        """The worker has no picture, and says why."""
        _require_its(await _answered(self._workers.fail(order_id, caller, why)))
        log.warning("the worker %s made no picture of the order %s", caller.name, order_id[:16])

    async def expect(self, order_id: str, caller: Caller) -> bool:
        """Whether the worker is late with this order. Its picture is taken all the same, while there is no other one.

        Raises the `Problem` of an order whose picture is not taken from this worker.
        """
        # A large picture takes its time on the way, and is a sign of life.
        standing = await _answered(self._workers.renew(order_id, caller))
        if standing != "late":
            _require_its(standing)
        return standing == "late"

    async def deliver(self, order_id: str, caller: Caller, picture: bytes, *, filtered: bool = False) -> None:
        """Settles the picture, or that a filter of the worker refused it. Raises the `Problem` (422) of a picture that
        is not the one that was ordered: the order goes to the next worker."""
        standing, job = await _answered(self._workers.standing(order_id, caller))
        if standing != "late":
            _require_its(standing)
        assert job is not None, "the worker has it"
        generator = job.order.resolved.generator
        made = Made(picture, seed_sent=job.order.resolved.seed, filtered=filtered)
        try:
            await self._making.deliver(Paid(job.order, made, int(self._clock.unix()), job.after, job.mark))
        except UpstreamFailed as refusal:
            detail = refusal.detail.replace("the upstream", "the worker")
            await _answered(self._workers.fail(order_id, caller, detail))
            self._observer.generated(generator, refusal.kind.code, self._took(order_id, job))
            log.warning("the worker %s brought no good picture of %s: %s", caller.name, order_id[:16], detail)
            raise Problem(problems.PICTURE_REFUSED, detail) from None
        except Problem as problem:
            if problem.kind not in (problems.FILTERED, problems.REMOVED):
                raise
        if await _answered(self._workers.end(order_id, caller)):
            self._observer.generated(generator, "filtered" if filtered else "picture", self._took(order_id, job))

    def stop(self) -> None:
        """Ends all waiting: the service stops. Orders stay where they are."""
        self.work.stop()

    async def close(self) -> None:
        await self.work.close()

    def _took(self, order_id: str, job: Job) -> float:
        """How many seconds the worker has had the order."""
        now = self._clock.unix()
        return next((now - lease.since for lease in job.leases if order_id.endswith(lease.id)), 0.0)


async def _answered(call: Awaitable[_T]) -> _T:
    try:
        return await call
    except RedisDown:
        detail = "Redis, where orders wait for workers, does not answer: try again in a few seconds"
        raise Problem(problems.UPSTREAM_UNREACHABLE, detail) from None


def _require_its(standing: Standing) -> None:
    """Raises the `Problem` of a message about an order that is not the sender's."""
    match standing:
        case "unknown":
            raise Problem(problems.NOT_FOUND, "there is no such order, or it was given up")
        case "theirs":
            raise Problem(problems.ORDER_OF_ANOTHER, "this order was handed to a worker with another token")
        case "late":
            detail = "the worker said nothing for too long, and another one has the order: drop it"
            raise Problem(problems.ORDER_LOST, detail)
        case "ended":
            raise Problem(problems.ORDER_LOST, "the order is done already: nothing was stored, drop it")
