"""Those who come for work: a worker is handed an order under a lease, says that it lives, and brings the picture."""

import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from promptcdn.generators.worker import jobs as policy
from promptcdn.generators.worker.jobs import Can, Job, Standing
from promptcdn.generators.worker.ledger import Ledger, Row


@dataclass(frozen=True)
class Timings:
    """How workers are answered. `look` is how many seconds lie between two looks for an order, where no change is heard
    of: leases run out in silence."""

    look: float = 1.0


TIMINGS = Timings()


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
        new_id: Callable[[], str] = lambda: secrets.token_hex(16),
    ) -> None:
        self._ledger = ledger
        self._timings = timings
        self._new_id = new_id
        self._stopped = False
        self.pictures: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.seconds: dict[str, float] = {}

    @property
    def lease_seconds(self) -> float:
        """How long a worker may be silent before its order goes to another."""
        return self._ledger.timings.lease

    async def next(self, caller: Caller, can: Can, seconds: float) -> Handed | None:
        """An order for that worker as soon as there is one; `None` after so many seconds."""
        ends = self._ledger.clock.monotonic() + seconds
        while not self._stopped:
            await self._ledger.see(caller.full_name)
            seen = await self._ledger.look()
            job = policy.next_job(seen.jobs, caller.name, can, seen.now, self._ledger.timings)
            if job is not None:
                key, lease = job.order.content_key, self._new_id()
                taken = policy.handed(job, lease, caller.name, seen.now, self._ledger.timings, instance=caller.instance)
                if await self._ledger.put(seen.rows[key], taken):
                    return Handed(f"{key}.{lease}", taken)
                continue  # another worker was faster
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
        return await self._change(order_id, caller, lambda job, now: policy.renewed(job, now, self._ledger.timings))

    async def give_back(self, order_id: str, caller: Caller) -> Standing:
        """The worker has not tried the order: the next one gets it."""
        return await self._change(order_id, caller, policy.given_back, wake=True)

    async def fail(self, order_id: str, caller: Caller, why: str) -> Standing:
        """The worker gave no picture, or none that was ordered: the next one gets the order."""
        self.failures[caller.name] += 1
        return await self._change(
            order_id, caller, lambda job, now: policy.failed(job, caller.name, why, now), wake=True
        )

    async def end(self, order_id: str, caller: Caller) -> None:
        """The picture is safe, or nobody wants it any more: whoever waits for it goes on."""
        key, _, lease_id = order_id.partition(".")
        ended = await self._ledger.change(key, self._done, wake=True)
        if ended is None:
            return
        self.pictures[caller.name] += 1
        lease = next((lease for lease in ended.leases if lease.id == lease_id), None)
        if lease is not None:
            took = ended.ended - lease.since
            self.seconds[caller.name] = self.seconds.get(caller.name, 0.0) + took
            await self._ledger.see(Caller(caller.name, lease.instance).full_name, took)

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
