"""The SQLite file in which the processes of one machine count together what they spend.

All is counted by the hour whatever the limits are, so that changed limits count what was spent before.
"""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from promptcdn.money.budgets import Left, Limit
from promptcdn.money.prices import Cost
from promptcdn.stores.counting import alone
from promptcdn.url.periods import Period, period_end, period_name, period_start

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


def spend(database: sqlite3.Connection, cost: Cost, limits: Sequence[Limit], now: datetime) -> tuple[Left, ...]:
    """Counts `cost` where all limits allow it; gives those that do not, and then nothing is counted."""
    with alone(database):
        full = tuple(left for left in lefts(database, limits, now) if not left.allows(cost))
        if not full:
            database.execute(
                "INSERT INTO spent VALUES (?, ?, ?, ?) ON CONFLICT (hour, engine) DO UPDATE SET"
                " pictures = pictures + excluded.pictures, millicredits = millicredits + excluded.millicredits",
                (_hour(now), cost.engine, cost.pictures, cost.millicredits),
            )
        return full


def unspend(database: sqlite3.Connection, cost: Cost, at: datetime) -> None:
    """Takes `cost` off the hour it was charged to; never more than is there."""
    database.execute(
        "UPDATE spent SET pictures = pictures - ?1, millicredits = max(0, millicredits - ?2)"
        " WHERE hour = ?3 AND engine = ?4 AND pictures >= ?1",
        (cost.pictures, cost.millicredits, _hour(at), cost.engine),
    )


def lefts(database: sqlite3.Connection, limits: Sequence[Limit], now: datetime) -> tuple[Left, ...]:
    """What is left of each limit in the period that `now` lies in."""
    return tuple(_left(database, limit, now) for limit in limits)


def by_engine(database: sqlite3.Connection, unit: Period, at: datetime) -> tuple[Cost, ...]:
    """What was spent on each engine in the `unit` that `at` lies in."""
    query = (
        "SELECT engine, sum(pictures), sum(millicredits) FROM spent WHERE hour >= ? AND hour < ?"
        " GROUP BY engine ORDER BY engine"
    )
    rows = database.execute(query, (_hour(period_start(unit, at)), _hour(period_end(unit, at))))
    return tuple(Cost(engine, pictures, amount) for engine, pictures, amount in rows if pictures)


def _left(database: sqlite3.Connection, limit: Limit, now: datetime) -> Left:
    until = period_end(limit.unit, now)
    query = "SELECT coalesce(sum(pictures), 0), coalesce(sum(millicredits), 0) FROM spent WHERE hour >= ? AND hour < ?"
    pictures, amount = database.execute(query, (_hour(period_start(limit.unit, now)), _hour(until))).fetchone()
    return Left(limit, limit.of(Cost("", pictures, amount)), until)


def bring_up_to_date(database: sqlite3.Connection) -> None:
    """Version 0 is a new file, or one that counted pictures by the hour alone: their engine and price are not known.

    The table keeps its name, so that an older process that is still running fails instead of counting apart.
    """
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise sqlite3.DatabaseError("it was written by a newer version of promptcdn")
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
