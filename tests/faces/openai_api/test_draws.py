"""What requests without a seed have drawn is remembered, in memory and by replicas that share a Redis."""

from pathlib import Path

import pytest

from promptcdn.faces.openai_api.draws import Draw, Draws, Names, Timings
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server

pytestmark = pytest.mark.anyio

BODY = {"prompt": "canary", "n": 2}
FIRST = Names.of("team", BODY, None, "0")
AGAIN = Names.of("team", BODY, None, "1")
KEYED = Names.of("team", BODY, "order-1", "0")


async def drawn(draws: Draws, names: Names, *seeds: int) -> Draw:
    """The draw of a request that would draw these seeds."""

    async def draw() -> tuple[int, ...]:
        return seeds

    return await draws.of(names, draw)


@pytest.mark.parametrize(
    "other",
    [
        Names.of("others", BODY, "order-1", None),
        Names.of("team", {**BODY, "n": 3}, "order-1", None),
        Names.of("team", BODY, "order-2", None),
    ],
)
async def test_a_draw_is_of_one_key_with_one_body(other: Names) -> None:
    draws = Draws(None)

    assert (await drawn(draws, KEYED, 1, 2)).seeds == (1, 2)
    assert (await drawn(draws, KEYED, 3, 4)).seeds == (1, 2)
    assert (await drawn(draws, other, 5, 6)).seeds == (5, 6)


async def test_only_a_request_that_is_sent_again_gets_the_last_draw() -> None:
    draws = Draws(None)
    for seeds in ((1, 2), (3, 4)):
        assert (await drawn(draws, FIRST, *seeds)).seeds == seeds

    assert (await drawn(draws, AGAIN, 5, 6)).seeds == (3, 4)


async def test_a_draw_under_a_body_alone_is_forgotten_sooner() -> None:
    draws = Draws(None, Timings(again=0.0))

    for names, seeds in ((FIRST, (1, 2)), (AGAIN, (3, 4)), (KEYED, (5, 6))):
        assert (await drawn(draws, names, *seeds)).seeds == seeds
    assert (await drawn(draws, KEYED, 7, 8)).seeds == (5, 6)


async def test_what_nobody_got_is_the_next_equal_requests() -> None:
    draws = Draws(None)
    left, failed = await drawn(draws, FIRST, 1), await drawn(draws, FIRST, 2)
    for draw in (left, failed, left, failed):
        draw.reopen()

    assert [(await drawn(draws, each, 3)).seeds for each in (FIRST, AGAIN, FIRST)] == [(2,), (1,), (3,)]


async def test_a_draw_is_forgotten_in_the_end() -> None:
    draws = Draws(None, Timings(draw=0.0))
    await drawn(draws, KEYED, 1, 2)

    assert (await drawn(draws, KEYED, 3, 4)).seeds == (3, 4)


async def test_replicas_share_draws_and_go_on_without_redis(tmp_path: Path) -> None:
    with Server(tmp_path) as redis:
        connections = [RedisConnection(redis.url) for _ in range(2)]
        here, there = map(Draws, connections)

        assert (await drawn(here, KEYED, 1, 2)).seeds == (1, 2)
        assert (await drawn(there, KEYED, 3, 4)).seeds == (1, 2)
        await drawn(here, FIRST, 5, 6)
        await drawn(there, FIRST, 7, 8)
        assert (await drawn(here, AGAIN, 9, 9)).seeds == (7, 8)
        assert "canary" not in str([*redis.client.keys()])
        assert all(0 < redis.client.ttl(key) <= Timings().draw for key in redis.client.scan_iter())

        redis.kill()
        assert (await drawn(here, KEYED, 3, 4)).seeds == (1, 2)
        assert (await drawn(here, Names.of("team", BODY, "order-3", None), 9)).seeds == (9,)
        for connection in connections:
            await connection.close()
