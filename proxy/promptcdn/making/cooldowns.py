"""Which pictures are on cooldown: what failed here, and what failed at the replicas that share one Redis."""

import contextlib
import json

import cachetools

from promptcdn import problems
from promptcdn.making.cooldown import TIMINGS, Cooldown, Timings, next_cooldown, paid_elsewhere
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection, RedisDown

_CACHED = 100_000
# A cooldown that is over is kept for so long: the next one of that key is twice as long, whichever replica tries it.
_KEPT_SECONDS = 3600

_NOW = """
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# ARGV: the cooldown as JSON, for how many milliseconds it lasts, and for how many it is kept after that.
_PUT = (
    _NOW
    + """
redis.call('set', KEYS[1], string.format('%d ', now + ARGV[2]) .. ARGV[1], 'PX', ARGV[2] + ARGV[3])
"""
)
# Gives the JSON, empty where there is none, and for how many milliseconds it still lasts: less than 1 if it is over.
_GET = (
    _NOW
    + """
local ends, value = string.match(redis.call('get', KEYS[1]) or '', '^(%d+) (.*)$')
return {value or '', (ends or now) - now}
"""
)
# Replicas of older versions write store_unknown.
_KINDS = {kind.code: kind for kind in problems.KINDS} | {"store_unknown": problems.STORE_UNAVAILABLE}


class Cooldowns:
    """Cooldowns by content key. Without a connection, and while Redis is down, this process has only its own.

    `now` is the caller's clock in seconds, which no other replica shares: Redis gets how long a cooldown lasts.
    """

    def __init__(self, connection: RedisConnection | None = None, timings: Timings = TIMINGS) -> None:
        self._connection = connection
        self._timings = timings
        # Also those that are over: the next one of that key is longer.
        self._cached: cachetools.LRUCache[str, Cooldown] = cachetools.LRUCache(_CACHED)

    def count(self, now: float) -> int:
        """How many keys are on cooldown now, as far as is known here."""
        return sum(1 for cooldown in self._cached.values() if cooldown.left(now))

    async def of(self, key: str, now: float) -> Cooldown | None:
        """The last cooldown of that key, which may be over."""
        cached = self._cached.get(key)
        if cached and cached.left(now):
            return cached
        received = await self._received(key, now)
        # Redis is asked each time for what waits at another replica: the store may take it any moment.
        if received is not None and received.cause is not problems.STORE_UNAVAILABLE:
            self._cached[key] = received
        return received or cached

    async def begin(self, key: str, failure: UpstreamFailed, now: float) -> None:
        """Begins the cooldown that follows a failure, here at least."""
        last = await self.of(key, now)
        cooldown = self._cached[key] = next_cooldown(last, failure.kind, failure.detail, now, self._timings)
        await self._send(key, cooldown, now)

    async def paid_here(self, key: str, now: float) -> None:
        """Keeps the other replicas, if they can be reached, from paying for a picture that waits here for the store."""
        await self._send(key, paid_elsewhere(now, self._timings), now)

    async def _send(self, key: str, cooldown: Cooldown, now: float) -> None:
        """Gives a cooldown to the other replicas."""
        if self._connection is None:
            return
        value = json.dumps({"cause": cooldown.cause.code, "detail": cooldown.detail, "length": cooldown.length})
        with contextlib.suppress(RedisDown):
            left = int(cooldown.left(now) * 1000)
            await self._connection.script(_PUT, [_name(key)], value, left, 1000 * _KEPT_SECONDS)

    async def forget(self, key: str) -> None:
        """Ends the cooldown of that key, also at the other replicas."""
        self._cached.pop(key, None)
        if self._connection is not None:
            with contextlib.suppress(RedisDown):
                await self._connection.call(lambda redis: redis.delete(_name(key)))

    async def _received(self, key: str, now: float) -> Cooldown | None:
        """What another replica has sent."""
        if self._connection is None:
            return None
        try:
            value, left = await self._connection.script(_GET, [_name(key)])
        except RedisDown:
            return None
        if not value:
            return None
        fields = json.loads(value)
        cause = _KINDS.get(fields["cause"], problems.UPSTREAM_GARBLED)
        return Cooldown(cause, fields["detail"], now + left / 1000, fields["length"])


def _name(key: str) -> str:
    # As older versions name it, which may share the Redis during an update.
    return f"promptcdn:rest:{key}"
