"""Leases: which of all the replicas that share one Redis makes a picture. `stores/lock_files` does so for one machine.

    SET NX PX → work, renewed meanwhile → delete, and publish that to those who wait

A lease saves money and guards nothing: who loses it goes on working, and the store takes one picture for each key,
whoever makes it.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakValueDictionary

from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import RedisConnection, RedisDown

log = logging.getLogger(__name__)

# The channel on which the end of a lease is published.
ENDS = "promptcdn:ends"
# So often a lease is renewed in its length: one that Redis forgot is its holder's again before a budget is refilled,
# and before others pay.
_RENEWALS = 15

# ARGV: the token, milliseconds, and 1 where a lease that is free may be taken. Gives 0 where the lease is this token's
# from now on, the milliseconds for which another token has it, or -1 where it is free and stays so.
# The connection may send a command twice, and the second one must not find that the first one's lease is taken. So
# taking renews too, also what Redis forgot, or never got because it was away.
TAKE = """
local holder = redis.call('get', KEYS[1])
if holder and holder ~= ARGV[1] then return redis.call('pttl', KEYS[1]) end
if not holder and ARGV[3] ~= '1' then return -1 end
redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 0
"""
# The end is published whosever the lease is by now; where nothing may be published, those who wait find out by trying.
_END = """
if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end
redis.pcall('publish', ARGV[2], ARGV[3])
"""


@dataclass(frozen=True)
class Timings:
    """Seconds: the length of a lease, which is renewed while its work goes on; between two tries to take a lease that
    another holds (a process that was killed publishes no end); and between two tries to end leases that could not be
    ended because Redis was away."""

    lease: float = 15.0
    between_tries: float = 1.0
    between_late_ends: float = 0.1


class Leases(Protocol):
    """Leave to work on a key, for one at a time."""

    def held(self, key: str) -> AbstractAsyncContextManager[None]:
        """Waits until nobody else works on `key`, and keeps others waiting until the block ends."""

    async def taken(self, key: str) -> bool:
        """Whether somebody works on `key` now, as far as is known."""

    async def close(self) -> None: ...


class NoLeases:
    """Where there is nobody else to make a picture."""

    def held(self, key: str) -> AbstractAsyncContextManager[None]:
        del key
        return contextlib.nullcontext()

    async def taken(self, key: str) -> bool:
        del key
        return False

    async def close(self) -> None:
        """Nothing is open."""


class Nested:
    """A machine's leases within those of all machines: only the process that has the first asks for the second."""

    def __init__(self, machine: Leases, all_machines: Leases) -> None:
        self._machine = machine
        self._all = all_machines

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        async with self._machine.held(key), self._all.held(key):
            yield

    async def taken(self, key: str) -> bool:
        return await self._machine.taken(key) or await self._all.taken(key)

    async def close(self) -> None:
        await self._machine.close()
        await self._all.close()


class RedisLeases:
    """Leases in Redis.

    While Redis is down each replica works on `alone`; or nobody does, where the budget needs Redis too. 1: A asks for a
    lease while Redis hangs, and goes on without. 2: Redis is back, and gives B the lease. 3: Redis counts the pictures
    of both, and both are paid for.
    """

    def __init__(self, connection: RedisConnection, timings: Timings | None = None, *, alone: bool = True) -> None:
        self._connection = connection
        self._alone = alone
        self._timings = timings or Timings()
        self._milliseconds = str(int(self._timings.lease * 1000))
        # Events live for as long as somebody awaits them.
        self._ended: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._subscription: asyncio.Task[None] | None = None
        self._late_ends: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        lease, token = _name(key), secrets.token_hex(16)
        is_asked_for = not self._connection.down
        try:
            await self._take(lease, token, key)
            renewing = asyncio.create_task(self._renew(lease, token))
            try:
                yield
            finally:
                renewing.cancel()
        finally:
            try:
                await self._run(_END, lease, token, ENDS, key)
            except RedisDown:
                # Also where Redis went down while the lease was taken: that may have been, or will be, carried out.
                if is_asked_for:
                    ending = asyncio.create_task(self._end_later(lease, token, key))
                    self._late_ends.add(ending)
                    ending.add_done_callback(self._late_ends.discard)

    async def taken(self, key: str) -> bool:
        try:
            return bool(await self._connection.call(lambda redis: redis.exists(_name(key))))
        except RedisDown:
            return False

    async def close(self) -> None:
        tasks = [*self._late_ends, *filter(None, [self._subscription])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _take(self, lease: str, token: str, key: str) -> None:
        """Takes the lease as soon as it is free. Where Redis is down and everybody works on alone, it returns at once,
        without a lease.

        Raises `CounterUnavailable` where Redis is down and nobody works on alone.

        A lease that is gone before its time, while no end was published, was forgotten by Redis and not by its holder,
        who takes it again at the next renewal: its time is waited for.
        """
        loop, held_until, ended = asyncio.get_running_loop(), 0.0, asyncio.Event()
        try:
            while True:
                may = "1" if ended.is_set() or loop.time() >= held_until else "0"
                # Before the try, or an end between the two would be missed.
                ended = self._ended.setdefault(key, asyncio.Event())
                left = await self._run(TAKE, lease, token, self._milliseconds, may)
                if left == 0:
                    break
                if left > 0:
                    held_until = loop.time() + left / 1000
                self._subscribe()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._timings.between_tries):
                        await ended.wait()
        except RedisDown as down:
            if not self._alone:
                detail = "Redis does not answer, so another replica may be making this picture"
                raise CounterUnavailable(detail) from down
            log.debug("Redis is down: %s is made without a lease", key)

    async def _renew(self, lease: str, token: str) -> None:
        """Until it is cancelled. A lease that was lost stays lost, and the work goes on."""
        while True:
            await asyncio.sleep(self._timings.lease / _RENEWALS)
            with contextlib.suppress(RedisDown):
                await self._run(TAKE, lease, token, self._milliseconds, "1")

    async def _run(self, script: str, lease: str, *arguments: str) -> Any:
        return await self._connection.script(script, [lease], *arguments)

    async def _end_later(self, lease: str, token: str, key: str) -> None:
        """Ends the lease as soon as Redis is back, so that nobody has to wait until it runs out."""
        while True:
            await asyncio.sleep(self._timings.between_late_ends)
            with contextlib.suppress(RedisDown):
                await self._run(_END, lease, token, ENDS, key)
                return

    def _subscribe(self) -> None:
        """One subscription for all who wait here for a lease."""
        if self._subscription is None:
            self._subscription = asyncio.create_task(self._connection.subscribe(ENDS, self._wake))

    def _wake(self, key: str) -> None:
        if event := self._ended.pop(key, None):
            event.set()


def _name(key: str) -> str:
    return f"promptcdn:lease:{key}"
