"""A process whose event loop is held up takes its own lateness for nobody's silence: not for that of Redis, not for
that of the store. Nothing is paid for twice, nobody is refused, no breaker opens."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from promptcdn.faces.app import create_app
from promptcdn.replicas.connection import RedisConnection
from promptcdn.settings import load
from promptcdn.wiring import Service, opened
from tests.faults.stage import SMALL, paid
from tests.replicas.conftest import COUNT
from tests.support.buckets import BUCKET
from tests.support.buckets import Service as Bucket
from tests.support.redis_servers import Server
from tests.support.waiting import eventually, hold_up_the_loop
from tests.upstream import Upstream

pytestmark = pytest.mark.anyio

URL = "/?prompt=held+up&seed=1"
# Each takes a second.
STALLS = 6


@pytest.fixture
async def redis(tmp_path: Path) -> AsyncIterator[Server]:
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    with Upstream() as running:
        yield running


@contextlib.asynccontextmanager
async def services(
    redis: Server, upstream: Upstream, bucket: Bucket, folder: Path, monkeypatch: pytest.MonkeyPatch, budget: str
) -> AsyncIterator[list[Service]]:
    """Replicas that run on the loop of the test."""
    monkeypatch.chdir(folder)
    store = {"PROMPTCDN_STORE": f"s3://{BUCKET}/{folder.name}", **bucket.environment}
    shared = {"STABILITY_HOST": upstream.url, "PROMPTCDN_REDIS_URL": redis.url, **store}
    each = []
    for number in range(COUNT):
        own = {"PROMPTCDN_DATA_DIR": str(folder / str(number)), "PROMPTCDN_BUDGET": budget}
        for name, value in {**SMALL, **shared, **own}.items():
            monkeypatch.setenv(name, value)
        each.append(opened(load()))
    async with contextlib.AsyncExitStack() as stack:
        for service in each:
            stack.push_async_callback(service.close)
            await service.start()
        yield each


def stall_at_each_script(service: Service, stalls: list[str]) -> None:
    """From now on the loop is held up as soon as a script was sent to Redis, until that happened often enough."""
    connection = service.connection
    assert connection is not None
    send = connection.script

    async def sent(text: str, keys: Sequence[str], *args: str | int) -> Any:
        if len(stalls) < STALLS:
            stalls.append(text)
            asyncio.get_running_loop().call_soon(hold_up_the_loop)
        return await send(text, keys, *args)

    connection.script = sent  # type: ignore[method-assign]


async def asked(service: Service) -> httpx2.Response:
    transport = httpx2.ASGITransport(create_app(service))
    async with httpx2.AsyncClient(transport=transport, base_url="http://promptcdn") as client:
        return await client.get(URL)


@pytest.mark.parametrize("budget", ["unlimited", "9/day"])
async def test_stalled_replicas_pay_once_and_refuse_nobody(
    redis: Server,
    upstream: Upstream,
    bucket: Bucket,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    budget: str,
) -> None:
    """Redis and the store are well while the loop of three replicas is held up again and again for a second."""
    stalls: list[str] = []
    with caplog.at_level(logging.WARNING):
        async with services(redis, upstream, bucket, tmp_path, monkeypatch, budget) as each:
            for service in each:
                stall_at_each_script(service, stalls)
            answers = await asyncio.gather(*(asked(service) for service in each for _ in range(10)))
            assert not any(service.connection and service.connection.down for service in each)
            assert not any(generator.refuses for service in each for generator in service.generators.values())

    assert len(stalls) == STALLS
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert list(paid(upstream).values()) == [1]
    assert [record.getMessage() for record in caplog.records if "does not answer" in record.getMessage()] == []


async def test_what_redis_answered_during_a_stall_is_read(redis: Server, caplog: pytest.LogCaptureFixture) -> None:
    connection = RedisConnection(redis.url)
    await connection.call(lambda client: client.ping())
    # Redis answers after a fifth of a second that there is nothing.
    asked = asyncio.create_task(connection.call(lambda client: client.blpop(["nothing"], 0.2)))
    await asyncio.sleep(0.01)
    hold_up_the_loop()
    assert await asked is None
    assert not connection.down
    assert caplog.records == []
    await connection.close()


async def test_a_crowd_that_connects_during_a_stall_is_answered(redis: Server) -> None:
    """Connections are opened and greeted in many steps, each of which a busy loop is late for."""
    connection = RedisConnection(redis.url)
    loop = asyncio.get_running_loop()
    for moment in range(4):
        loop.call_later(moment / 100, hold_up_the_loop)
    crowd = asyncio.gather(*(connection.call(lambda client: client.ping()) for _ in range(300)))
    assert await crowd == [True] * 300
    await connection.close()


async def test_a_message_that_came_during_a_stall_is_received(redis: Server) -> None:
    connection, received = RedisConnection(redis.url), list[str]()
    subscription = asyncio.create_task(connection.subscribe("news", received.append))
    await eventually(lambda: bool(redis.client.pubsub_numsub("news")[0][1]))
    redis.client.publish("news", "one")
    hold_up_the_loop()
    redis.client.publish("news", "two")
    await eventually(lambda: received == ["one", "two"])
    subscription.cancel()
    await asyncio.gather(subscription, return_exceptions=True)
    await connection.close()
