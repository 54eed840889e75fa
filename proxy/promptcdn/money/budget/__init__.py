"""The operator's brake: how much may be paid for in a period, counted where a kill -9 forgets nothing.

    counter    the SQLite file that the processes of one machine share
    place      where that file lies, and whether it outlives a restart
    shared     what several machines count together in Redis, by the `scripts` that run there
    known      what one of them knows of that, should Redis forget

A reservation is spent until it is given back, so a crash between the two counts too much, never too little.
"""

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

from promptcdn import problems
from promptcdn.money import budgets as policy
from promptcdn.money.budget import counter
from promptcdn.money.budgets import Left, Limits
from promptcdn.money.prices import Cost, Prices
from promptcdn.stores import volumes
from promptcdn.stores.counting import CountingFile
from promptcdn.url.periods import Period
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

# How long the turn of another process is waited for.
BUSY_SECONDS = 10.0

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


class NoBudget:
    """No brake, and nothing counted: for a generator that costs nothing."""

    forgets = ""

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        return Reservation(now, Cost(resolved.engine, 1, 0))

    async def give_back(self, reservation: Reservation) -> None:
        """Nothing was counted."""

    async def left(self, now: datetime) -> tuple[Left, ...]:  # noqa: ARG002 - the same for all times
        """There is no limit."""
        return ()

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:  # noqa: ARG002 - the same for all
        """Nothing was counted."""
        return ()

    async def close(self) -> None:
        """Nothing is open."""


class SqliteBudget:
    """Limits counted in a SQLite file; without a limit it counts only.

    `forgets` says why a restart forgets the count; empty where it does not.
    """

    def __init__(self, path: Path, limits: Limits, prices: Prices) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done."""
        self._limits = limits.each
        self._prices = prices
        # A paid picture's count must survive a power cut too.
        self._file = CountingFile(
            path, counter.bring_up_to_date, whose="budget", synchronous="FULL", patience=BUSY_SECONDS
        )
        self.forgets = volumes.caveat(path.parent)

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        """Spends what this picture costs of every limit, or of none. Raises `Problem` that names those spent."""
        cost = self._prices.cost(resolved)
        try:
            spent = await self._run(lambda database: counter.spend(database, cost, self._limits, now))
        except problems.CounterUnavailable as unknown:
            if self._limits:
                raise
            # Without a limit the count is for the operator's eyes only.
            log.warning("a picture is not counted: %s", unknown.detail)
            spent = ()
        if spent:
            raise policy.refusal(spent, cost, now)
        return Reservation(now, cost)

    async def give_back(self, reservation: Reservation) -> None:
        await self._run(lambda database: counter.unspend(database, reservation.cost, reservation.at))

    async def left(self, now: datetime) -> tuple[Left, ...]:
        """What may be spent of each limit until its period ends."""
        return await self._run(lambda database: counter.lefts(database, self._limits, now))

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:
        """What was spent on each engine in the `unit` that `at` lies in; engine `""` is what older files counted."""
        return await self._run(lambda database: counter.by_engine(database, unit, at))

    async def close(self) -> None:
        await self._file.close()

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await self._file.run(work)
        except sqlite3.Error as error:
            raise problems.CounterUnavailable("the budget's counter does not answer") from error
