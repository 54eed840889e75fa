"""Which pictures are on cooldown, here and at the replicas that share a Redis."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.making.cooldown import Timings
from promptcdn.making.cooldowns import Cooldowns
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server

pytestmark = pytest.mark.anyio

# Each replica's clock began when it did.
HERE, THERE = 1000.0, 5.0
TIMINGS = Timings(first=20)
GARBLED = UpstreamFailed(problems.UPSTREAM_GARBLED, "no picture", charged=True)
TIMEOUT = UpstreamFailed(problems.UPSTREAM_TIMEOUT, "slow", charged=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
async def here(server: Server) -> AsyncIterator[Cooldowns]:
    connection = RedisConnection(server.url)
    yield Cooldowns(connection, TIMINGS)
    await connection.close()


@pytest.fixture
async def there(server: Server) -> AsyncIterator[Cooldowns]:
    connection = RedisConnection(server.url)
    yield Cooldowns(connection, TIMINGS)
    await connection.close()


async def test_the_other_replica_has_a_cooldown_on_its_own_clock(here: Cooldowns, there: Cooldowns) -> None:
    await here.begin("a", GARBLED, HERE)
    received = await there.of("a", THERE)
    assert received is not None
    assert (received.cause, received.detail, received.length) == (GARBLED.kind, GARBLED.detail, 20)
    assert THERE + 10 < received.until <= THERE + 20
    assert await there.of("b", THERE) is None
    assert (here.count(HERE), there.count(THERE)) == (1, 1)


async def test_a_cooldown_that_is_over_is_kept(server: Server, here: Cooldowns, there: Cooldowns) -> None:
    """So that the next one of that key is longer."""
    await here.begin("a", GARBLED, HERE)
    received = await there.of("a", THERE)
    server.client.flushall()
    assert await there.of("a", THERE + 60) == received
    assert there.count(THERE + 60) == 0


async def test_the_cooldown_that_began_later_counts(here: Cooldowns, there: Cooldowns) -> None:
    await here.begin("a", GARBLED, HERE)
    await there.begin("a", TIMEOUT, THERE)
    received = await here.of("a", HERE + 30)
    assert received is not None
    assert (received.cause, received.length) == (problems.UPSTREAM_TIMEOUT, 40)


async def test_redis_forgets_a_cooldown_an_hour_after_it_is_over(server: Server, here: Cooldowns) -> None:
    await here.begin("a", GARBLED, HERE)
    assert 3_610_000 < server.client.pttl("promptcdn:rest:a") <= 3_620_000


async def test_cooldowns_double_over_replicas_that_try_in_turn(here: Cooldowns, there: Cooldowns) -> None:
    lengths, now = [], 0.0
    for number in range(6):
        cooldowns = (here, there)[number % 2]
        await cooldowns.begin("a", TIMEOUT, now)
        cooldown = await cooldowns.of("a", now)
        assert cooldown is not None
        lengths.append(cooldown.length)
        now += cooldown.length
    assert lengths == [20, 40, 80, 160, 320, 640]


async def test_what_waits_at_another_replica_ends_when_that_says_so(here: Cooldowns, there: Cooldowns) -> None:
    await here.paid_here("a", HERE)
    received = await there.of("a", THERE)
    assert received is not None
    assert received.left(THERE) > 500
    await here.forget("a")
    assert await there.of("a", THERE) is None


async def test_an_older_replicas_cooldown_is_read(server: Server, here: Cooldowns) -> None:
    value = b'{"cause": "store_unknown", "detail": "the picture is paid for", "length": 5.0}'
    server.client.set("promptcdn:rest:a", b"99999999999999 " + value)
    received = await here.of("a", HERE)
    assert received is not None
    assert received.cause is problems.STORE_UNAVAILABLE


async def test_without_redis_each_replica_has_its_own(server: Server, here: Cooldowns, there: Cooldowns) -> None:
    server.kill()
    await here.begin("a", GARBLED, HERE)
    own = await here.of("a", HERE)
    assert own is not None
    assert own.cause is GARBLED.kind
    assert await there.of("a", THERE) is None


async def test_a_key_whose_picture_is_stored_has_no_cooldown() -> None:
    cooldowns = Cooldowns()
    await cooldowns.begin("a", GARBLED, HERE)
    await cooldowns.forget("a")
    assert await cooldowns.of("a", HERE) is None
