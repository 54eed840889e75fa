"""Where orders lie: the same in memory and in Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from promptcdn.generators.worker.boards import Board, MemoryBoard, RedisBoard
from promptcdn.replicas.connection import RedisConnection
from tests.support.redis_servers import Server, send_twice

pytestmark = pytest.mark.anyio
KINDS = ["memory", "redis", "redis that is sent all twice"]


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis"), at_socket=True) as server:
        yield server


@pytest.fixture(params=KINDS)
async def board(request: pytest.FixtureRequest, redis: Server) -> AsyncIterator[Board]:
    async with opened(request.param, redis) as opened_board:
        yield opened_board


@contextlib.asynccontextmanager
async def opened(kind: str, redis: Server) -> AsyncIterator[Board]:
    redis.client.flushall()
    if kind == "memory":
        yield MemoryBoard()
        return
    connection = RedisConnection(redis.url)
    if kind != "redis":
        send_twice(connection)
    board = RedisBoard(connection)
    yield board
    await board.close()
    await connection.close()


async def test_a_row_is_written_changed_and_taken_away(board: Board) -> None:
    assert await board.swap("jobs", "a", "", "one")
    assert await board.swap("jobs", "a", "one", "two")
    assert await board.row("jobs", "a") == "two"
    assert await board.rows("jobs") == {"a": "two"}
    assert await board.swap("jobs", "a", "two", "")
    assert await board.rows("jobs") == {}
    assert await board.row("jobs", "a") == ""


async def test_who_was_slower_changes_nothing(board: Board) -> None:
    await board.swap("jobs", "a", "", "one")

    assert not await board.swap("jobs", "a", "", "two")
    assert not await board.swap("jobs", "a", "another", "")
    assert await board.row("jobs", "a") == "one"


async def test_tables_are_apart(board: Board) -> None:
    await board.swap("jobs", "a", "", "one")

    assert await board.rows("workers") == {}


async def test_a_change_wakes_those_who_wait(board: Board) -> None:
    waiting = asyncio.create_task(board.changed(60))
    number = 0
    while not waiting.done():  # in Redis a subscription takes its time
        await board.swap("jobs", "a", str(number or ""), str(number := number + 1), wake=True)
        await asyncio.wait({waiting}, timeout=0.05)


async def test_waiting_for_a_change_ends(board: Board) -> None:
    await board.changed(0.01)


async def test_starts_in_a_file_outlive_the_process(tmp_path: Path) -> None:
    """And nothing else does. What cannot be written down is not started."""
    file = tmp_path / "data" / "worker-starts"
    board = MemoryBoard(file)
    assert await board.row("starts", "times") == ""
    assert await board.swap("starts", "times", "", "1.0")
    await board.swap("jobs", "a", "", "one")

    after = MemoryBoard(file)
    assert await after.rows("starts") == {"times": "1.0"}
    assert not await after.swap("starts", "times", "", "2.0")
    assert await after.rows("jobs") == {}
    with pytest.raises(OSError, match="exists"):
        await MemoryBoard(Path("/proc/version/starts")).swap("starts", "times", "", "1.0")


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "\x00"])
async def test_a_file_of_starts_that_is_broken_is_begun_anew(tmp_path: Path, text: str) -> None:
    file = tmp_path / "worker-starts"
    file.write_text(text)

    assert await MemoryBoard(file).swap("starts", "times", "", "1.0")
    assert await MemoryBoard(file).row("starts", "times") == "1.0"


async def test_what_is_in_redis_outlives_a_replica(redis: Server) -> None:
    async with opened("redis", redis) as board:
        await board.swap("jobs", "a", "", "one")
        connection = RedisConnection(redis.url)
        other = RedisBoard(connection)

        assert await other.rows("jobs") == {"a": "one"}
        await other.close()
        await connection.close()
