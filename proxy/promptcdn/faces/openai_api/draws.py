"""Which seeds a request without a seed has drawn: the same request, sent again, must not pay for others.

A request sent again is known by its `Idempotency-Key`. The official clients send none, but `x-stainless-retry-count`:
then it is the last one of that API key with that body. Replicas that share a Redis share this.
"""

import hashlib
import json
from dataclasses import dataclass

import cachetools

from promptcdn.replicas.connection import RedisConnection, RedisDown

_KEPT_MOST = 10_000
_PREFIX = "promptcdn:draw:"

Seeds = tuple[int, ...]


@dataclass(frozen=True)
class Timings:
    """How many seconds a draw is remembered."""

    draw: float = 86400.0


TIMINGS = Timings()


@dataclass(frozen=True)
class Names:
    """Under which names the draw of one request is remembered: of its `Idempotency-Key`, where it has one, and of its
    body. `again`: the client says that it sent the request before."""

    by_key: str | None
    by_body: str
    again: bool

    @classmethod
    def of(cls, api_key: str, body: object, idempotency_key: str | None, retry_count: str | None) -> "Names":
        """Hashes alone: who looks into Redis sees neither prompts nor keys of clients."""
        text = json.dumps([api_key, body], sort_keys=True, default=repr)
        by_key = None if not idempotency_key else _digest(f"key {idempotency_key}\n{text}")
        return cls(by_key, _digest(f"body\n{text}"), again=(retry_count or "0") != "0")


class Draws:
    """Remembers draws for a day: in Redis where there is one, and in memory."""

    def __init__(self, connection: RedisConnection | None, timings: Timings = TIMINGS) -> None:
        self._connection = connection
        self._timings = timings
        self._last: cachetools.TTLCache[str, Seeds] = cachetools.TTLCache(_KEPT_MOST, timings.draw)

    async def before(self, names: Names) -> Seeds | None:
        """What the request drew when it was sent before; `None` where that is not known."""
        if names.by_key is not None:
            return await self._get(names.by_key)
        return await self._get(names.by_body) if names.again else None

    async def keep(self, names: Names, seeds: Seeds) -> Seeds:
        """Remembers a draw. Gives the one that counts: of requests with one `Idempotency-Key` the first one's."""
        if names.by_key is not None:
            return await self._set(names.by_key, seeds, first=True)
        return await self._set(names.by_body, seeds, first=False)

    async def _get(self, name: str) -> Seeds | None:
        if self._connection is not None:
            try:
                found = await self._connection.call(lambda redis: redis.get(_PREFIX + name))
            except RedisDown:
                pass
            else:
                return _read(found) or self._last.get(name)
        return self._last.get(name)

    async def _set(self, name: str, seeds: Seeds, *, first: bool) -> Seeds:
        if first:
            seeds = self._last.setdefault(name, seeds)
        self._last[name] = seeds
        if self._connection is None:
            return seeds
        written, seconds = json.dumps(seeds), int(self._timings.draw)
        try:
            fresh = await self._connection.call(lambda redis: redis.set(_PREFIX + name, written, ex=seconds, nx=first))
        except RedisDown:
            return seeds
        return seeds if fresh else await self._get(name) or seeds


def _read(found: str | bytes | None) -> Seeds | None:
    return None if found is None else tuple(json.loads(found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
