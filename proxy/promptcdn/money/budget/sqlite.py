"""The budget's count in a SQLite file, which the processes of one machine share.

Whatever the limits are, the count is by the hour, so that changed limits include what was spent before.
"""

import logging
import sqlite3
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from promptcdn.money.budget import Reservation
from promptcdn.money.budget.limits import BudgetLimit, BudgetLimits, Usage, refusal
from promptcdn.money.costs import Cost, Prices
from promptcdn.problems import CounterUnavailable
from promptcdn.stores import volumes
from promptcdn.stores.counting import CountingFile, alone
from promptcdn.url.periods import Period, period_end, period_name, period_start
from promptcdn.url.request import Resolved

log = logging.getLogger(__name__)

_VERSION = 1
_TABLE = """
    CREATE TABLE spent (
        hour TEXT NOT NULL,
        engine TEXT NOT NULL,
        pictures INTEGER NOT NULL,
        millicredits INTEGER NOT NULL,
        PRIMARY KEY (hour, engine)
    )
"""

_T = TypeVar("_T")


class SqliteBudget:
    """A budget counted in a SQLite file that the processes of one machine share; without a limit it counts only."""

    def __init__(self, path: Path, limits: BudgetLimits, prices: Prices, patience: float = 10.0) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done.

        `patience` is how many seconds the turn of another process is waited for.
        """
        self._limits = limits.each
        self._prices = prices
        # A paid picture's count must survive a power cut too.
        self._file = CountingFile(path, _bring_up_to_date, whose="budget", synchronous="FULL", patience=patience)
        self.forgets = volumes.caveat(path.parent)

    async def start(self) -> None:
        """There is nothing to begin: the file is open."""

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        cost = self._prices.cost(resolved)
        try:
            spent = await self._run(lambda database: _spend(database, cost, self._limits, now))
        except CounterUnavailable as unknown:
            if self._limits:
                raise
            # Without a limit the count is only for the operator to look at.
            log.warning("the budget does not count a new picture: %s", unknown.detail)
            spent = ()
        if spent:
            raise refusal(spent, cost, now)
        return Reservation(now, cost)

    async def give_back(self, reservation: Reservation) -> None:
        await self._run(lambda database: _unspend(database, reservation.cost, reservation.at))

    async def usage(self, now: datetime) -> tuple[Usage, ...]:
        return await self._run(lambda database: _usages(database, self._limits, now))

    async def by_engine(self, unit: Period, at: datetime) -> tuple[Cost, ...]:
        return await self._run(lambda database: _by_engine(database, unit, at))

    async def close(self) -> None:
        await self._file.close()

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        try:
            return await self._file.run(work)
        except sqlite3.Error as error:
            raise CounterUnavailable("the budget's counter does not answer") from error


def _spend(database: sqlite3.Connection, cost: Cost, limits: Sequence[BudgetLimit], now: datetime) -> tuple[Usage, ...]:
    """Counts `cost` where all limits allow it, else nothing; gives the limits that do not allow it."""
    with alone(database):
        full = tuple(usage for usage in _usages(database, limits, now) if not usage.allows(cost))
        if not full:
            database.execute(
                "INSERT INTO spent VALUES (?, ?, ?, ?) ON CONFLICT (hour, engine) DO UPDATE SET"
                " pictures = pictures + excluded.pictures, millicredits = millicredits + excluded.millicredits",
                (_hour(now), cost.engine, cost.pictures, cost.millicredits),
            )
        return full


def _unspend(database: sqlite3.Connection, cost: Cost, at: datetime) -> None:
    """Takes `cost` off the hour it was charged to, and never more than was counted there."""
    database.execute(
        # By names: some releases of Python 3.12 take numbers for names, and warn.
        "UPDATE spent SET pictures = pictures - :pictures, millicredits = max(0, millicredits - :millicredits)"
        " WHERE hour = :hour AND engine = :engine AND pictures >= :pictures",
        {"pictures": cost.pictures, "millicredits": cost.millicredits, "hour": _hour(at), "engine": cost.engine},
    )


def _usages(database: sqlite3.Connection, limits: Sequence[BudgetLimit], now: datetime) -> tuple[Usage, ...]:
    """What was used of each limit in the period that `now` lies in."""
    return tuple(_usage(database, limit, now) for limit in limits)


def _by_engine(database: sqlite3.Connection, unit: Period, at: datetime) -> tuple[Cost, ...]:
    """What was spent on each engine in the `unit` that `at` lies in."""
    query = (
        "SELECT engine, sum(pictures), sum(millicredits) FROM spent WHERE hour >= ? AND hour < ?"
        " GROUP BY engine ORDER BY engine"
    )
    rows = database.execute(query, (_hour(period_start(unit, at)), _hour(period_end(unit, at))))
    return tuple(Cost(engine, pictures, amount) for engine, pictures, amount in rows if pictures)


def _usage(database: sqlite3.Connection, limit: BudgetLimit, now: datetime) -> Usage:
    return Usage(limit, limit.of(*_by_engine(database, limit.unit, now)), period_end(limit.unit, now))


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    """Makes the table, or brings one of an older version up to date.

    Version 0 is a new file, or one that counted pictures by the hour alone: their engine and price are not known. The
    table keeps its name, so that an older process that is still running fails instead of counting apart.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError("a newer version of promptcdn wrote it")
    if version == _VERSION:
        return
    old = database.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'spent'").fetchone()
    if old:
        database.execute("ALTER TABLE spent RENAME TO spent_by_hour")
    database.execute(_TABLE)
    if old:
        database.execute("INSERT INTO spent SELECT hour, '', pictures, 0 FROM spent_by_hour")
        database.execute("DROP TABLE spent_by_hour")
    database.execute(f"PRAGMA user_version = {_VERSION}")


def _hour(at: datetime) -> str:
    return period_name("hour", at)
