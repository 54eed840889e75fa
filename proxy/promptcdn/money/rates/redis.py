"""The rate counted over all replicas in Redis, by the same sliding window as in one machine's file."""

import asyncio
import json
import secrets
from datetime import datetime

from promptcdn.money.rates.payers import Bill, bill
from promptcdn.money.rates.rate import Rate, milliseconds
from promptcdn.money.rates.refusals import Refusal, Refusals
from promptcdn.money.rates.sqlite import SqliteRates
from promptcdn.problems import Problem
from promptcdn.readers.clients import Client
from promptcdn.replicas.connection import SHARE, RedisConnection, RedisDown

_STARTED = "promptcdn:started"

# KEYS: each payer's starts, line by line. ARGV: now, a name for this start, and as JSON [starts, milliseconds] of each
# payer in each line. Counts the start for the first payer in each line who may, or gives the number of the line that
# has no such, and for each of its payers the start that must be over first.
# A start with this name was counted before: the connection may send the script twice.
# As in the file, a start that lies a whole window ahead was counted before the clock was set back.
_PAY = """
local now, next, paying = tonumber(ARGV[1]), 0, {}
for number, line in ipairs(cjson.decode(ARGV[3])) do
    local payer, blocking = nil, {}
    for _, rate in ipairs(line) do
        next = next + 1
        local key, starts, window = KEYS[next], rate[1], rate[2]
        if redis.call('ZSCORE', key, ARGV[2]) then
            return {0, {}}
        end
        redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. string.format('%d', now - window))
        redis.call('ZREMRANGEBYSCORE', key, '(' .. string.format('%d', now + window), '+inf')
        if redis.call('ZCARD', key) < starts then
            payer = payer or {key, window}
        else
            blocking[#blocking + 1] = redis.call('ZREVRANGE', key, starts - 1, starts - 1, 'WITHSCORES')[2]
        end
    end
    if not payer then
        return {number, blocking}
    end
    paying[number] = payer
end
for _, payer in ipairs(paying) do
    redis.call('ZADD', payer[1], ARGV[1], ARGV[2])
    redis.call('PEXPIRE', payer[1], 2 * payer[2])
end
return {0, {}}
"""


class RedisRates:
    """One rate over all replicas that share a Redis. While Redis is down, `local` decides for this machine."""

    def __init__(self, connection: RedisConnection, rate: Rate, local: SqliteRates) -> None:
        self._connection = connection
        self._rate = rate
        self._local = local
        self._turn = asyncio.Semaphore(SHARE)
        self._refusals = Refusals()

    async def start(self) -> None:
        """There is nothing to begin: Redis is asked at each start of a picture."""

    async def charge(self, client: Client, kid: str | None, now: datetime, *, image_proxy: bool = False) -> None:
        if (cached := self.refusal(client, now, image_proxy=image_proxy)) is not None:
            raise cached
        owed, at = bill(self._rate, client, kid, image_proxy=image_proxy), milliseconds(now)
        try:
            refusal = await self._paid(owed, at)
        except RedisDown:
            await self._local.charge(client, kid, now, image_proxy=image_proxy)
            return
        if refusal is not None:
            raise self._refusals.refused(client, refusal, at, image_proxy=image_proxy)

    def refusal(self, client: Client, now: datetime, *, image_proxy: bool = False) -> Problem | None:
        return self._refusals.problem(client, milliseconds(now), image_proxy=image_proxy)

    async def close(self) -> None:
        await self._local.close()

    async def _paid(self, owed: Bill, now: int) -> Refusal | None:
        keys = [f"{_STARTED}:{payer.name}" for line in owed for payer in line]
        rates = json.dumps([[(payer.rate.starts, payer.rate.milliseconds) for payer in line] for line in owed])
        async with self._turn:
            number, blocking = await self._connection.script(_PAY, keys, str(now), secrets.token_hex(8), rates)
        if not number:
            return None
        line = owed[number - 1]
        wait = min(payer.rate.wait(now, int(float(start))) for payer, start in zip(line, blocking, strict=True))
        return Refusal(line[0], wait)
