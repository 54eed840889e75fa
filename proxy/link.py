"""The link to Redis: short waits, one more try, and a breaker of its own.

redis-py's defaults wait for twenty seconds where a server hangs. Here a command is given half a second, and while the
server does not answer nothing is asked of it: a ping in the background finds out when it is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("promptcdn")

COMMAND_SECONDS = 0.5
_PINGS_APART = 0.5

_T = TypeVar("_T")


class RedisDown(Exception):
    """Redis does not answer, or not as it should. What it holds is not known."""


@contextlib.contextmanager
def cancellable() -> Iterator[None]:
    """Whatever came of the block, `CancelledError` if this task was cancelled in it.

    redis-py 8.1 swallows a cancel that arrives while it puts a connection back: whoever awaits the end of the task
    would wait for ever.
    """
    task = asyncio.current_task()
    assert task is not None, "only tasks talk to Redis"
    before = task.cancelling()
    try:
        yield
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


class Link:
    """One pool of connections to `url`; nothing is connected before the first command."""

    def __init__(self, url: str) -> None:
        """Raises `ValueError` where the URL is none."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        # One more try, since after a restart of the server the first use of each pooled connection fails.
        self._redis: Redis = Redis.from_url(
            url,
            socket_timeout=COMMAND_SECONDS,
            socket_connect_timeout=COMMAND_SECONDS,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )
        self._pinging: asyncio.Task[None] | None = None

    @property
    def down(self) -> bool:
        """Whether it did not answer the last time, and has not been seen since."""
        return self._pinging is not None and not self._pinging.done()

    async def call(self, command: Callable[["Redis"], Awaitable[_T]]) -> _T:
        """What the command gives. Raises `RedisDown` within half a second, and at once while Redis is known to be down.

        Whether a command that failed was carried out is not known.
        """
        from redis.exceptions import RedisError

        if self.down:
            raise RedisDown("Redis does not answer")
        try:
            with cancellable():
                async with asyncio.timeout(COMMAND_SECONDS):
                    return await command(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise RedisDown(f"Redis does not answer ({type(error).__name__})") from error

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)
        await self._redis.aclose()

    def _lose(self, error: Exception) -> None:
        if not self.down:
            log.warning("Redis does not answer: %s", type(error).__name__)
            self._pinging = asyncio.create_task(self._ping_until_it_answers())

    async def _ping_until_it_answers(self) -> None:
        from redis.exceptions import RedisError

        while True:
            await asyncio.sleep(_PINGS_APART)
            try:
                with cancellable():
                    async with asyncio.timeout(COMMAND_SECONDS):
                        await self._redis.ping()
            except (RedisError, OSError, TimeoutError):
                continue
            log.info("Redis answers again")
            return
