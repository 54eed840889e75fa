"""Those who come for work: a worker is handed an order under a lease, says that it lives, and brings the picture."""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from promptcdn import problems
from promptcdn.generators.worker import jobs as policy
from promptcdn.generators.worker.jobs import Can, Job, Standing
from promptcdn.generators.worker.ledger import Ledger, Row, Seen
from promptcdn.problems import Problem


@dataclass(frozen=True)
class Timings:
    """How workers are answered. `look` is how many seconds lie between two looks for an order, where no change is heard
    of: leases run out in silence."""

    look: float = 1.0


@dataclass(frozen=True)
class Limits:
    """How many calls of workers wait for an order at once; more are refused."""

    waiting: int = 1000


TIMINGS, LIMITS = Timings(), Limits()


@dataclass(frozen=True)
class Caller:
    """A worker that calls: the name of its token, and its own name, of which a token may have several."""

    name: str
    instance: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.name}/{self.instance}"


@dataclass(frozen=True)
class Handed:
    """An order in a worker's hands. The id names the order and the lease, as `KEY.LEASE`."""

    id: str
    job: Job


@dataclass(frozen=True)
class Load:
    """How many orders wait, those that a worker has with them; since how many seconds the oldest does; and how many
    workers called lately."""

    orders: int
    oldest: float
    workers: int


class Workers:
    """What workers are answered. Every call raises `RedisDown` where orders are in Redis and Redis does not answer.

    `pictures`, `seconds` and `failures` count by the names of tokens what came in at this replica.
    """

    def __init__(
        self,
        ledger: Ledger,
        timings: Timings = TIMINGS,
        limits: Limits = LIMITS,
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._ledger = ledger
        self._timings = timings
        self._limits = limits
        self._new_id = new_id
        self._waiting = 0
        # The pictures whose orders are being handed out here at this moment.
        self._handing = set[str]()
        self._stopped = False
        self.pictures: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}

    @property
    def lease_seconds(self) -> float:
        """How long a worker may be silent before its order goes to another."""
        return self._ledger.timings.lease

    async def next(self, caller: Caller, can: Can, seconds: float) -> Handed | None:
        """An order for that worker as soon as there is one; `None` after so many seconds. Raises `Problem` where too
        many wait already."""
        if self._waiting >= self._limits.waiting:
            raise Problem(problems.OVERLOADED, f"{self._waiting} workers wait for orders already: try again later")
        self._waiting += 1
        try:
            return await self._next(caller, can, seconds)
        finally:
            self._waiting -= 1

    async def _next(self, caller: Caller, can: Can, seconds: float) -> Handed | None:
        ends = self._ledger.clock.monotonic() + seconds
        await self._ledger.see(caller.full_name, can=can)
        while not self._stopped:
            seen = await self._ledger.look()
            if (job := self._found(seen, caller, can)) is not None:
                if (handed := await self._hand(seen, job, caller)) is not None:
                    return handed
                continue  # a worker at another replica was faster
            left = ends - self._ledger.clock.monotonic()
            if left <= 0:
                break
            await self._ledger.board.changed(min(left, self._timings.look))
        return None

    async def standing(self, order_id: str, caller: Caller) -> tuple[Standing, Job | None]:
        """What that worker is to the order that it was handed under this id, and the order."""
        key, _, lease = order_id.partition(".")
        row = await self._ledger.row(key)
        return policy.standing(row.job, lease, caller.name), row.job

    async def renew(self, order_id: str, caller: Caller) -> Standing:
        """The worker is alive, and keeps its order."""
        instance = ""

        def renewed(job: Job, now: float) -> Job:
            nonlocal instance
            instance = job.lease.instance if job.lease else ""
            return policy.renewed(job, now, self._ledger.timings)

        standing = await self._change(order_id, caller, renewed)
        if standing == "current":
            # A worker that draws for minutes calls for no order meanwhile, and is there all the same.
            await self._ledger.see(Caller(caller.name, instance).full_name)
        return standing

    async def give_back(self, order_id: str, caller: Caller) -> Standing:
        """The worker has not tried the order: the next one gets it."""
        return await self._change(order_id, caller, policy.given_back, wake=True)

    async def fail(self, order_id: str, caller: Caller, why: str) -> Standing:
        """The worker gave no picture, or none that was ordered: the next one gets the order."""

        def failed(job: Job, now: float) -> Job:
            return policy.failed(job, caller.name, why, now)

        standing = await self._change(order_id, caller, failed, wake=True)
        if standing == "current":
            self.failures[caller.name] += 1
        return standing

    async def end(self, order_id: str, caller: Caller) -> bool:
        """The picture is safe, or nobody wants it any more: whoever waits for it goes on. False where another one ended
        the order meanwhile."""
        key, _, lease_id = order_id.partition(".")
        ended = await self._ledger.change(key, self._done, wake=True)
        if ended is None:
            return False
        self.pictures[caller.name] += 1
        lease = next((lease for lease in ended.leases if lease.id == lease_id), None)
        if lease is not None:
            took = ended.ended - lease.since
            self.seconds[caller.name] = self.seconds.get(caller.name, 0.0) + took
            await self._ledger.see(Caller(caller.name, lease.instance).full_name, took)
        return True

    async def load(self) -> Load:
        """How much waits, and how many workers there are."""
        seen, timings = await self._ledger.look(), self._ledger.timings
        placed = [job.placed for job in seen.jobs if job.state == "waiting"]
        present = sum(1 for each in seen.workers.values() if seen.now < each.at + timings.seen)
        return Load(len(placed), max(0.0, seen.now - min(placed, default=seen.now)), present)

    def stop(self) -> None:
        """Ends the waiting of workers at their next look: the service stops."""
        self._stopped = True

    async def close(self) -> None:
        self.stop()
        await self._ledger.board.close()

    def _found(self, seen: Seen, caller: Caller, can: Can) -> Job | None:
        """The job for that worker. Of workers that can do the same, one searches in vain, and not hundreds."""
        if (caller.name, can) in seen.nothing_for:
            return None
        free = (job for job in seen.jobs if job.order.content_key not in self._handing)
        job = policy.next_job(free, caller.name, can, seen.now, self._ledger.timings)
        if job is None:
            seen.nothing_for.add((caller.name, can))
        return job

    async def _hand(self, seen: Seen, job: Job, caller: Caller) -> Handed | None:
        """That job in the worker's hands; `None` where it has changed meanwhile."""
        key, lease = job.order.content_key, self._new_id()
        handed = policy.handed(job, lease, caller.name, seen.now, self._ledger.timings, instance=caller.instance)
        self._handing.add(key)
        try:
            return Handed(f"{key}.{lease}", handed) if await self._ledger.put(seen.rows[key], handed) else None
        finally:
            self._handing.discard(key)

    def _done(self, row: Row) -> Job | None:
        waits = row.job is not None and row.job.state == "waiting"
        return policy.done(row.job, self._ledger.clock.unix()) if waits and row.job else None

    async def _change(
        self, order_id: str, caller: Caller, change: Callable[[Job, float], Job], *, wake: bool = False
    ) -> Standing:
        """Changes the order of a worker that has it; what the worker is to it."""
        key, _, lease = order_id.partition(".")
        standing: Standing = "unknown"

        def changed(row: Row) -> Job | None:
            nonlocal standing
            standing = policy.standing(row.job, lease, caller.name)
            return change(row.job, self._ledger.clock.unix()) if row.job and standing == "current" else None

        await self._ledger.change(key, changed, wake=wake)
        return standing
