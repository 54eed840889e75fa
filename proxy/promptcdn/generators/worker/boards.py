"""Where jobs lie: in memory for one process, in Redis for all replicas. Both know rows of text and no more.

A row is changed by `swap`, which compares first: who was slower reads again and decides anew. So every decision is made
in one place (`jobs`), and two replicas never hand out one job twice.
"""

import asyncio
import contextlib
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

from promptcdn.replicas.connection import RedisConnection

Table = Literal["jobs", "workers", "starts"]

# ARGV: the name of the row, its old text and its new one, each empty where there is none; the channel, or nothing. The
# connection may send a command twice: where the row has the new text already, the first one was carried out.
_SWAP = """
local now = redis.call('hget', KEYS[1], ARGV[1]) or ''
if now == ARGV[3] then return 1 end
if now ~= ARGV[2] then return 0 end
if ARGV[3] == '' then redis.call('hdel', KEYS[1], ARGV[1]) else redis.call('hset', KEYS[1], ARGV[1], ARGV[3]) end
if ARGV[4] ~= '' then redis.pcall('publish', ARGV[4], ARGV[1]) end
return 1
"""
# The channel on which it is published that a job is new, or has changed hands.
_CHANGES = "promptcdn:work:changes"


class Board(Protocol):
    """Tables of rows. Calls raise `RedisDown` where the rows are in Redis and Redis does not answer."""

    async def rows(self, table: Table) -> Mapping[str, str]:
        """All rows by name."""

    async def row(self, table: Table, name: str) -> str:
        """One row; empty where it is not there."""

    async def swap(self, table: Table, name: str, old: str, new: str, *, wake: bool = False) -> bool:
        """Puts `new` in the place of `old`, empty texts for rows that are not there; whether `old` was there. `wake`
        ends the waiting of all who wait for a change."""

    async def changed(self, seconds: float) -> None:
        """Returns after a change that wakes, or after so many seconds."""

    async def close(self) -> None: ...


class _Bell:
    """Wakes all who wait at this moment."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()
        self._rung = asyncio.Event()

    async def heard(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._rung.wait()


class MemoryBoard:
    """Rows in memory, which end with the process; the starts of workers, which may cost money and are bounded, are in
    the file `starts`, where there is one."""

    def __init__(self, starts: Path | None = None) -> None:
        self._tables: defaultdict[Table, dict[str, str]] = defaultdict(dict)
        self._bell = _Bell()
        self._starts = starts

    async def rows(self, table: Table) -> Mapping[str, str]:
        return dict(self._rows(table))

    async def row(self, table: Table, name: str) -> str:
        return self._rows(table).get(name, "")

    async def swap(self, table: Table, name: str, old: str, new: str, *, wake: bool = False) -> bool:
        rows = self._rows(table)
        if rows.get(name, "") != old:
            return False
        if new:
            rows[name] = new
        else:
            rows.pop(name, None)
        if table == "starts" and self._starts is not None:
            _write(self._starts, json.dumps(rows))
        if wake:
            self._bell.ring()
        return True

    def _rows(self, table: Table) -> dict[str, str]:
        if table == "starts" and self._starts is not None:
            return _read(self._starts)
        return self._tables[table]

    async def changed(self, seconds: float) -> None:
        await self._bell.heard(seconds)

    async def close(self) -> None:
        """Nothing is open."""


class RedisBoard:
    """Rows in Redis, which outlive a replica."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self._bell = _Bell()
        self._subscription: asyncio.Task[None] | None = None

    async def rows(self, table: Table) -> Mapping[str, str]:
        rows = await self._connection.call(lambda redis: redis.hgetall(_name(table)))
        return {str(name): str(text) for name, text in rows.items()}

    async def row(self, table: Table, name: str) -> str:
        return str(await self._connection.call(lambda redis: redis.hget(_name(table), name)) or "")

    async def swap(self, table: Table, name: str, old: str, new: str, *, wake: bool = False) -> bool:
        channel = _CHANGES if wake else ""
        return bool(await self._connection.script(_SWAP, [_name(table)], name, old, new, channel))

    async def changed(self, seconds: float) -> None:
        if self._subscription is None:
            self._subscription = asyncio.create_task(self._connection.subscribe(_CHANGES, lambda _: self._bell.ring()))
        await self._bell.heard(seconds)

    async def close(self) -> None:
        if self._subscription is not None:
            self._subscription.cancel()
            await asyncio.gather(self._subscription, return_exceptions=True)


def _read(file: Path) -> dict[str, str]:
    """The rows in that file; none where it is not there, or is not ours."""
    try:
        rows = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(text) for name, text in rows.items()} if isinstance(rows, dict) else {}


def _write(file: Path, text: str) -> None:
    """Raises `OSError`. Whoever reads meanwhile finds the file of before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    part.write_text(text)
    part.replace(file)


def _name(table: Table) -> str:
    return f"promptcdn:work:{table}"
