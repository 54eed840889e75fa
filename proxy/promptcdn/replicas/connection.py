"""The connection to Redis: short waits, one more try, and a breaker of its own.

redis-py waits twenty seconds by default for a server that hangs. Here a command has half a second in which this process
listens (`AnswerTimeout`), and while the server does not answer no command is sent: a ping in the background finds out
when it is back.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from promptcdn.event_loop import AnswerTimeout

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.asyncio.client import PubSub
    from redis.commands.core import AsyncScript

log = logging.getLogger("promptcdn")

# More commands at once than the pool has connections for (100) would look like a Redis that is down.
_COMMANDS_AT_ONCE = 64
# How many of those one caller may take that sends crowds of them, so that others do not queue behind it.
SHARE = 8

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """Seconds: how long a command may take with its one retry, the pauses between pings and between tries to subscribe
    while Redis is away, and how long a subscription waits for a message before it asks for the next one."""

    command: float = 0.5
    between_pings: float = 0.5
    between_subscriptions: float = 0.25
    message: float = 5.0


class RedisDown(Exception):
    """Redis does not answer, or refuses the command. What it holds is not known."""


@contextlib.contextmanager
def _cancellable() -> Iterator[None]:
    """Raises `CancelledError` behind the block if this task was cancelled in it, whatever came of the block.

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

    def __init__(self, url: str, timings: Timings | None = None) -> None:
        """Raises `ValueError` where `url` is no address of a Redis."""
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        self._timings = timings or Timings()
        # One more try, since after a restart of the server the first use of each pooled connection fails.
        self._redis: Redis = Redis.from_url(
            url,
            # None of its own, which would take the lateness of this process's loop for a silent Redis: each command has
            # an `AnswerTimeout` around it.
            socket_timeout=None,
            socket_connect_timeout=None,
            retry=Retry(NoBackoff(), 1),
            decode_responses=True,
        )
        self._turn = asyncio.Semaphore(_COMMANDS_AT_ONCE)
        self._pinging: asyncio.Task[None] | None = None
        self._refusals_logged: set[str] = set()
        self._scripts_by_text: dict[str, AsyncScript] = {}

    @property
    def database(self) -> int:
        """The number of the database."""
        return int(self._redis.connection_pool.connection_kwargs.get("db", 0))

    @property
    def down(self) -> bool:
        """Whether Redis did not answer the last command, and no ping since."""
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
                    async with AnswerTimeout(self._timings.command):
                        return await command(self._redis)
            except (RedisError, OSError, TimeoutError) as error:
                reason = _reason(error)
                if isinstance(error, ResponseError) and not isinstance(error, ReadOnlyError):
                    self._log_refusal_once(reason)
                else:
                    self._begin_pinging(reason)
                raise RedisDown(reason) from error

    async def script(self, text: str, keys: Sequence[str], *args: str | int) -> Any:
        """What a Lua script gives, run inside Redis as one step. Raises `RedisDown`.

        Redis is sent the text's SHA-1 (`EVALSHA`), and the text itself only where it does not have it: at the first
        use, and after a restart or a `SCRIPT FLUSH`.
        """
        script = self._scripts_by_text.get(text)
        if script is None:
            script = self._scripts_by_text[text] = self._redis.register_script(text)
        return await self.call(lambda redis: script(keys, args, redis))

    async def subscribe(self, channel: str, receive: Callable[[str], None]) -> NoReturn:
        """Calls `receive` with each message of `channel` until cancelled; misses those sent while Redis is away."""
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
            with contextlib.suppress(RedisDown, RedisError, OSError, TimeoutError):
                async with contextlib.aclosing(await self.call(subscribed)) as messages:
                    while True:
                        with _cancellable():
                            # Where the connection broke off, this also connects anew.
                            async with AnswerTimeout(self._timings.message + self._timings.command):
                                message = await messages.get_message(timeout=self._timings.message)
                        if message is not None:
                            _deliver(message["data"], receive)
            await asyncio.sleep(self._timings.between_subscriptions)

    async def close(self) -> None:
        if self._pinging is not None:
            self._pinging.cancel()
            await asyncio.gather(self._pinging, return_exceptions=True)
        with contextlib.suppress(TimeoutError):
            async with AnswerTimeout(self._timings.command):
                await self._redis.aclose()

    def _log_refusal_once(self, reason: str) -> None:
        """What is refused once will be refused until the operator changes something: one line is enough."""
        if reason not in self._refusals_logged:
            self._refusals_logged.add(reason)
            log.error("%s: run promptcdn doctor to see what is wrong", reason)

    def _begin_pinging(self, reason: str) -> None:
        if not self.down:
            log.warning("%s", reason)
            self._pinging = asyncio.create_task(self._ping_until_it_answers())

    async def _ping_until_it_answers(self) -> None:
        from redis.exceptions import RedisError

        while True:
            await asyncio.sleep(self._timings.between_pings)
            try:
                with _cancellable():
                    async with AnswerTimeout(self._timings.command):
                        # Anew: behind one address another server may answer by now, and the old one takes no writes.
                        await self._redis.connection_pool.disconnect(inuse_connections=False)
                        await self._redis.ping()
            except (RedisError, OSError, TimeoutError):
                continue
            log.info("Redis answers again")
            return


def _deliver(message: str, receive: Callable[[str], None]) -> None:
    try:
        receive(message)
    except Exception:  # one message of another version, perhaps, must not end the subscription
        log.exception("a message of another replica could not be read")


def _reason(error: Exception) -> str:
    """What is wrong with Redis. Not in Redis' own words, which may quote what was sent."""
    from redis.exceptions import AuthenticationError, ResponseError

    what = "refuses the command" if isinstance(error, AuthenticationError | ResponseError) else "does not answer"
    return f"Redis {what} ({type(error).__name__})"
