"""The limits counted over all replicas in Redis: exactly while it is well, and never too little when it forgets.

Redis decides, in one step for all limits. What it said is remembered by everybody (`known`), and by this replica's own
file too before the upstream is called. A Redis that lost its memory is filled again by all before it may decide anew.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from promptcdn.money.budget import Reservation, lua, merge
from promptcdn.money.budget.limits import BudgetLimit, BudgetLimits, Usage, refusal
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.prices import Cost, Prices
from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import SHARE, RedisConnection, RedisDown
from promptcdn.url.periods import Period, period_end, period_name
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

# How often each replica looks whether Redis still knows what it does.
TURN_SECONDS = 0.25
# All replicas have met a Redis that is back and told it what they know: a ping's wait and time-out (1 s), and a turn.
REFILL_SECONDS = 2.0
# A hash is of use until the last clock has left its period, and what was charged there has come back or not.
_KEPT = timedelta(days=2)
_RETURNED_SECONDS = 60

_T = TypeVar("_T")


class RedisBudget:
    """A budget over all replicas that share a Redis. `local` is this machine's count, without limits of its own.

    `replica` names the data folder that `local` lies in, so that processes which share it are one replica here too.
    Without limits pictures are counted only, and a Redis that is down stops nobody.
    """

    # Whatever disk the file lies on: Redis knows, and the other replicas.
    forgets = ""

    def __init__(
        self,
        connection: RedisConnection,
        local: SqliteBudget,
        limits: BudgetLimits,
        prices: Prices,
        replica: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._connection = connection
        self._local = local
        self._limits = limits.each
        self._prices = prices
        self._replica = replica
        self._clock = clock
        self._known = merge.Known()
        # The one that Redis has, once it knows what we know.
        self._epoch = ""
        # Looks do not queue behind a crowd of reservations.
        self._turn = asyncio.Semaphore(SHARE)
        self._tasks: list[asyncio.Task[None]] = []
        # Channels know no database, and another one's numbers are another service's.
        self._channel = f"{lua.SPENT}:{connection.database}"

    async def start(self) -> None:
        """Begins to tell Redis and to hear from the others; returns after the first word."""
        await self._look()
        # What others spend is heard the moment they do: should they and Redis die together, we know.
        hearing = self._connection.hear(self._channel, self._merge)
        self._tasks = [asyncio.create_task(self._look_on()), asyncio.create_task(hearing)]

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        """Spends what this picture costs of every limit, or of none.

        Raises `Problem` that names the limits spent, and `CounterUnavailable` where there are limits and Redis does not
        know, or does not say, what is left of them.
        """
        cost = self._prices.cost(resolved)
        try:
            await self._reserve(cost, now)
        except CounterUnavailable:
            if self._limits:
                raise
            reservation = await self._local.reserve(resolved, now)
            # The next turn tells what stands in the file.
            self._epoch = ""
            return reservation
        return await self._local.reserve(resolved, now)

    async def give_back(self, reservation: Reservation) -> None:
        """Raises `CounterUnavailable` where Redis does not answer: it stays spent there."""
        at, cost = reservation.at, reservation.cost
        await self._local.give_back(reservation)
        keys = [f"{lua.RETURNED}:{secrets.token_hex(8)}", *_hashes(merge.periods(at))]
        backs = json.dumps({"rp": cost.pictures, "rm": cost.millicredits})
        args = (
            _RETURNED_SECONDS,
            self._prefix(cost),
            backs,
            json.dumps(_seconds_of_use(merge.periods(at), at)),
            self._channel,
        )
        self._merge(await self._run(lua.GIVE_BACK, keys, *args))

    async def usage(self, now: datetime) -> tuple[Usage, ...]:
        """What may be spent of each limit until its period ends.

        Raises `CounterUnavailable`, also while Redis is being told what was spent.
        """
        epoch, refilling = await self._run(lua.STATE, [lua.EPOCH, lua.REFILLING])
        # Who has not started only looks: nobody may have used this Redis yet.
        has_met = not self._tasks or (epoch and epoch == self._epoch)
        if self._limits and (refilling or not has_met):
            raise _refilling()
        return tuple([await self._usage(limit, now) for limit in self._limits])

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:
        """What all replicas spent on each engine in the `unit` that `at` lies in. Raises `CounterUnavailable`."""
        (key,) = _hashes([period_name(unit, at)])
        fields = await self._answered(self._connection.call(lambda redis: redis.hgetall(key)))
        return merge.costs({str(field): int(number) for field, number in fields.items()})

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._local.close()

    async def _reserve(self, cost: Cost, now: datetime) -> None:
        adds = {"p": cost.pictures, "m": cost.millicredits}
        kinds = {"pictures": "p", "credits": "m"}
        asked = [(merge.UNITS.index(limit.unit) + 1, kinds[limit.currency], limit.amount) for limit in self._limits]
        periods = merge.periods(now)
        keys = [lua.EPOCH, lua.REFILLING, *_hashes(periods)]
        given = *(json.dumps(each) for each in (adds, asked, _seconds_of_use(periods, now))), self._channel
        async with self._turn:
            outcome, used, changed = await self._run(
                lua.RESERVE, keys, *_new_epoch(), self._epoch, self._prefix(cost), *given
            )
        if outcome == "refilling":
            raise _refilling()
        self._merge(changed)
        if outcome == "spent":
            lefts = [
                Usage(limit, sum_, period_end(limit.unit, now)) for limit, sum_ in zip(self._limits, used, strict=True)
            ]
            raise refusal([left for left in lefts if not left.allows(cost)], cost, now)

    async def _usage(self, limit: BudgetLimit, now: datetime) -> Usage:
        each = await self.by_engine(limit.unit, now)
        total = Cost("", sum(cost.pictures for cost in each), sum(cost.millicredits for cost in each))
        return Usage(limit, limit.of(total), period_end(limit.unit, now))

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(TURN_SECONDS)
            try:
                await self._look()
            except Exception:  # the edge of a task: whatever broke, the next look may do better
                log.exception("a look at the budget in Redis broke")

    async def _look(self) -> None:
        """Hears what Redis knows, and tells it what it does not; only then may we reserve by what it says."""
        now = self._clock()
        periods = merge.around(now)
        self._known.keep(periods)
        try:
            epoch, theirs = await self._sync(now, periods, {})
            self._known.merge(theirs)
            if epoch != self._epoch:
                await self._remember(now)
            missing = self._known.beyond(theirs)
            if missing:
                again, _ = await self._sync(now, periods, missing)
                # What was told before this loss may be lost: the next turn tells all of it.
                epoch = epoch if again == epoch else ""
            self._epoch = epoch
        except CounterUnavailable:
            # What is counted meanwhile, in the file alone, is told when it is back.
            self._epoch = ""

    async def _remember(self, now: datetime) -> None:
        """What the processes of this folder have spent by their file, also before they shared a Redis."""
        for unit, period in zip(merge.UNITS, merge.periods(now), strict=True):
            for cost in await self._local.by_engine(unit, now):
                self._known.merge(self._known.own(self._replica, period, cost))

    async def _sync(
        self, now: datetime, periods: Mapping[str, datetime], told: merge.Numbers
    ) -> tuple[str, merge.Numbers]:
        names = list(periods)
        keys = [lua.EPOCH, lua.REFILLING, *_hashes(names)]
        numbers = [(names.index(period) + 1, field, number) for (period, field), number in told.items()]
        args = json.dumps(numbers), json.dumps(_seconds_of_use(periods, now))
        epoch, hashes = await self._run(lua.SYNC, keys, *_new_epoch(), *args)
        pairs = [
            (name, dict(zip(flat[::2], flat[1::2], strict=True))) for name, flat in zip(names, hashes, strict=True)
        ]
        return epoch, {(name, field): int(number) for name, fields in pairs for field, number in fields.items()}

    def _merge(self, changed: str) -> None:
        """What a script counted, as it said it."""
        start = len(_KEY)
        self._known.merge({(key[start:], field): number for key, field, number in json.loads(changed)})

    def _prefix(self, cost: Cost) -> str:
        return f"{self._replica}|{cost.engine}|"

    async def _run(self, script: str, keys: Sequence[str], *args: str | int) -> Any:
        return await self._answered(self._connection.script(script, keys, *args))

    async def _answered(self, command: Awaitable[_T]) -> _T:
        try:
            return await command
        except RedisDown as down:
            raise CounterUnavailable("the budget's counter in Redis does not answer") from down


_KEY = f"{lua.SPENT}:"


def _refilling() -> CounterUnavailable:
    return CounterUnavailable(
        "Redis was emptied or restarted: for two seconds the replicas report to it what was spent"
    )


def _hashes(names: Iterable[str]) -> list[str]:
    return [_KEY + name for name in names]


def _seconds_of_use(periods: Mapping[str, datetime], now: datetime) -> list[int]:
    """How long their hashes are of use, from `now` on: not until when, which Redis' clock may see in another way."""
    return [int((end + _KEPT - now).total_seconds()) for end in periods.values()]


def _new_epoch() -> tuple[str, int]:
    return secrets.token_hex(8), int(1000 * REFILL_SECONDS)
