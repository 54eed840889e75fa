"""Which keys rest: what failed here, and what failed at the replicas that share one Redis."""

import contextlib
import json

import cachetools

from promptcdn import problems
from promptcdn.generators.care.retries import Cooldown
from promptcdn.replicas.connection import RedisConnection, RedisDown

_REMEMBERED = 100_000
# After a rest is over it is remembered for so long: the next one of that key is twice as long, whoever tries it.
_REMEMBERED_SECONDS = 3600

_NOW = """
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
# ARGV: what is said, for how many milliseconds it holds, and for how many it is remembered then.
_TELL = (
    _NOW
    + """
redis.call('set', KEYS[1], string.format('%d ', now + ARGV[2]) .. ARGV[1], 'PX', ARGV[2] + ARGV[3])
"""
)
# Gives what was said, empty where nothing was, and for how many milliseconds it still holds: less than 1 if it is over.
_LOOK = (
    _NOW
    + """
local ends, said = string.match(redis.call('get', KEYS[1]) or '', '^(%d+) (.*)$')
return {said or '', (ends or now) - now}
"""
)
# Replicas of older versions say store_unknown.
_KINDS = {kind.code: kind for kind in problems.KINDS} | {"store_unknown": problems.STORE_UNAVAILABLE}


class Cooldowns:
    """Rests by content key. Without a link, and while Redis is down, this process knows its own only.

    `now` is the caller's clock in seconds, which no other replica shares: Redis is told how long a rest lasts.
    """

    def __init__(self, connection: RedisConnection | None = None) -> None:
        self._connection = connection
        # Also those that are over: the next one of that key is longer.
        self._cooldowns: cachetools.LRUCache[str, Cooldown] = cachetools.LRUCache(_REMEMBERED)

    def count(self, now: float) -> int:
        """How many keys are known here to rest now."""
        return sum(1 for rest in self._cooldowns.values() if rest.left(now))

    async def of(self, key: str, now: float) -> Cooldown | None:
        """The last rest of that key, which may be over."""
        known = self._cooldowns.get(key)
        if known and known.left(now):
            return known
        told = await self._told(key, now)
        # What waits at another replica is asked for each time: it may be stored any moment.
        if told is not None and told.cause is not problems.STORE_UNAVAILABLE:
            self._cooldowns[key] = told
        return told or known

    async def put(self, key: str, rest: Cooldown, now: float) -> None:
        """Remembers it, here at least."""
        self._cooldowns[key] = rest
        await self.tell(key, rest, now)

    async def tell(self, key: str, rest: Cooldown, now: float) -> None:
        """Says it to the other replicas alone, if they can be reached."""
        if self._connection is None:
            return
        said = json.dumps({"cause": rest.cause.code, "detail": rest.detail, "length": rest.length})
        with contextlib.suppress(RedisDown):
            left = int(rest.left(now) * 1000)
            await self._connection.script(_TELL, [_name(key)], said, left, 1000 * _REMEMBERED_SECONDS)

    async def forget(self, key: str) -> None:
        """It rests no more, wherever that was said."""
        self._cooldowns.pop(key, None)
        if self._connection is not None:
            with contextlib.suppress(RedisDown):
                await self._connection.call(lambda redis: redis.delete(_name(key)))

    async def _told(self, key: str, now: float) -> Cooldown | None:
        """What another replica said of it."""
        if self._connection is None:
            return None
        try:
            said, left = await self._connection.script(_LOOK, [_name(key)])
        except RedisDown:
            return None
        if not said:
            return None
        rest = json.loads(said)
        cause = _KINDS.get(rest["cause"], problems.UPSTREAM_GARBLED)
        return Cooldown(cause, rest["detail"], now + left / 1000, rest["length"])


def _name(key: str) -> str:
    return f"promptcdn:rest:{key}"
