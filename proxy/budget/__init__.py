"""The operator's brake: how much may be paid for in a period, counted where a kill -9 forgets nothing.

    counter    the SQLite file that the processes of one machine share
    place      where that file lies, and whether it outlives a restart

A reservation is spent until it is given back, so a crash between the two counts too much, never too little.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from proxy import limits as policy
from proxy import problems
from proxy.budget import counter, place
from proxy.limits import Left, Limits
from proxy.prices import Cost, Prices
from proxy.request import Resolved

_T = TypeVar("_T")


@dataclass(frozen=True)
class Reservation:
    """What one picture costs, and the moment it is charged to."""

    at: datetime
    cost: Cost


class Budget(Protocol):
    """Asked after the flight has begun and before the upstream is called."""

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        """Spends what this picture costs. Raises `Problem` (503) where too little is left."""
        ...

    async def give_back(self, reservation: Reservation) -> None:
        """For a call that surely cost nothing; all others stay spent."""
        ...

    async def close(self) -> None: ...


class Unlimited:
    """No brake, and nothing counted: what the operator said in so many words, or a generator that costs nothing."""

    forgets = ""

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        return Reservation(now, Cost(resolved.engine, 1, 0))

    async def give_back(self, reservation: Reservation) -> None:
        """Nothing was counted."""

    async def left(self, now: datetime) -> tuple[Left, ...]:  # noqa: ARG002 - the same for all times
        """There is no limit."""
        return ()

    async def by_engine(self, since: datetime) -> tuple[Cost, ...]:  # noqa: ARG002 - the same for all times
        """Nothing was counted."""
        return ()

    async def close(self) -> None:
        """Nothing is open."""


class SqliteBudget:
    """Limits counted in a SQLite file. `forgets` says why a restart forgets the count; empty where it does not."""

    def __init__(self, path: Path, limits: Limits, prices: Prices) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done."""
        self._limits = limits.each
        self._prices = prices
        # One thread and one connection: SQLite's are not for sharing.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="budget")
        try:
            self._database = self._thread.submit(counter.opened, path).result()
        except sqlite3.Error as error:
            self._thread.shutdown()
            raise OSError(0, f"the budget's file cannot be used: {error}") from error
        self.forgets = place.forgets(path.parent)

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        """Spends what this picture costs of every limit, or of none. Raises `Problem` that names those spent."""
        cost = self._prices.cost(resolved)
        if spent := await self._run(lambda: counter.spend(self._database, cost, self._limits, now)):
            raise policy.refusal(spent, cost, now)
        return Reservation(now, cost)

    async def give_back(self, reservation: Reservation) -> None:
        await self._run(lambda: counter.unspend(self._database, reservation.cost, reservation.at))

    async def left(self, now: datetime) -> tuple[Left, ...]:
        """What may be spent of each limit until its period ends."""
        return await self._run(lambda: counter.lefts(self._database, self._limits, now))

    async def by_engine(self, since: datetime) -> tuple[Cost, ...]:
        """What was spent on each engine from the UTC day of `since` on; the engine `""` is what older files counted."""
        return await self._run(lambda: counter.by_engine(self._database, since))

    async def close(self) -> None:
        await self._run(self._database.close)
        self._thread.shutdown()

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise problems.StoreUnknown("the budget's counter does not answer") from error
