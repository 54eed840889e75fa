"""Which seeds a request without a seed has drawn: the same request, sent again, must not pay for others.

A request that is sent again is known by its `Idempotency-Key`. OpenAI's clients send none, but
`x-stainless-retry-count`: then it is the last request of that API key with that body. Other clients send neither (the
AI SDK 6, for one): their request gets the draw of an equal one that nobody got pictures for, because its client left or
it failed. Two equal requests at the same time are two draws: a client that wants two pictures may ask so.

What `Idempotency-Key` and the count tell is shared by replicas that share a Redis.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import cachetools

from promptcdn import problems
from promptcdn.problems import Problem
from promptcdn.replicas.connection import RedisConnection, RedisDown

_KEPT_MOST = 10_000
# Of equal requests, so many draws that nobody got pictures for.
_OPEN_MOST = 16
_PREFIX = "promptcdn:draw:"

Seeds = tuple[int, ...]


@dataclass(frozen=True)
class Timings:
    """How many seconds a draw is remembered: under an `Idempotency-Key`, and under its body alone. The official
    clients send a request again within half an hour."""

    draw: float = 86400.0
    again: float = 3600.0


TIMINGS = Timings()


@dataclass(frozen=True)
class Names:
    """Under which names the draw of one request is remembered: of its `Idempotency-Key`, where it has one, and of its
    body. `again`: the client says that it sent the request before."""

    by_key: str | None
    by_body: str
    again: bool

    @property
    def name(self) -> str:
        """That of requests which are surely the same one, or equal."""
        return self.by_key or self.by_body

    @classmethod
    def of(cls, api_key: str, body: object, idempotency_key: str | None, retry_count: str | None) -> "Names":
        """Hashes alone: who looks into Redis sees neither prompts nor keys of clients. Raises `Problem` (400) for a
        body that can be read and not written again."""
        try:
            text = json.dumps([api_key, body], sort_keys=True, default=repr)
        except RecursionError:
            raise Problem(problems.BAD_REQUEST, "the body of the request is nested too deeply") from None
        by_key = None if not idempotency_key else _digest(f"key {idempotency_key}\n{text}")
        return cls(by_key, _digest(f"body\n{text}"), again=(retry_count or "0") != "0")


class Draw:
    """The seeds of one request."""

    def __init__(self, seeds: Seeds, open_: list[Seeds] | None = None) -> None:
        self.seeds = seeds
        self._open = open_

    def reopen(self) -> None:
        """Nobody gets the pictures of this request: the next one that is equal does."""
        if self._open is not None:
            self._open.append(self.seeds)
            del self._open[:-_OPEN_MOST]
            self._open = None


class Draws:
    """Remembers draws: in memory, and in Redis where there is one."""

    def __init__(self, connection: RedisConnection | None, timings: Timings = TIMINGS) -> None:
        self._connection = connection
        self._timings = timings
        self._first: cachetools.TTLCache[str, Seeds] = cachetools.TTLCache(_KEPT_MOST, timings.draw)
        self._last: cachetools.TTLCache[str, Seeds] = cachetools.TTLCache(_KEPT_MOST, timings.again)
        self._open: cachetools.TTLCache[str, list[Seeds]] = cachetools.TTLCache(_KEPT_MOST, timings.again)

    async def of(self, names: Names, draw: Callable[[], Awaitable[Seeds]]) -> Draw:
        """What the request drew when it was sent before, else what `draw` gives, which is remembered before anything
        is paid for. Of requests with one `Idempotency-Key` the first draw counts."""
        if names.by_key is not None:
            seeds = await self._get(names.by_key)
            return Draw(seeds or await self._set(names.by_key, await draw(), first=True))
        open_ = self._open.setdefault(names.by_body, [])
        if open_:
            return Draw(open_.pop(), open_)
        seeds = await self._get(names.by_body) if names.again else None
        return Draw(seeds or await self._set(names.by_body, await draw(), first=False), open_)

    async def _get(self, name: str) -> Seeds | None:
        if self._connection is not None:
            try:
                found = await self._connection.call(lambda redis: redis.get(_PREFIX + name))
            except RedisDown:
                pass
            else:
                if found is not None:
                    return _read(found)
        return self._first.get(name) or self._last.get(name)

    async def _set(self, name: str, seeds: Seeds, *, first: bool) -> Seeds:
        if first:
            seeds = self._first.setdefault(name, seeds)
        else:
            self._last[name] = seeds
        if self._connection is None:
            return seeds
        written, seconds = json.dumps(seeds), int(self._timings.draw if first else self._timings.again)
        try:
            fresh = await self._connection.call(lambda redis: redis.set(_PREFIX + name, written, ex=seconds, nx=first))
        except RedisDown:
            return seeds
        return seeds if fresh else await self._get(name) or seeds


def _read(found: str | bytes) -> Seeds:
    return tuple(json.loads(found))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
