"""How many new pictures one client may start. Only those that start a flight are counted: not hits, not joiners.

It is the brake against one client; against all of them together there is the budget. Counted in a file of this machine,
or over several in Redis (`shared`).
"""

import logging
import re
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Literal, Protocol, cast

from pyrate_limiter import Decision, SlidingWindowLog
from pyrate_limiter import Rate as Window

from promptcdn import problems
from promptcdn.money.rates.refusals import Refusals
from promptcdn.readers.clients import Client
from promptcdn.stores.counting import CountingFile, alone

log = logging.getLogger(__name__)

Unit = Literal["second", "minute", "hour", "day"]

# All image proxies together may start this many times the rate beyond it (docs/decisions/0010).
POT = 10

_SECONDS: dict[Unit, int] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# Beyond this the oldest starts are forgotten, or the counter would be where memory leaks: some 10 MB on the disk.
_STARTS_MAX = 100_000
# How long another process's turn is waited for, and how long nobody asks a file that did not answer.
_PATIENCE = 0.5
_PAUSE = 5.0
_TABLES = (
    "CREATE TABLE IF NOT EXISTS started (id INTEGER PRIMARY KEY, payer TEXT NOT NULL, at INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS of_one_payer ON started (payer, at)",
    "CREATE INDEX IF NOT EXISTS by_time ON started (at)",
)


@dataclass(frozen=True)
class Rate:
    """So many new pictures in any stretch of time as long as the unit."""

    starts: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """`60/minute` as a rate, `unlimited` as `None`. Raises `ValueError` for anything else."""
        if text == "unlimited":
            return None
        match = re.fullmatch(r"([1-9][0-9]{0,4})/(second|minute|hour|day)", text)
        if match is None:
            raise ValueError("say how many new pictures (1 to 99999) in which period, like 60/minute, or unlimited")
        return cls(int(match[1]), cast("Unit", match[2]))

    @property
    def seconds(self) -> int:
        """The length of the unit."""
        return _SECONDS[self.unit]

    def __str__(self) -> str:
        return f"{self.starts}/{self.unit}"


class Rates(Protocol):
    """Asked before a flight is started, and not where one is joined."""

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        """Counts one start, of `client` and of the key that signed the URL; of both or of neither.

        `kid` is that of a signature found good. `image_proxy` is what the client claims to be. Raises `Problem` (429).
        """
        ...

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> problems.Problem | None:
        """The 429 that `charge` would raise now, where memory alone knows of it. Counts nothing."""
        ...

    async def close(self) -> None: ...


class NoRates:
    """No rate: what the operator said in so many words, or a generator that costs nothing."""

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        """Everybody may."""

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> problems.Problem | None:
        """Nobody is refused."""

    async def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class Payer:
    """Whose starts are counted, and up to which rate. `policy` names it in headers, `name` in the file."""

    policy: str
    name: str
    rate: Rate


@dataclass(frozen=True)
class Refusal:
    """Who may not start now, and in how many milliseconds they may."""

    payer: Payer
    milliseconds: int

    @property
    def seconds(self) -> int:
        """The whole seconds after which they surely may."""
        return max(1, ceil(self.milliseconds / 1000))


# In each line one payer pays: the first who may.
Bill = Sequence[Sequence[Payer]]


def bill(rate: Rate, client: Client, kid: str | None, *, image_proxy: bool) -> Bill:
    """Who pays for one start."""
    one_of = [Payer("client", f"client {client}", rate)]
    if image_proxy:
        one_of.append(Payer("image-proxies", "image proxies", replace(rate, starts=POT * rate.starts)))
    return [one_of] if kid is None else [one_of, [Payer("kid", f"kid {kid}", rate)]]


class SqliteRates:
    """A rate counted in a SQLite file that the processes of one machine share; a restart forgets nothing.

    Where the file does not answer everybody may start pictures, and the log says so once: what they cost is guarded
    by the budget, and a brake against single clients is no reason to stop all of them.
    """

    def __init__(self, path: Path, rate: Rate) -> None:
        """Opens or makes the file. Raises `OSError` where that cannot be done."""
        self._rate = rate
        self._file = CountingFile(path, _prepare, whose="rates", synchronous="NORMAL", patience=_PATIENCE)
        self._asked_again_at = 0.0
        self._answers = True
        self._refusals = Refusals()

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        if (known := self.refusal(client, now, image_proxy=image_proxy)) is not None:
            raise known
        owed, at = bill(self._rate, client, kid, image_proxy=image_proxy), milliseconds(now)
        refusal = await self._file.run(lambda database: self._paid(database, owed, at))
        if refusal is not None:
            self._refusals.remember(client, refusal, at, image_proxy=image_proxy)
            raise problem(refusal)

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> problems.Problem | None:
        known = self._refusals.of(client, milliseconds(now), image_proxy=image_proxy)
        return None if known is None else problem(known)

    async def close(self) -> None:
        await self._file.close()

    def _paid(self, database: sqlite3.Connection, bill: Bill, now: int) -> Refusal | None:
        """`_pay`, or `None` where the file does not answer. In the file's thread, so that nobody waits for it twice."""
        if time.monotonic() < self._asked_again_at:
            return None
        try:
            refusal = _pay(database, bill, now)
        except sqlite3.Error as error:
            self._asked_again_at = time.monotonic() + _PAUSE
            if self._answers:
                log.warning(
                    "the counter of the client rate does not answer (%s): until it does, no client has one", error
                )
            self._answers = False
            return None
        self._answers = True
        return refusal


def _prepare(database: sqlite3.Connection) -> None:
    for statement in _TABLES:
        database.execute(statement)


def _pay(database: sqlite3.Connection, bill: Bill, now: int) -> Refusal | None:
    """Counts one start for the first payer in each line of `bill` who may; or for nobody, where a line has no such."""
    with alone(database):
        _sweep(database, max(payer.rate.seconds for line in bill for payer in line), now)
        paying = []
        for line in bill:
            decisions = [_decision(database, payer, now) for payer in line]
            allowed = [payer for payer, decision in zip(line, decisions, strict=True) if decision.allowed]
            if not allowed:
                wait = min(decision.retry_after_ms or 0 for decision in decisions)
                return Refusal(line[0], wait)
            paying.append(allowed[0])
        database.executemany("INSERT INTO started (payer, at) VALUES (?, ?)", [(payer.name, now) for payer in paying])
        return None


def _decision(database: sqlite3.Connection, payer: Payer, now: int) -> Decision:
    window, algorithm = Window(payer.rate.starts, 1000 * payer.rate.seconds), SlidingWindowLog()
    query = "SELECT count(*) FROM started WHERE payer = ? AND at >= ?"
    (count,) = database.execute(query, (payer.name, algorithm.window_start(window, now))).fetchone()

    def start(offset: int) -> int | None:
        """When the payer started the picture with `offset` later ones."""
        newest = "SELECT at FROM started WHERE payer = ? ORDER BY at DESC LIMIT 1 OFFSET ?"
        row = database.execute(newest, (payer.name, offset)).fetchone()
        return None if row is None else int(row[0])

    return algorithm.decide([window], [count], 1, now, start)


def _sweep(database: sqlite3.Connection, seconds: int, now: int) -> None:
    """Takes out what is over, what lies so far ahead that the clock must have been set back, and what is too much."""
    database.execute("DELETE FROM started WHERE at < ?", (now - 1000 * seconds,))
    database.execute("DELETE FROM started WHERE at > ?", (now + 1000 * seconds,))
    database.execute("DELETE FROM started WHERE id <= (SELECT max(id) FROM started) - ?", (_STARTS_MAX,))


def milliseconds(now: datetime) -> int:
    """Since 1970."""
    return int(1000 * now.timestamp())


def problem(refusal: Refusal) -> problems.Problem:
    """The 429."""
    rate = refusal.payer.rate
    who = "the key that signed this URL" if refusal.payer.policy == "kid" else "one client"
    detail = (
        f"{who} may start at most {rate.starts} new pictures per {rate.unit}: try again in {refusal.seconds} s."
        " Pictures that are already stored are still shown"
    )
    policy, quota, window = refusal.payer.policy, rate.starts, rate.seconds
    return problems.RateLimited(detail, policy=policy, quota=quota, window=window, retry_after=refusal.seconds)
