"""One breaker for all replicas that share a Redis, each on a clock of its own."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.generators.care.breaker import RedisBreaker
from promptcdn.generators.care.retries import Breaker
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server, send_twice
from tests.support.waiting import eventually

# Each replica's clock began when it did.
HERE, THERE = 1000.0, 5.0
PATIENCE = 25.0

Work = Callable[[RedisBreaker, RedisBreaker], Awaitable[None]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


def over_two(server: Server, work: Work) -> None:
    async def lived() -> None:
        links = [RedisConnection(server.url), RedisConnection(server.url)]
        try:
            await work(*(RedisBreaker(connection) for connection in links))
        finally:
            for connection in links:
                await connection.close()

    asyncio.run(lived())


async def fail(breaker: RedisBreaker, now: float, *, probe: bool = False) -> None:
    await breaker.change(lambda was: was.after(problems.UPSTREAM_UNREACHABLE, now, probe=probe), now)


async def admit(breaker: RedisBreaker, now: float) -> Breaker:
    _, after = await breaker.change(lambda was: was.admit(now, PATIENCE), now)
    return after


def let_pass(server: Server, seconds: float) -> None:
    """As if what all replicas know were so much older."""
    said = json.loads(server.client.get("promptcdn:breaker"))
    said["until"] -= seconds
    server.client.set("promptcdn:breaker", json.dumps(said))


async def opened(here: RedisBreaker, there: RedisBreaker) -> None:
    for number in range(5):
        await (fail(there, THERE) if number % 2 else fail(here, HERE))


def test_failures_count_together_and_open_it_everywhere_for_the_same_time(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await opened(here, there)
        for breaker, now in ((here, HERE), (there, THERE)):
            with pytest.raises(UpstreamFailed) as caught:
                await admit(breaker, now)
            assert not caught.value.charged
        assert there.known.left(THERE) == pytest.approx(here.known.left(HERE), abs=1)
        assert here.known.left(HERE) > 1

    over_two(server, work)


def test_failures_at_the_same_moment_all_count(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await asyncio.gather(*(fail(here, HERE) for _ in range(2)), *(fail(there, THERE) for _ in range(2)))
        _, after = await here.change(lambda was: was, HERE)
        assert after.failures == 4

    over_two(server, work)


def test_when_the_pause_is_over_one_replica_probes_and_its_success_closes_it_for_all(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await opened(here, there)
        let_pass(server, here.known.pause + 1)
        await admit(here, HERE)
        with pytest.raises(UpstreamFailed):
            await admit(there, THERE)
        await here.change(lambda was: was.after(None, HERE, probe=True), HERE)
        assert (await admit(there, THERE)).closed

    over_two(server, work)


def test_without_redis_each_replica_goes_on_from_what_it_knew_and_tells_it_later(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await fail(there, THERE)
        server.kill()
        for _ in range(5):
            await fail(here, HERE)
        assert not here.known.closed
        assert (there.known.failures, there.known.closed) == (1, True)

        server.start()
        await eventually(lambda: not here._connection.down)
        with pytest.raises(UpstreamFailed):
            await admit(here, HERE)

    over_two(server, work)


def test_a_redis_that_forgot_is_told_again_by_the_first_who_learns_something(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await opened(here, there)
        server.client.flushall()
        over = here.known.pause + 1
        await admit(here, HERE + over)
        await fail(here, HERE + over, probe=True)
        with pytest.raises(UpstreamFailed):
            await admit(there, THERE + over)
        assert there.known.failures == 6

    over_two(server, work)


def test_while_all_is_well_nothing_is_written(server: Server) -> None:
    async def work(here: RedisBreaker, _: RedisBreaker) -> None:
        await admit(here, HERE)
        await here.change(lambda was: was.after(None, HERE, probe=False), HERE)
        assert server.client.keys("*") == []

    over_two(server, work)


def test_a_swap_that_the_link_sent_twice_is_ours_and_not_another_replicas(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await opened(here, there)
        let_pass(server, 60)
        send_twice(here._connection)
        assert (await admit(here, HERE)).probing_until > HERE

    over_two(server, work)


@pytest.mark.parametrize("said", ["junk", "[]", "{}", '{"cause": "unheard_of"}'])
def test_what_cannot_be_read_is_as_good_as_forgotten(server: Server, said: str) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        server.client.set("promptcdn:breaker", said)
        assert (await admit(here, HERE)).closed
        await opened(here, there)
        with pytest.raises(UpstreamFailed):
            await admit(there, THERE)

    over_two(server, work)


def test_what_another_version_wrote_is_read_as_far_as_it_is_known(server: Server) -> None:
    async def work(here: RedisBreaker, there: RedisBreaker) -> None:
        await opened(here, there)
        said = json.loads(server.client.get("promptcdn:breaker"))
        server.client.set("promptcdn:breaker", json.dumps(said | {"mood": "bad"}))
        with pytest.raises(UpstreamFailed):
            await admit(there, THERE)

    over_two(server, work)
