"""Where the breaker towards the upstream is remembered: by this process, or by all replicas that share one Redis."""

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict, fields, replace
from typing import Protocol

from promptcdn.generators.care.retries import FIRST_PAUSES, Breaker
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection, RedisDown

# Raises `UpstreamFailed` where no call may go through.
Step = Callable[[Breaker], Breaker]

_KEY = "promptcdn:breaker"
_FIELDS = [field.name for field in fields(Breaker)]
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
local said = redis.call('get', KEYS[1]) or ''
if said ~= ARGV[1] then return {0, said} end
redis.call('set', KEYS[1], ARGV[2], 'EX', ARGV[3])
return {1, said}
"""


class Breakers(Protocol):
    """One breaker, changed by one at a time."""

    @property
    def known(self) -> Breaker:
        """As it was when it was last seen from here."""

    async def change(self, step: Step, now: float) -> tuple[Breaker, Breaker]:
        """Takes the step; gives the breaker before and after it. Times are on the clock of `now`."""


class LocalBreaker:
    """This process's own."""

    def __init__(self) -> None:
        self.known = Breaker()

    async def change(self, step: Step, now: float) -> tuple[Breaker, Breaker]:
        del now
        before, self.known = self.known, step(self.known)
        return before, self.known


class RedisBreaker:
    """That of all replicas which share a Redis; while it does not answer, what was last known goes on here."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection
        self.known = Breaker()

    async def change(self, step: Step, now: float) -> tuple[Breaker, Breaker]:
        before = self.known
        try:
            said, shared_now = await self._connection.script(_LOOK, [_KEY])
            ahead = now - float(shared_now)
            while True:
                before = self._read(said, ahead)
                after = self._stepped(step, before)
                if after == before:
                    break
                # Signed, since the link may send it twice: what stands there is ours, or another replica's.
                wanted = json.dumps({**asdict(_moved(after, -ahead)), "by": secrets.token_hex(4)})
                is_set, said = await self._connection.script(_SWAP, [_KEY], said, wanted, _KEPT_SECONDS)
                if is_set or said == wanted:
                    break
                # The step is taken from where the other one came to.
        except RedisDown:
            after = self._stepped(step, before)
        self.known = after
        return before, after

    def _stepped(self, step: Step, before: Breaker) -> Breaker:
        try:
            return step(before)
        except UpstreamFailed:
            self.known = before
            raise

    def _read(self, said: str, ahead: float) -> Breaker:
        try:
            told = json.loads(said)
            # No other fields: another version may have written it.
            breaker = Breaker(**{name: told[name] for name in _FIELDS})
        except (ValueError, TypeError, KeyError):
            # Nothing that can be read, as where Redis forgot: ours is as good as any.
            return self.known
        return _moved(breaker, ahead) if breaker.cause in _CAUSES else self.known


def _moved(breaker: Breaker, seconds: float) -> Breaker:
    """The same breaker on a clock that is `seconds` ahead."""
    if breaker.closed:
        return breaker
    return replace(breaker, until=breaker.until + seconds, probing_until=breaker.probing_until + seconds)
