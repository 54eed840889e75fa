"""The link to a real Redis: what a dead one and a hung one cost."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from promptcdn.replicas.connection import COMMAND_SECONDS, Link, RedisDown
from tests.support.redis_servers import Server
from tests.support.waiting import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


def linked(server: Server, work: Callable[[Link], Awaitable[None]]) -> None:
    async def lived() -> None:
        link = Link(server.url)
        try:
            await work(link)
        finally:
            await link.close()

    asyncio.run(lived())


async def ping(link: Link) -> object:
    return await link.call(lambda redis: redis.ping())


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
def test_a_redis_that_is_gone_costs_half_a_second_once_and_then_nothing(
    server: Server, fault: Callable[[Server], None]
) -> None:
    async def work(link: Link) -> None:
        await ping(link)
        fault(server)
        began = time.monotonic()
        with pytest.raises(RedisDown):
            await ping(link)
        noticed = time.monotonic()
        for _ in range(100):
            with pytest.raises(RedisDown):
                await ping(link)
        assert link.down
        # Bounds, not measures: a hundred tries together cost less than one that waits.
        assert noticed - began < 2 * COMMAND_SECONDS
        assert time.monotonic() - noticed < COMMAND_SECONDS

    linked(server, work)


def test_a_crowd_of_commands_is_answered_and_does_not_look_like_a_redis_that_is_down(server: Server) -> None:
    async def work(link: Link) -> None:
        assert await asyncio.gather(*(ping(link) for _ in range(1000))) == [True] * 1000

    linked(server, work)


def test_a_command_that_redis_refuses_fails_alone(server: Server) -> None:
    async def work(link: Link) -> None:
        with pytest.raises(RedisDown, match="Redis refuses"):
            await link.script("return redis.error_reply('no')", [])
        assert not link.down
        await ping(link)

    linked(server, work)


def test_a_message_that_is_not_understood_is_not_the_end_of_hearing(server: Server) -> None:
    async def work(link: Link) -> None:
        numbers: list[int] = []
        hearing = asyncio.create_task(link.hear("numbers", lambda said: numbers.append(int(said))))
        await eventually(lambda: bool(server.client.pubsub_numsub("numbers")[0][1]))
        for said in ("1", "two", "3"):
            server.client.publish("numbers", said)
        await eventually(lambda: numbers == [1, 3])
        hearing.cancel()
        await asyncio.gather(hearing, return_exceptions=True)

    linked(server, work)


def test_a_redis_that_was_killed_is_in_use_again_when_it_is_back(server: Server) -> None:
    async def work(link: Link) -> None:
        await asyncio.gather(*(ping(link) for _ in range(20)))
        server.kill()
        with pytest.raises(RedisDown):
            await ping(link)
        server.start()
        await eventually(lambda: not link.down)
        # Each pooled connection was to the one that is dead.
        assert await asyncio.gather(*(ping(link) for _ in range(20))) == [True] * 20

    linked(server, work)


def test_a_redis_that_hung_is_in_use_again_and_answers_what_it_is_asked(server: Server) -> None:
    async def work(link: Link) -> None:
        await link.call(lambda redis: redis.set("name", "right"))
        server.hang()
        with pytest.raises(RedisDown):
            await link.call(lambda redis: redis.get("another"))
        server.go_on()
        await eventually(lambda: not link.down)
        assert await link.call(lambda redis: redis.get("name")) == "right"

    linked(server, work)


def test_a_redis_that_refuses_is_down_too(server: Server) -> None:
    async def work(link: Link) -> None:
        with pytest.raises(RedisDown):
            await link.call(lambda redis: redis.incr("name"))

    server.client.set("name", "no number")
    linked(server, work)


def test_what_is_no_address_is_refused_before_anything_is_connected() -> None:
    with pytest.raises(ValueError, match="scheme"):
        Link("http://h")


def test_a_task_that_is_cancelled_at_any_step_of_a_command_ends(server: Server) -> None:
    async def commands(link: Link) -> None:
        while True:
            await ping(link)

    async def work(link: Link) -> None:
        for steps in range(200):
            task = asyncio.create_task(commands(link))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=5)
            task.cancel()
            assert done, f"after {steps} steps"

    linked(server, work)
