"""Where the breaker towards the upstream is remembered: by this process, or by all replicas that share one Redis."""

import json
import secrets
from dataclasses import asdict, fields

from promptcdn.generators.care.breaker import FIRST_PAUSES, BreakerState, Change
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection, RedisDown

# Versions with one generator had one breaker, without a name: it does not say whose it is, so it is not read.
_KEY = "promptcdn:breaker:{}"
_FIELDS = [field.name for field in fields(BreakerState)]
_CAUSES = {"", *(kind.code for kind in FIRST_PAUSES)}
# Far longer than the longest pause.
_KEPT_SECONDS = 3600

# Redis' clock is the one that all share. KEYS: the breaker. Gives its text and seconds.
_LOOK = """
local time = redis.call('time')
return {redis.call('get', KEYS[1]) or '', time[1] + time[2] / 1e6 .. ''}
"""
# KEYS: the breaker. ARGV: the text it must have, the new one, seconds to keep it. Gives whether it was set, and the
# text there was: two replicas may want the same text, and only one of them has set it.
_SWAP = """
local found = redis.call('get', KEYS[1]) or ''
if found ~= ARGV[1] then return {0, found} end
redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[3])
return {1, found}
"""


class LocalBreaker:
    """This process's own."""

    def __init__(self) -> None:
        self.state = BreakerState()

    async def change(self, change: Change, now: float) -> tuple[BreakerState, BreakerState]:
        del now
        before, self.state = self.state, change(self.state)
        return before, self.state


class RedisBreaker:
    """That of all replicas which share a Redis, for the generator of that name; while Redis does not answer, this
    process goes on from what it knew."""

    def __init__(self, connection: RedisConnection, generator: str) -> None:
        self._connection = connection
        self._key = _KEY.format(generator)
        self.state = BreakerState()

    async def change(self, change: Change, now: float) -> tuple[BreakerState, BreakerState]:
        before = self.state
        try:
            found, redis_now = await self._connection.script(_LOOK, [self._key])
            ahead = now - float(redis_now)
            while True:
                before = self._read(found, ahead)
                after = self._changed(change, before)
                if after == before:
                    break
                # Signed, since the connection may send it twice: what stands there is ours, or another replica's.
                wanted = json.dumps({**asdict(after.moved(-ahead)), "by": secrets.token_hex(4)})
                is_set, found = await self._connection.script(_SWAP, [self._key], found, wanted, _KEPT_SECONDS)
                if is_set or found == wanted:
                    break
                # Another replica was faster: the change is made to what that one left.
        except RedisDown:
            after = self._changed(change, before)
        self.state = after
        return before, after

    def _changed(self, change: Change, before: BreakerState) -> BreakerState:
        try:
            return change(before)
        except UpstreamFailed:
            self.state = before
            raise

    def _read(self, text: str, ahead: float) -> BreakerState:
        try:
            value = json.loads(text)
            # No other fields: another version may have written it.
            state = BreakerState(**{name: value[name] for name in _FIELDS})
        except (ValueError, TypeError, KeyError):
            # Nothing that can be read, as where Redis forgot: what this process knew is as good as any.
            return self.state
        return state.moved(ahead) if state.cause in _CAUSES else self.state
