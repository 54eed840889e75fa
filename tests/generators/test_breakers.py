"""One breaker for all replicas that share a Redis, each on a clock of its own."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.generators.care.breaker import BreakerState
from promptcdn.generators.care.breakers import RedisBreaker
from promptcdn.problems import UpstreamFailed
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server, send_twice
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

# Each replica's clock began when it did.
HERE, THERE = 1000.0, 5.0
PATIENCE = 25.0

Pair = tuple[RedisBreaker, RedisBreaker]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


@pytest.fixture
async def pair(server: Server) -> AsyncIterator[Pair]:
    """The breakers of two replicas."""
    here, there = RedisConnection(server.url), RedisConnection(server.url)
    yield RedisBreaker(here, "painter"), RedisBreaker(there, "painter")
    await here.close()
    await there.close()


async def test_each_generator_has_a_breaker_of_its_own(server: Server, pair: Pair) -> None:
    """What a version with one generator left under its own name is not read: it says of no generator that it fails."""
    here, there = pair
    await opened(here, there)
    server.client.set("promptcdn:breaker", server.client.get("promptcdn:breaker:painter"))
    connection = RedisConnection(server.url)
    try:
        assert (await admit(RedisBreaker(connection, "another"), HERE)).closed
        with pytest.raises(UpstreamFailed):
            await admit(RedisBreaker(connection, "painter"), HERE)
    finally:
        await connection.close()


async def fail(breaker: RedisBreaker, now: float, *, probe: bool = False) -> None:
    await breaker.change(lambda state: state.after(problems.UPSTREAM_UNREACHABLE, now, probe=probe), now)


async def admit(breaker: RedisBreaker, now: float) -> BreakerState:
    _, after = await breaker.change(lambda state: state.admit(now, PATIENCE), now)
    return after


def let_pass(server: Server, seconds: float) -> None:
    """As if what all replicas know were so much older."""
    value = json.loads(server.client.get("promptcdn:breaker:painter"))
    value["until"] -= seconds
    server.client.set("promptcdn:breaker:painter", json.dumps(value))


async def opened(here: RedisBreaker, there: RedisBreaker) -> None:
    for number in range(5):
        await (fail(there, THERE) if number % 2 else fail(here, HERE))


async def test_failures_count_together_and_open_it_everywhere(pair: Pair) -> None:
    here, there = pair
    await opened(here, there)

    for breaker, now in ((here, HERE), (there, THERE)):
        with pytest.raises(UpstreamFailed) as caught:
            await admit(breaker, now)
        assert not caught.value.charged
    assert there.state.left(THERE) == pytest.approx(here.state.left(HERE), abs=1), "for the same time"
    assert here.state.left(HERE) > 1


async def test_failures_at_the_same_moment_all_count(pair: Pair) -> None:
    here, there = pair
    await asyncio.gather(*(fail(here, HERE) for _ in range(2)), *(fail(there, THERE) for _ in range(2)))

    _, after = await here.change(lambda state: state, HERE)

    assert after.failures == 4


async def test_one_replica_probes_and_its_success_closes_it_for_all(server: Server, pair: Pair) -> None:
    here, there = pair
    await opened(here, there)
    let_pass(server, here.state.pause + 1)
    await admit(here, HERE)
    with pytest.raises(UpstreamFailed):
        await admit(there, THERE)

    await here.change(lambda state: state.after(None, HERE, probe=True), HERE)

    assert (await admit(there, THERE)).closed


async def test_without_redis_each_replica_goes_on_from_what_it_knew(server: Server, pair: Pair) -> None:
    """And writes it to Redis when that is back."""
    here, there = pair
    await fail(there, THERE)
    server.kill()
    for _ in range(5):
        await fail(here, HERE)
    assert not here.state.closed
    assert (there.state.failures, there.state.closed) == (1, True)

    server.start()
    await eventually(lambda: not here._connection.down)

    with pytest.raises(UpstreamFailed):
        await admit(here, HERE)


async def test_a_redis_that_forgot_gets_the_state_again(server: Server, pair: Pair) -> None:
    """By the first replica that learns something."""
    here, there = pair
    await opened(here, there)
    server.client.flushall()
    over = here.state.pause + 1
    await admit(here, HERE + over)

    await fail(here, HERE + over, probe=True)

    with pytest.raises(UpstreamFailed):
        await admit(there, THERE + over)
    assert there.state.failures == 6


async def test_while_all_is_well_nothing_is_written(server: Server, pair: Pair) -> None:
    here, _ = pair
    await admit(here, HERE)
    await here.change(lambda state: state.after(None, HERE, probe=False), HERE)

    assert server.client.keys("*") == []


async def test_a_swap_that_was_sent_twice_is_not_another_replicas(server: Server, pair: Pair) -> None:
    here, there = pair
    await opened(here, there)
    let_pass(server, 60)
    send_twice(here._connection)

    assert (await admit(here, HERE)).probing_until > HERE


@pytest.mark.parametrize(
    "text", ["junk", "[]", "{}", '{"cause": "unheard_of"}'], ids=["no JSON", "list", "empty", "no fields"]
)
async def test_what_cannot_be_read_is_as_good_as_forgotten(server: Server, pair: Pair, text: str) -> None:
    here, there = pair
    server.client.set("promptcdn:breaker:painter", text)
    assert (await admit(here, HERE)).closed

    await opened(here, there)

    with pytest.raises(UpstreamFailed):
        await admit(there, THERE)


async def test_fields_of_another_version_are_ignored(server: Server, pair: Pair) -> None:
    here, there = pair
    await opened(here, there)
    value = json.loads(server.client.get("promptcdn:breaker:painter"))
    server.client.set("promptcdn:breaker:painter", json.dumps(value | {"mood": "bad"}))

    with pytest.raises(UpstreamFailed):
        await admit(there, THERE)
