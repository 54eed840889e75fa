"""Which keys rest, here and at the replicas that share a Redis."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.generators.care.retries import Cooldown, elsewhere, next_rest
from promptcdn.making.cooldown import Cooldowns
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server

# Each replica's clock began when it did.
HERE, THERE = 1000.0, 5.0
GARBLED = Cooldown(problems.UPSTREAM_GARBLED, "no picture", HERE + 20, 20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


def shared(server: Server, work: Callable[[Cooldowns, Cooldowns], Awaitable[None]]) -> None:
    async def lived() -> None:
        links = [RedisConnection(server.url), RedisConnection(server.url)]
        try:
            await work(*(Cooldowns(connection) for connection in links))
        finally:
            for connection in links:
                await connection.close()

    asyncio.run(lived())


def test_a_rest_is_known_to_the_other_replica_on_its_own_clock(server: Server) -> None:
    async def work(here: Cooldowns, there: Cooldowns) -> None:
        await here.put("a", GARBLED, HERE)
        told = await there.of("a", THERE)
        assert told is not None
        assert (told.cause, told.detail, told.length) == (GARBLED.cause, GARBLED.detail, GARBLED.length)
        assert THERE + 10 < told.until <= THERE + 20
        assert await there.of("b", THERE) is None
        assert (here.count(HERE), there.count(THERE)) == (1, 1)

    shared(server, work)


def test_a_rest_that_is_over_is_remembered_so_that_the_next_one_is_longer(server: Server) -> None:
    async def work(here: Cooldowns, there: Cooldowns) -> None:
        await here.put("a", GARBLED, HERE)
        told = await there.of("a", THERE)
        server.client.flushall()
        assert await there.of("a", THERE + 60) == told
        assert there.count(THERE + 60) == 0

    shared(server, work)


def test_the_rest_that_another_replica_began_later_is_the_one_that_counts(server: Server) -> None:
    async def work(here: Cooldowns, there: Cooldowns) -> None:
        await here.put("a", GARBLED, HERE)
        await there.put("a", Cooldown(problems.UPSTREAM_TIMEOUT, "later", THERE + 40, 40), THERE)
        told = await here.of("a", HERE + 30)
        assert told is not None
        assert (told.cause, told.length) == (problems.UPSTREAM_TIMEOUT, 40)

    shared(server, work)


def test_redis_forgets_a_rest_an_hour_after_it_is_over(server: Server) -> None:
    async def work(here: Cooldowns, _: Cooldowns) -> None:
        await here.put("a", GARBLED, HERE)
        assert 3_610_000 < server.client.pttl("promptcdn:rest:a") <= 3_620_000

    shared(server, work)


def test_rests_double_over_replicas_that_try_in_turn(server: Server) -> None:
    async def work(*both: Cooldowns) -> None:
        lengths = []
        for number in range(6):
            cooldowns = both[number % 2]
            last = await cooldowns.of("a", HERE)
            rest = next_rest(last, problems.UPSTREAM_TIMEOUT, "slow", HERE)
            lengths.append(rest.length)
            # Over as soon as it was told.
            await cooldowns.put("a", replace(rest, until=HERE), HERE)
        assert lengths == [5, 10, 20, 40, 80, 160]

    shared(server, work)


def test_what_waits_at_another_replica_rests_until_it_is_taken_back(server: Server) -> None:
    async def work(here: Cooldowns, there: Cooldowns) -> None:
        await here.tell("a", elsewhere(HERE), HERE)
        told = await there.of("a", THERE)
        assert told is not None
        assert told.left(THERE) > 500
        await here.forget("a")
        assert await there.of("a", THERE) is None

    shared(server, work)


def test_without_redis_each_replica_knows_its_own_rests(server: Server) -> None:
    async def work(here: Cooldowns, there: Cooldowns) -> None:
        server.kill()
        await here.put("a", GARBLED, HERE)
        assert await here.of("a", HERE) == GARBLED
        assert await there.of("a", THERE) is None

    shared(server, work)


def test_a_key_whose_picture_is_there_rests_no_more() -> None:
    async def work() -> None:
        cooldowns = Cooldowns()
        await cooldowns.put("a", GARBLED, HERE)
        await cooldowns.forget("a")
        assert await cooldowns.of("a", HERE) is None

    asyncio.run(work())
