"""The client rate counted in a SQLite file, which the processes of one machine share."""

import logging
import sqlite3
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from promptcdn.money.rates.payers import Bill, Payer, bill
from promptcdn.money.rates.rate import Rate, milliseconds
from promptcdn.money.rates.refusals import Refusal, Refusals
from promptcdn.problems import Problem
from promptcdn.readers.clients import Client
from promptcdn.stores.counting import CountingFile, alone

log = logging.getLogger(__name__)

_TABLES = (
    "CREATE TABLE IF NOT EXISTS started (id INTEGER PRIMARY KEY, payer TEXT NOT NULL, at INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS of_one_payer ON started (payer, at)",
    "CREATE INDEX IF NOT EXISTS by_time ON started (at)",
)


@dataclass(frozen=True)
class Timings:
    """Seconds: how long the turn of another process is waited for, and how long a file that did not answer is left
    alone."""

    patience: float = 0.5
    pause: float = 5.0


class SqliteRates:
    """A rate counted in a SQLite file that the processes of one machine share; a restart forgets nothing.

    Where the file does not answer every client may start pictures, and the log says so once: the budget limits what
    that costs, and a brake against single clients is no reason to stop all of them.
    """

    def __init__(self, path: Path, rate: Rate, timings: Timings | None = None, most_starts: int = 100_000) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done.

        Beyond `most_starts` the oldest are forgotten, so that the file does not grow without end: some 10 MB.
        """
        self._rate = rate
        self._timings = timings or Timings()
        self._most_starts = most_starts
        self._file = CountingFile(path, _prepare, whose="rates", synchronous="NORMAL", patience=self._timings.patience)
        self._asked_again_at = 0.0
        self._answers = True
        self._refusals = Refusals()

    async def start(self) -> None:
        """There is nothing to begin: the file is open."""

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        if (cached := self.refusal(client, now, image_proxy=image_proxy)) is not None:
            raise cached
        owed, at = bill(self._rate, client, kid, image_proxy=image_proxy), milliseconds(now)
        refusal = await self._file.run(lambda database: self._paid(database, owed, at))
        if refusal is not None:
            raise self._refusals.refused(client, refusal, at, image_proxy=image_proxy)

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> Problem | None:
        return self._refusals.problem(client, milliseconds(now), image_proxy=image_proxy)

    async def close(self) -> None:
        await self._file.close()

    def _paid(self, database: sqlite3.Connection, bill: Bill, now: int) -> Refusal | None:
        """As `_pay`, and `None` where the file does not answer. In the file's thread: nobody waits for it twice."""
        if time.monotonic() < self._asked_again_at:
            return None
        try:
            refusal = _pay(database, bill, now, self._most_starts)
        except sqlite3.Error as error:
            self._asked_again_at = time.monotonic() + self._timings.pause
            if self._answers:
                log.warning(
                    "the file that counts the client rate does not answer (%s): until it does, the rate is not applied",
                    error,
                )
            self._answers = False
            return None
        self._answers = True
        return refusal


def _prepare(database: sqlite3.Connection) -> None:
    for statement in _TABLES:
        database.execute(statement)


def _pay(database: sqlite3.Connection, bill: Bill, now: int, most_starts: int) -> Refusal | None:
    """Counts one start for the first payer in each line of `bill` who may; for nobody, where a line has none."""
    with alone(database):
        _sweep(database, max(payer.rate.milliseconds for line in bill for payer in line), now, most_starts)
        paying = []
        for line in bill:
            waits = [_wait(database, payer, now) for payer in line]
            allowed = [payer for payer, wait in zip(line, waits, strict=True) if wait == 0]
            if not allowed:
                return Refusal(line[0], min(waits))
            paying.append(allowed[0])
        database.executemany("INSERT INTO started (payer, at) VALUES (?, ?)", [(payer.name, now) for payer in paying])
        return None


def _wait(database: sqlite3.Connection, payer: Payer, now: int) -> int:
    """In how many milliseconds the payer may start one more picture; 0 where they may now."""
    rate = payer.rate
    query = "SELECT count(*) FROM started WHERE payer = ? AND at >= ?"
    (started,) = database.execute(query, (payer.name, rate.window_start(now))).fetchone()
    if rate.allows(started):
        return 0
    query = "SELECT at FROM started WHERE payer = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
    (blocking,) = database.execute(query, (payer.name, rate.starts - 1)).fetchone()
    return rate.wait(now, blocking)


def _sweep(database: sqlite3.Connection, window: int, now: int, most_starts: int) -> None:
    """Deletes starts that are over, starts so far ahead that the clock must have been set back, and those too many."""
    database.execute("DELETE FROM started WHERE at < ?", (now - window,))
    database.execute("DELETE FROM started WHERE at > ?", (now + window,))
    database.execute("DELETE FROM started WHERE id <= (SELECT max(id) FROM started) - ?", (most_starts,))
