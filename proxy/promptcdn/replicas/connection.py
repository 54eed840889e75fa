"""The link to Redis: short waits, one more try, and a breaker of its own.

redis-py's defaults wait for twenty seconds where a server hangs. Here a command is given half a second, and while the
server does not answer nothing is asked of it: a ping in the background finds out when it is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub
    from redis.commands.core import AsyncScript

log = logging.getLogger("promptcdn")

COMMAND_SECONDS = 0.5
_PINGS_APART = 0.5
_HEARINGS_APART = 0.25
# More commands at once than the pool has connections for (100) would look like a Redis that is down.
_AT_ONCE = 64
# How many of those a room may take that sends crowds of them, so that others do not queue behind it.
SHARE = 8

_T = TypeVar("_T")


class RedisDown(Exception):
    """Redis does not answer, or not as it should. What it holds is not known."""


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
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


class RedisConnection:
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
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._pinging: asyncio.Task[None] | None = None
        self._told: set[str] = set()
        # By text.
        self._scripts: dict[str, AsyncScript] = {}

    @property
    def database(self) -> int:
        """Its number."""
        return int(self._redis.connection_pool.connection_kwargs.get("db", 0))

    @property
    def down(self) -> bool:
        """Whether it did not answer the last time, and has not been seen since."""
        return self._pinging is not None and not self._pinging.done()

    async def call(self, command: Callable[["Redis"], Awaitable[_T]]) -> _T:
        """What the command gives. Raises `RedisDown` within half a second, and at once while Redis is known to be down.

        Whether a command that failed was carried out is not known. One that Redis refuses fails alone.
        """
        from redis.exceptions import ReadOnlyError, RedisError, ResponseError

        async with self._turn:
            if self.down:
                raise RedisDown("Redis does not answer")
            try:
                with _cancellable():
                    async with asyncio.timeout(COMMAND_SECONDS):
                        return await command(self._redis)
            except (RedisError, OSError, TimeoutError) as error:
                said = _said(error)
                if isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError):
                    self._tell_once(said)
                else:
                    self._lose(said)
                raise RedisDown(said) from error

    async def script(self, text: str, keys: Sequence[str], *args: str | int) -> Any:
        """What a Lua script gives, run inside Redis as one step. Raises `RedisDown`.

        Redis is sent the text's SHA-1 (`EVALSHA`), and the text itself only where it does not have it: at the first
        use, and after a restart or a `SCRIPT FLUSH`.
        """
        script = self._scripts.get(text)
        if script is None:
            script = self._scripts[text] = self._redis.register_script(text)
        return await self.call(lambda redis: script(keys, args, redis))

    async def hear(self, channel: str, heard: Callable[[str], None]) -> NoReturn:
        """Hands on each message of `channel` until it is cancelled; what is said while Redis is away is missed."""
        from redis.exceptions import RedisError

        async def subscribed(redis: "Redis") -> "PubSub":
            messages = redis.pubsub(ignore_subscribe_messages=True)
            try:
                await messages.subscribe(channel)
            except BaseException:
                await messages.aclose()  # type: ignore[no-untyped-call]
                raise
            return messages

        while True:
            with contextlib.suppress(RedisDown, RedisError, OSError):
                async with contextlib.aclosing(await self.call(subscribed)) as messages:
                    while True:
                        with _cancellable():
                            message = await messages.get_message(timeout=60)
                        if message is not None:
                            self._hand_on(message["data"], heard)
            await asyncio.sleep(_HEARINGS_APART)

    def _hand_on(self, message: str, heard: Callable[[str], None]) -> None:
        try:
            heard(message)
        except Exception:  # one word that is not understood, of another version perhaps, is not the end of hearing
            log.exception("a message of another replica was not understood")

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)
        await self._redis.aclose()

    def _tell_once(self, said: str) -> None:
        """Of what is refused, and will be until the operator mends it."""
        if said not in self._told:
            self._told.add(said)
            log.error("%s: promptcdn doctor looks at it", said)

    def _lose(self, said: str) -> None:
        if not self.down:
            log.warning("%s", said)
            self._pinging = asyncio.create_task(self._ping_until_it_answers())

    async def _ping_until_it_answers(self) -> None:
        from redis.exceptions import RedisError

        while True:
            await asyncio.sleep(_PINGS_APART)
            try:
                with _cancellable():
                    async with asyncio.timeout(COMMAND_SECONDS):
                        # Anew: behind one address another server may answer by now, and the old one takes no writes.
                        await self._redis.connection_pool.disconnect(inuse_connections=False)
                        await self._redis.ping()
            except (RedisError, OSError, TimeoutError):
                continue
            log.info("Redis answers again")
            return


def _said(error: Exception) -> str:
    """What is wrong with Redis. Not in its own words, which may repeat what it was told."""
    from redis.exceptions import AuthenticationError, ResponseError

    what = "refuses" if isinstance(error, AuthenticationError | ResponseError) else "does not answer"
    return f"Redis {what} ({type(error).__name__})"
