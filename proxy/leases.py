"""Leases: who makes a picture, of all the replicas that share one Redis.

    SET NX PX → work, renewed meanwhile → delete, and say so to those who wait

A lease saves money and guards nothing: who loses it goes on, and the store takes one picture a key whoever makes it.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol
from weakref import WeakValueDictionary

from proxy.link import Link, RedisDown

log = logging.getLogger(__name__)

SECONDS = 15.0
ENDS = "promptcdn:ends"
# Whoever was killed tells nobody that its lease ended.
_TRIES_APART = 1.0

# The link may send a command twice, and must not be told by the second that the first one's lease is taken.
_TAKE = """
if redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
return redis.call('get', KEYS[1]) == ARGV[1] and 1 or 0
"""
_RENEW = "return redis.call('get', KEYS[1]) == ARGV[1] and redis.call('pexpire', KEYS[1], ARGV[2]) or 0"
_END = """
if redis.call('get', KEYS[1]) == ARGV[1] then
    redis.call('del', KEYS[1])
    redis.call('publish', ARGV[2], ARGV[3])
end
"""


class Leases(Protocol):
    """Leave to work on a key, for one at a time."""

    def held(self, key: str) -> AbstractAsyncContextManager[None]:
        """Waits until nobody else works on `key`, and keeps others waiting until the block ends."""

    async def close(self) -> None: ...


class Alone:
    """Where there is nobody else."""

    def held(self, key: str) -> AbstractAsyncContextManager[None]:
        del key
        return contextlib.nullcontext()

    async def close(self) -> None:
        """Nothing is open."""


class RedisLeases:
    """Leases of `seconds`, renewed three times in that. While Redis is down everybody works on, each for themselves.

    `doubt` is called with each key before it is worked on, also where nobody had to wait. 1: A looks and finds nothing.
    2: B stores the picture and ends its lease. 3: A finds the lease free, and must not believe what it saw.
    """

    def __init__(self, link: Link, doubt: Callable[[str], None], seconds: float = SECONDS) -> None:
        self._link = link
        self._doubt = doubt
        self._seconds = seconds
        self._milliseconds = str(int(seconds * 1000))
        # Events live for as long as somebody awaits them.
        self._ended: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._hearing: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        lease, token = f"promptcdn:lease:{key}", secrets.token_hex(16)
        try:
            await self._take(lease, token, key)
            renewing = asyncio.create_task(self._renew(lease, token))
            try:
                yield
            finally:
                renewing.cancel()
        finally:
            # Also where Redis went down over the taking: it may have been carried out.
            with contextlib.suppress(RedisDown):
                await self._run(_END, lease, token, ENDS, key)

    async def close(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.gather(self._hearing, return_exceptions=True)

    async def _take(self, lease: str, token: str, key: str) -> None:
        """Takes the lease as soon as it is free; without one, at once, where Redis is down."""
        try:
            while True:
                # Before the try, or an end between the two would not be heard.
                ended = self._ended.setdefault(key, asyncio.Event())
                if await self._run(_TAKE, lease, token, self._milliseconds):
                    break
                self._hear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TRIES_APART):
                        await ended.wait()
        except RedisDown:
            log.debug("no lease of %s: each replica for itself", key)
        self._doubt(key)

    async def _renew(self, lease: str, token: str) -> None:
        """Until it is cancelled. A lease that was lost stays lost, and the work goes on."""
        while True:
            await asyncio.sleep(self._seconds / 3)
            with contextlib.suppress(RedisDown):
                await self._run(_RENEW, lease, token, self._milliseconds)

    async def _run(self, script: str, lease: str, *arguments: str) -> Any:
        return await self._link.script(script, [lease], *arguments)

    def _hear(self) -> None:
        """One subscription for all who wait here for a lease."""
        if self._hearing is None:
            self._hearing = asyncio.create_task(self._link.hear(ENDS, self._wake))

    def _wake(self, key: str) -> None:
        if event := self._ended.pop(key, None):
            event.set()
