"""The operator's brake: how many pictures may be paid for in a period, counted where a kill -9 forgets nothing.

A reservation is spent until it is given back, so a crash between the two counts too much, never too little.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar, cast

from proxy import problems, seeds
from proxy.request import Calendar

_BUSY_SECONDS = 10.0

_T = TypeVar("_T")


@dataclass(frozen=True)
class Limit:
    """So many pictures in each UTC hour, day, week (ISO) or month."""

    pictures: int
    unit: Calendar

    @classmethod
    def parse(cls, text: str) -> "Limit | None":
        """`100/day` as a limit, `unlimited` as `None`. Raises `ValueError` for anything else."""
        if text == "unlimited":
            return None
        match = re.fullmatch(r"([0-9]{1,9})/(hour|day|week|month)", text)
        if match is None:
            raise ValueError("say how many pictures in which period, like 100/day, or unlimited")
        return cls(int(match[1]), cast("Calendar", match[2]))

    def __str__(self) -> str:
        return f"{self.pictures}/{self.unit}"


@dataclass(frozen=True)
class Reservation:
    """One picture's worth of budget, and the hour it is charged to."""

    hour: str


class Budget(Protocol):
    """Asked after the flight has begun and before the upstream is called."""

    async def reserve(self, now: datetime) -> Reservation:
        """Spends one picture. Raises `Problem` (503) where nothing is left."""
        ...

    async def give_back(self, reservation: Reservation) -> None:
        """For a call that surely cost nothing; all others stay spent."""
        ...

    async def close(self) -> None: ...


class Unlimited:
    """No brake: what the operator said in so many words, or a generator that costs nothing."""

    async def reserve(self, now: datetime) -> Reservation:
        return Reservation(_hour(now))

    async def give_back(self, reservation: Reservation) -> None:
        """Nothing was counted."""

    async def left(self, now: datetime) -> int | None:  # noqa: ARG002 - the same for all times
        """There is no limit."""
        return None

    async def close(self) -> None:
        """Nothing is open."""


class SqliteBudget:
    """A limit counted in a SQLite file that the processes of one machine share.

    Pictures are counted by the hour whatever the period, so that a changed limit counts what was spent before.
    """

    def __init__(self, path: Path, limit: Limit) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done."""
        self._limit = limit
        # One thread and one connection: SQLite's are not for sharing.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="budget")
        try:
            self._database = self._thread.submit(_open, path).result()
        except sqlite3.Error as error:
            self._thread.shutdown()
            raise OSError(0, f"the budget's file cannot be used: {error}") from error

    async def reserve(self, now: datetime) -> Reservation:
        reservation = Reservation(_hour(now))
        start, end = self._period(now)
        if not await self._run(lambda: _spend(self._database, reservation.hour, start, end, self._limit.pictures)):
            left = seeds.period_end(self._limit.unit, now) - now
            detail = f"all {self._limit} pictures are spent; the next ones from {end} UTC"
            raise problems.Problem(problems.BUDGET_SPENT, detail, retry_after=int(left.total_seconds()) + 1)
        return reservation

    async def give_back(self, reservation: Reservation) -> None:
        await self._run(lambda: _unspend(self._database, reservation.hour))

    async def left(self, now: datetime) -> int | None:
        """How many pictures may be paid for until the period ends."""
        start, end = self._period(now)
        return max(0, self._limit.pictures - await self._run(lambda: _spent(self._database, start, end)))

    async def close(self) -> None:
        await self._run(self._database.close)
        self._thread.shutdown()

    def _period(self, now: datetime) -> tuple[str, str]:
        """Its first hour, and the first hour after it."""
        unit = self._limit.unit
        return _hour(seeds.period_start(unit, now)), _hour(seeds.period_end(unit, now))

    async def _run(self, work: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise problems.StoreUnknown("the budget's counter does not answer") from error


def _open(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    try:
        _prepare(database)
    except sqlite3.Error:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    _use_wal(database)
    # A paid picture's count must survive a power cut too.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE IF NOT EXISTS spent (hour TEXT PRIMARY KEY, pictures INTEGER NOT NULL)")


def _use_wal(database: sqlite3.Connection) -> None:
    """SQLite does not wait for its turn here: where processes start together, some are told that it is locked."""
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def _spend(database: sqlite3.Connection, hour: str, start: str, end: str, limit: int) -> bool:
    """Whether one more picture fits between `start` and `end`; if so it is counted. One writer at a time."""
    database.execute("BEGIN IMMEDIATE")
    try:
        if _spent(database, start, end) >= limit:
            return False
        database.execute(
            "INSERT INTO spent VALUES (?, 1) ON CONFLICT (hour) DO UPDATE SET pictures = pictures + 1", (hour,)
        )
        return True
    finally:
        database.execute("COMMIT")


def _spent(database: sqlite3.Connection, start: str, end: str) -> int:
    query = "SELECT coalesce(sum(pictures), 0) FROM spent WHERE hour >= ? AND hour < ?"
    (spent,) = database.execute(query, (start, end)).fetchone()
    return int(spent)


def _unspend(database: sqlite3.Connection, hour: str) -> None:
    database.execute("UPDATE spent SET pictures = pictures - 1 WHERE hour = ? AND pictures > 0", (hour,))


def _hour(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H")
