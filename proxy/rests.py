"""Which keys rest: what failed here, and what failed at the replicas that share one Redis."""

import json

import cachetools

from proxy import problems
from proxy.link import Link, RedisDown
from proxy.resting import Rest

_REMEMBERED = 100_000
# Gives what was said, empty where nothing was, and for how many milliseconds it still holds.
_LOOK = "return {redis.call('get', KEYS[1]) or '', redis.call('pttl', KEYS[1])}"
_KINDS = {kind.code: kind for kind in problems.KINDS}


class Rests:
    """Rests by content key. Without a link, and while Redis is down, this process knows its own only.

    `now` is the caller's clock in seconds, which no other replica shares: Redis is told how long a rest lasts.
    """

    def __init__(self, link: Link | None = None) -> None:
        self._link = link
        # Also those that are over: the next one of that key is longer.
        self._rests: cachetools.LRUCache[str, Rest] = cachetools.LRUCache(_REMEMBERED)

    def count(self, now: float) -> int:
        """How many keys are known here to rest now."""
        return sum(1 for rest in self._rests.values() if rest.left(now))

    async def of(self, key: str, now: float) -> Rest | None:
        """The last rest of that key, which may be over."""
        known = self._rests.get(key)
        if known and known.left(now):
            return known
        told = await self._told(key, now)
        if told is not None:
            self._rests[key] = told
        return told or known

    async def put(self, key: str, rest: Rest, now: float) -> None:
        """Remembers it, here at least."""
        self._rests[key] = rest
        await self.tell(key, rest, now)

    async def tell(self, key: str, rest: Rest, now: float) -> None:
        """Says it to the other replicas alone, if they can be reached."""
        if self._link is None:
            return
        said = json.dumps({"cause": rest.cause.code, "detail": rest.detail, "length": rest.length})
        milliseconds = max(1, int(rest.left(now) * 1000))
        try:
            await self._link.call(lambda redis: redis.set(_name(key), said, px=milliseconds))
        except RedisDown:
            return

    def forget(self, key: str) -> None:
        """Its picture is there; what others were told ends by itself."""
        self._rests.pop(key, None)

    async def _told(self, key: str, now: float) -> Rest | None:
        """What another replica said of it."""
        if self._link is None:
            return None
        try:
            said, left = await self._link.script(_LOOK, [_name(key)])
        except RedisDown:
            return None
        if not said:
            return None
        rest = json.loads(said)
        cause = _KINDS.get(rest["cause"], problems.UPSTREAM_GARBLED)
        return Rest(cause, rest["detail"], now + left / 1000, rest["length"])


def _name(key: str) -> str:
    return f"promptcdn:rest:{key}"
