"""One client starts so many new pictures over all replicas that share a Redis; without it, on each of them."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.money.rates import Rates
from promptcdn.money.rates.rate import Rate
from promptcdn.money.rates.redis import RedisRates
from promptcdn.money.rates.sqlite import SqliteRates
from promptcdn.problems import Problem
from promptcdn.readers.clients import Client
from promptcdn.readers.response_headers import problem_headers
from promptcdn.replicas.connection import RedisConnection
from tests.support.fakes import NOON
from tests.support.redis_servers import Server, send_twice
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.anyio

YES = (0, "")
ANN, BOB = Client(ip_network("203.0.113.9")), Client(ip_network("2001:db8::/64"))


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, at_socket=True) as server:
        yield server


@contextlib.asynccontextmanager
async def replicas(redis: Server, folder: Path, rate: Rate, count: int = 2) -> AsyncIterator[list[RedisRates]]:
    connections = [RedisConnection(redis.url) for _ in range(count)]
    each = [
        RedisRates(connection, rate, SqliteRates(folder / f"rates{number}.sqlite3", rate))
        for number, connection in enumerate(connections)
    ]
    try:
        yield each
    finally:
        for rates, connection in zip(each, connections, strict=True):
            await rates.close()
            await connection.close()


async def may(
    rates: Rates, client: Client = ANN, kid: str | None = None, after: float = 0, image_proxy: bool = False
) -> tuple[int, str]:
    """How long they have to wait by which policy, so many seconds after noon; `YES` where they may start."""
    try:
        await rates.charge(client, kid, NOON + timedelta(seconds=after), image_proxy=image_proxy)
    except Problem as problem:
        if problem.kind is not problems.RATE_LIMITED:
            raise
        return problem.retry_after or 0, problem_headers(problem)["ratelimit"].split('"')[1]
    return YES


async def test_a_client_may_start_so_many_whomever_it_asks(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, Rate(3, "minute")) as (one, two):
        assert [await may(rates) for rates in (one, two, one)] == [YES] * 3
        assert await may(two, after=20) == (41, "client")
        assert await may(two, BOB) == YES
        assert await may(two, after=60.001) == YES


async def test_600_at_once_over_three_replicas_start_what_is_allowed(redis: Server, tmp_path: Path) -> None:
    """600 at once over three replicas start exactly as many as allowed."""
    async with replicas(redis, tmp_path, Rate(100, "hour"), count=3) as each:
        answers = await asyncio.gather(*(may(rates) for rates in each * 200))

    assert answers.count(YES) == 100


async def test_client_and_key_pay_both_or_neither(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, Rate(2, "minute")) as (one, two):
        assert [await may(one, ANN, "k1"), await may(two, ANN, "k1")] == [YES, YES]
        assert await may(one, BOB, "k1") == (61, "kid")
        assert await may(two, ANN, "k2") == (61, "client")
        assert [await may(one, BOB, "k2"), await may(two, BOB, "k2")] == [YES, YES]


async def test_image_proxies_share_one_pot_over_all_replicas(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, Rate(1, "minute")) as (one, two):
        answers = [await may(rates, image_proxy=True) for rates in (one, two) * 6]
        assert answers == [YES] * 11 + [(61, "client")]
        assert await may(two, BOB, image_proxy=True) == YES


async def test_a_clock_set_back_by_a_year_refuses_nobody_for_a_year(redis: Server, tmp_path: Path) -> None:
    """A clock that was set back by a year refuses nobody for a year."""
    async with replicas(redis, tmp_path, Rate(1, "day")) as (one, two):
        assert await may(one, after=365 * 86400) == YES
        assert await may(two) == YES
        assert await may(one) == (86401, "client")


ASKED = st.tuples(st.sampled_from([ANN, BOB]), st.sampled_from([None, "k1", "k2"]), st.integers(0, 5), st.booleans())


@given(asked=st.lists(ASKED, max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
async def test_redis_decides_as_the_file_does(
    redis: Server, tmp_path: Path, asked: list[tuple[Client, str, int, bool]]
) -> None:
    redis.client.flushall()
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    alone, after = SqliteRates(folder / "alone.sqlite3", Rate(2, "second")), 0.0
    async with replicas(redis, folder, Rate(2, "second"), count=1) as (shared,):
        for client, kid, pause, image_proxy in asked:
            after += pause / 10
            decided = await may(alone, client, kid, after, image_proxy)
            assert await may(shared, client, kid, after, image_proxy) == decided
    await alone.close()


async def test_while_redis_is_down_each_replica_decides_alone(redis: Server, tmp_path: Path) -> None:
    """While Redis is down each replica decides alone and soon after it is both together."""
    async with replicas(redis, tmp_path, Rate(1, "day")) as (one, two):
        redis.kill()
        assert [await may(one), await may(two)] == [YES, YES]
        assert [await may(one), await may(two)] == [(86401, "client")] * 2
        redis.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            for rates in (one, two):
                while not redis.client.zcard(f"promptcdn:started:client {BOB}"):
                    await may(rates, BOB)
                    await asyncio.sleep(0)  # a refusal that is remembered waits for nothing
                redis.client.flushall()
        assert [await may(one), await may(two)] == [YES, (86401, "client")]


async def test_what_is_over_leaves_nothing_behind_in_redis(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, Rate(1, "second")) as (one, _):
        await may(one, ANN, "k1")

    assert {name for name in redis.client.scan_iter() if redis.client.pttl(name) < 0} == set()


async def test_a_start_that_was_sent_twice_is_counted_once(redis: Server, tmp_path: Path) -> None:
    """The connection may send it twice: it is not refused either."""
    async with replicas(redis, tmp_path, Rate(1, "hour"), count=1) as (one,):
        send_twice(one._connection)
        assert await may(one) == YES
        assert (await may(one))[0] > 0
