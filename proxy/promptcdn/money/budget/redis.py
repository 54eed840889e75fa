"""The budget counted in Redis over all replicas: exactly while Redis is up, and never too little when it forgets.

Redis decides, in one step for all limits. Every replica keeps what was counted in memory (`merge`), and what it spent
itself also in its own file, before the generator is called. A Redis that lost its memory gets all numbers back from the
replicas before it may decide again.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from promptcdn.money.budget import Reservation, lua, merge
from promptcdn.money.budget.limits import BudgetLimit, BudgetLimits, Usage, refusal
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.costs import Cost, Prices
from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import SHARE, RedisConnection, RedisDown
from promptcdn.url.periods import Period, period_end, period_name
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

# A period's hash is kept until the last clock has left the period, and all that is given back has been.
_KEPT = timedelta(days=2)
# For so long a reservation that was given back cannot be given back again.
_RETURNED_SECONDS = 60
_SPENT = f"{lua.SPENT}:"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """Seconds: how often each replica looks whether Redis still has its numbers, and for how long a Redis that lost
    them decides nothing. In that time all replicas have met it: a ping's pause and time-out (1 s), and a look."""

    between_looks: float = 0.25
    refill: float = 2.0


class RedisBudget:
    """A budget over all replicas that share a Redis. `local` is this machine's count, without limits of its own.

    `replica` names the data folder that `local` lies in, so that processes which share it are one replica here too.
    Without limits pictures are counted only, and a Redis that is down stops nobody.
    """

    # Whatever disk the file lies on, Redis and the other replicas have the numbers too.
    forgets = ""

    def __init__(
        self,
        connection: RedisConnection,
        local: SqliteBudget,
        limits: BudgetLimits,
        prices: Prices,
        replica: str,
        clock: Callable[[], datetime],
        timings: Timings | None = None,
    ) -> None:
        self._connection = connection
        self._local = local
        self._limits = limits.each
        self._prices = prices
        self._replica = replica
        self._clock = clock
        self._timings = timings or Timings()
        self._totals = merge.Totals()
        # That of Redis, once Redis has all of our totals; else empty.
        self._epoch = ""
        # So that looks do not queue behind a crowd of reservations.
        self._turn = asyncio.Semaphore(SHARE)
        self._tasks: list[asyncio.Task[None]] = []
        # A channel belongs to all databases of a Redis, and another database's numbers are another service's.
        self._channel = f"{lua.SPENT}:{connection.database}"

    async def start(self) -> None:
        """Begins to exchange totals with Redis and the other replicas; returns after the first look."""
        await self._look()
        # What others spend is received at once: should they and Redis die together, this replica still has it.
        receiving = self._connection.subscribe(self._channel, self._merge)
        self._tasks = [asyncio.create_task(self._look_again_and_again()), asyncio.create_task(receiving)]

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        cost = self._prices.cost(resolved)
        try:
            await self._reserve(cost, now)
        except CounterUnavailable:
            if self._limits:
                raise
            reservation = await self._local.reserve(resolved, now)
            # The next look sends Redis what stands in the file.
            self._epoch = ""
            return reservation
        return await self._local.reserve(resolved, now)

    async def give_back(self, reservation: Reservation) -> None:
        at, cost = reservation.at, reservation.cost
        await self._local.give_back(reservation)
        periods = merge.periods(at)
        keys = [f"{lua.RETURNED}:{secrets.token_hex(8)}", *_hashes(periods)]
        returned = json.dumps({"rp": cost.pictures, "rm": cost.millicredits})
        lifetimes = json.dumps(_lifetimes(periods, at))
        args = (_RETURNED_SECONDS, self._prefix(cost), returned, lifetimes, self._channel)
        self._merge(await self._run(lua.GIVE_BACK, keys, *args))

    async def usage(self, now: datetime) -> tuple[Usage, ...]:
        """Raises `CounterUnavailable` also while Redis is being sent what was spent."""
        epoch, refilling = await self._run(lua.STATE, [lua.EPOCH, lua.REFILLING])
        # A budget that was not started only looks: it may be the first to use this Redis.
        has_met = not self._tasks or (epoch and epoch == self._epoch)
        if self._limits and (refilling or not has_met):
            raise _refilling()
        return tuple([await self._usage(limit, now) for limit in self._limits])

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:
        (key,) = _hashes([period_name(unit, at)])
        fields = await self._answered(self._connection.call(lambda redis: redis.hgetall(key)))
        return merge.costs({str(field): int(number) for field, number in fields.items()})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._local.close()

    async def _reserve(self, cost: Cost, now: datetime) -> None:
        kinds = {"pictures": "p", "credits": "m"}
        limits = [
            (merge.UNITS.index(limit.unit) + 1, kinds[limit.currency], limit.amount, limit.prefix, limit.of(cost))
            for limit in self._limits
        ]
        periods = merge.periods(now)
        keys = [lua.EPOCH, lua.REFILLING, *_hashes(periods)]
        costs = {"p": cost.pictures, "m": cost.millicredits}
        values = [json.dumps(value) for value in (costs, limits, _lifetimes(periods, now))]
        epochs = (*self._new_epoch(), self._epoch)
        async with self._turn:
            outcome, used, changed = await self._run(
                lua.RESERVE, keys, *epochs, self._prefix(cost), *values, self._channel
            )
        if outcome == "refilling":
            raise _refilling()
        self._merge(changed)
        if outcome == "spent":
            usages = [
                Usage(limit, amount, period_end(limit.unit, now))
                for limit, amount in zip(self._limits, used, strict=True)
            ]
            raise refusal([usage for usage in usages if not usage.allows(cost)], cost, now)

    async def _usage(self, limit: BudgetLimit, now: datetime) -> Usage:
        return Usage(limit, limit.of(*await self.by_engine(limit.unit, now)), period_end(limit.unit, now))

    async def _look_again_and_again(self) -> None:
        while True:
            await asyncio.sleep(self._timings.between_looks)
            try:
                await self._look()
            except Exception:  # the edge of a task: whatever broke, the next look may do better
                log.exception("an unexpected error while the budget was compared with Redis")

    async def _look(self) -> None:
        """Receives the totals of Redis and sends those that it lacks; only then may it decide what we reserve."""
        now = self._clock()
        periods = merge.around(now)
        self._totals.keep(periods)
        try:
            epoch, theirs = await self._exchange(now, periods, {})
            self._totals.merge(theirs)
            if epoch != self._epoch:
                await self._read_file(now)
            missing = self._totals.beyond(theirs)
            if missing:
                epoch_after, _ = await self._exchange(now, periods, missing)
                # Redis forgot in between, perhaps what it was just sent: the next look sends all of it.
                epoch = epoch if epoch_after == epoch else ""
            self._epoch = epoch
        except CounterUnavailable:
            # What is counted meanwhile, in the file alone, is sent when Redis is back.
            self._epoch = ""

    async def _read_file(self, now: datetime) -> None:
        """Merges what the processes of this folder have spent by their file, also before they shared a Redis."""
        for unit, period in zip(merge.UNITS, merge.periods(now), strict=True):
            for cost in await self._local.by_engine(unit, now):
                self._totals.merge(self._totals.own(self._replica, period, cost))

    async def _exchange(
        self, now: datetime, periods: Mapping[str, datetime], sent: merge.Numbers
    ) -> tuple[str, merge.Numbers]:
        """Sends these totals; gives the epoch of Redis, and all totals of these periods that it has afterwards."""
        names = list(periods)
        keys = [lua.EPOCH, lua.REFILLING, *_hashes(names)]
        numbers = [(names.index(period) + 1, field, number) for (period, field), number in sent.items()]
        args = json.dumps(numbers), json.dumps(_lifetimes(periods, now))
        epoch, hashes = await self._run(lua.SYNC, keys, *self._new_epoch(), *args)
        pairs = [
            (name, dict(zip(flat[::2], flat[1::2], strict=True))) for name, flat in zip(names, hashes, strict=True)
        ]
        return epoch, {(name, field): int(number) for name, fields in pairs for field, number in fields.items()}

    def _merge(self, changed: str) -> None:
        """Takes in what a script counted, as the script gives and publishes it."""
        start = len(_SPENT)
        self._totals.merge({(key[start:], field): number for key, field, number in json.loads(changed)})

    def _prefix(self, cost: Cost) -> str:
        return f"{self._replica}|{cost.engine}|"

    def _new_epoch(self) -> tuple[str, int]:
        return secrets.token_hex(8), int(1000 * self._timings.refill)

    async def _run(self, script: str, keys: Sequence[str], *args: str | int) -> Any:
        return await self._answered(self._connection.script(script, keys, *args))

    async def _answered(self, command: Awaitable[_T]) -> _T:
        try:
            return await command
        except RedisDown as down:
            raise CounterUnavailable("the budget's counter in Redis does not answer") from down


def _refilling() -> CounterUnavailable:
    return CounterUnavailable(
        "Redis was emptied or restarted: for two seconds the replicas report to it what was spent"
    )


def _hashes(names: Iterable[str]) -> list[str]:
    return [_SPENT + name for name in names]


def _lifetimes(periods: Mapping[str, datetime], now: datetime) -> list[int]:
    """For how many seconds from `now` on the hash of each period is kept. No moments: Redis' clock may differ."""
    return [int((end + _KEPT - now).total_seconds()) for end in periods.values()]
