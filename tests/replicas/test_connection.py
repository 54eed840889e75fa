"""The connection to a real Redis: what a dead one and a hung one cost."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from promptcdn.replicas.connection import RedisConnection, RedisDown, Timings
from promptcdn.replicas.leases import RedisLeases
from tests.support import loop_clock
from tests.support.loop_clock import ClockLoop
from tests.support.redis_servers import Server
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


@contextlib.asynccontextmanager
async def connected(server: Server, timings: Timings | None = None) -> AsyncIterator[RedisConnection]:
    connection = RedisConnection(server.url, timings)
    try:
        yield connection
    finally:
        await connection.close()


async def ping(connection: RedisConnection) -> object:
    return await connection.call(lambda redis: redis.ping())


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
async def test_a_redis_that_is_gone_is_asked_once_and_then_no_more(
    server: Server, fault: Callable[[Server], None]
) -> None:
    """What is not sent costs nothing, whatever the machine is doing."""
    sent = 0

    async def ping_and_count(redis: Redis) -> object:
        nonlocal sent
        sent += 1
        return await redis.ping()

    async with connected(server) as connection:
        await ping(connection)
        fault(server)
        for _ in range(100):
            with pytest.raises(RedisDown):
                await connection.call(ping_and_count)
        assert connection.down
    assert sent == 1


def test_a_redis_that_hangs_is_given_up_after_half_a_second(server: Server) -> None:
    """By the clock of the loop, which stands still while there is something to do."""

    async def given_up(loop: ClockLoop) -> float:
        async with connected(server) as connection:
            await ping(connection)
            server.hang()
            loop.stop_the_clock()
            began = loop.time()
            with pytest.raises(RedisDown, match=r"does not answer \(TimeoutError\)"):
                await ping(connection)
            return loop.time() - began

    assert loop_clock.run(given_up) == pytest.approx(0.5)


def test_a_redis_that_hangs_holds_a_lease_up_for_half_a_second(server: Server) -> None:
    async def waited(loop: ClockLoop) -> list[float]:
        async with connected(server) as connection:
            leases, taken = RedisLeases(connection), list[float]()
            async with leases.held("before"):
                pass
            server.hang()
            loop.stop_the_clock()
            for key in ("first", "second"):
                began = loop.time()
                async with leases.held(key):
                    taken.append(loop.time() - began)
            await leases.close()
            return taken

    assert loop_clock.run(waited) == [pytest.approx(0.5), 0]


async def test_a_crowd_of_commands_is_answered(server: Server) -> None:
    """A crowd of commands is answered and does not look like a Redis that is down."""
    async with connected(server) as connection:
        assert await asyncio.gather(*(ping(connection) for _ in range(1000))) == [True] * 1000


async def test_a_command_that_redis_refuses_fails_alone(server: Server) -> None:
    async with connected(server) as connection:
        with pytest.raises(RedisDown, match="Redis refuses"):
            await connection.script("return redis.error_reply('no')", [])
        assert not connection.down
        await ping(connection)


def calls(server: Server) -> dict[str, int]:
    """How often each command for scripts was sent."""
    stats = server.client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): stats[name]["calls"]
        for name in stats
        if name in ("cmdstat_eval", "cmdstat_evalsha", "cmdstat_script|load")
    }


async def test_the_text_of_a_script_is_sent_once(server: Server) -> None:
    async with connected(server) as connection:
        assert [await connection.script("return {KEYS[1], ARGV[1]}", ["k"], n) for n in range(3)] == [
            ["k", "0"],
            ["k", "1"],
            ["k", "2"],
        ]
    # The first call finds that Redis does not have the script, and is sent again once it has.
    assert calls(server) == {"script|load": 1, "evalsha": 4}


@pytest.mark.parametrize("forget", ["flush", "restart"])
async def test_a_script_that_redis_forgot_is_sent_again(server: Server, forget: str) -> None:
    async with connected(server) as connection:
        assert await connection.script("return ARGV[1]", [], 1) == "1"
        if forget == "flush":
            server.client.script_flush()
        else:
            server.kill()
            server.start()
            with contextlib.suppress(RedisDown):  # where its end was not noticed yet, and it is not back
                await ping(connection)
            await eventually(lambda: not connection.down)
        assert await connection.script("return ARGV[1]", [], 2) == "2"


async def test_a_message_that_cannot_be_read_ends_no_subscription(server: Server) -> None:
    """A message that is not understood is not the end of hearing."""
    async with connected(server) as connection:
        numbers: list[int] = []
        subscription = asyncio.create_task(connection.subscribe("numbers", lambda text: numbers.append(int(text))))
        await eventually(lambda: bool(server.client.pubsub_numsub("numbers")[0][1]))
        for text in ("1", "two", "3"):
            server.client.publish("numbers", text)
        await eventually(lambda: numbers == [1, 3])
        subscription.cancel()
        await asyncio.gather(subscription, return_exceptions=True)


async def test_a_redis_that_was_killed_is_in_use_again_when_it_is_back(server: Server) -> None:
    async with connected(server) as connection:
        await asyncio.gather(*(ping(connection) for _ in range(20)))
        server.kill()
        with pytest.raises(RedisDown):
            await ping(connection)
        server.start()
        await eventually(lambda: not connection.down)
        # Each pooled connection was to the one that is dead.
        assert await asyncio.gather(*(ping(connection) for _ in range(20))) == [True] * 20


async def test_a_redis_that_hung_answers_what_it_is_asked(server: Server) -> None:
    """A Redis that hung is in use again and answers what it is asked."""
    async with connected(server) as connection:
        await connection.call(lambda redis: redis.set("name", "right"))
        server.hang()
        with pytest.raises(RedisDown):
            await connection.call(lambda redis: redis.get("another"))
        server.go_on()
        await eventually(lambda: not connection.down)
        assert await connection.call(lambda redis: redis.get("name")) == "right"


async def test_a_redis_that_refuses_is_down_too(server: Server) -> None:
    server.client.set("name", "no number")
    async with connected(server) as connection:
        with pytest.raises(RedisDown):
            await connection.call(lambda redis: redis.incr("name"))


def test_what_is_no_address_is_refused_before_connecting() -> None:
    """What is no address is refused before anything is connected."""
    with pytest.raises(ValueError, match="scheme"):
        RedisConnection("http://h")


async def test_a_task_that_is_cancelled_at_any_step_of_a_command_ends(server: Server) -> None:
    async def commands(connection: RedisConnection) -> None:
        while True:
            await ping(connection)

    async with connected(server) as connection:
        for steps in range(200):
            task = asyncio.create_task(commands(connection))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
            task.cancel()
            assert done, f"after {steps} steps"
