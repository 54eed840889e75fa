"""Leases on a real Redis: one at a time over all who share it, and nobody stuck behind somebody dead."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import RedisConnection
from promptcdn.replicas.leases import _TAKE, ENDS, NoLeases, RedisLeases
from tests.support.redis_servers import Server
from tests.support.waiting import eventually

LEASE = "promptcdn:lease:a"
PATIENCE = 30.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


class Replica:
    """Leases over a link of their own."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.connection = RedisConnection(server.url)
        self.leases = RedisLeases(self.connection, seconds)

    async def close(self) -> None:
        await self.leases.close()
        await self.connection.close()


def replicas(
    server: Server, work: Callable[[list[Replica]], Awaitable[None]], count: int = 2, seconds: float = 15.0
) -> None:
    async def lived() -> None:
        them = [Replica(server, seconds) for _ in range(count)]
        try:
            async with asyncio.timeout(PATIENCE):
                await work(them)
        finally:
            for each in them:
                await each.close()

    asyncio.run(lived())


def subscribed(server: Server) -> int:
    return int(server.client.pubsub_numsub(ENDS)[0][1])


async def heard(server: Server) -> None:
    """Until somebody who waits hears of ends."""
    await eventually(lambda: bool(subscribed(server)))


async def hold(replica: Replica) -> None:
    async with replica.leases.held("a"):
        pass


def test_a_key_is_worked_on_by_one_at_a_time_over_all_replicas(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        at_once, most = 0, 0

        async def use(replica: Replica) -> None:
            nonlocal at_once, most
            async with replica.leases.held("a"):
                at_once += 1
                most = max(most, at_once)
                await asyncio.sleep(0.01)
                at_once -= 1

        await asyncio.gather(*(use(replica) for replica in them for _ in range(5)))
        assert most == 1

    replicas(server, work, count=4)


def test_keys_are_worked_on_side_by_side(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"), them[1].leases.held("b"), them[1].leases.held("c"):
            assert sorted(server.client.keys()) == [LEASE, "promptcdn:lease:b", "promptcdn:lease:c"]

    replicas(server, work)


def test_who_waits_hears_of_the_end(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who only tried again would come too late.
    monkeypatch.setattr("promptcdn.replicas.leases._TRIES_APART", 2 * PATIENCE)

    async def work(them: list[Replica]) -> None:
        one, other = them
        async with one.leases.held("a"):
            task = asyncio.create_task(hold(other))
            await heard(server)
            assert not task.done()
        await task

    replicas(server, work)


def test_a_lease_that_nobody_ends_ends_by_itself(server: Server) -> None:
    server.client.set(LEASE, "one that was killed", px=500)

    replicas(server, lambda them: hold(them[0]))


def test_a_lease_is_renewed_for_as_long_as_the_work_goes_on(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await asyncio.sleep(1.2)  # four times as long as a lease that is not renewed
            assert not waiting.done()
        await waiting

    replicas(server, work, seconds=0.3)


def test_a_lease_that_was_lost_is_neither_renewed_nor_ended_by_who_lost_it(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"):
            server.client.set(LEASE, "another's", px=60_000)
            await asyncio.sleep(0.3)  # long enough to be renewed three times
        assert server.client.get(LEASE) == "another's"
        assert server.client.pttl(LEASE) > 50_000

    replicas(server, work, seconds=0.3)


def test_work_that_fails_or_is_cancelled_ends_its_lease(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        with pytest.raises(ZeroDivisionError):
            async with them[0].leases.held("a"):
                raise ZeroDivisionError
        async with asyncio.timeout(0.1):
            async with them[0].leases.held("a"):
                assert server.client.exists(LEASE)
                await asyncio.sleep(PATIENCE)

    with pytest.raises(TimeoutError):
        replicas(server, work)
    assert not server.client.exists(LEASE)


def test_who_is_told_twice_that_the_lease_is_theirs_does_not_wait_for_themselves(server: Server) -> None:
    """The answer to a command may be lost, and the link sends it again."""
    mine, again, yours = (server.client.eval(_TAKE, 1, LEASE, token, "15000", "1") for token in ("m", "m", "y"))

    assert (mine, again) == (0, 0)
    assert 14_000 < yours <= 15_000


def test_a_lease_that_redis_forgot_is_its_holders_again_and_nobody_takes_it_meanwhile(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptcdn.replicas.leases._TRIES_APART", 0.05)

    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await heard(server)
            holder = server.client.get(LEASE)
            server.client.flushall()
            await eventually(lambda: server.client.get(LEASE) is not None)
            assert server.client.get(LEASE) == holder
            assert not waiting.done()
        await waiting

    replicas(server, work, seconds=3.0)


def test_a_lease_that_redis_forgot_and_its_holder_too_is_free_at_its_time(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        server.client.set(LEASE, "one that is gone", px=1_000)
        waiting = asyncio.create_task(hold(them[0]))
        await heard(server)
        server.client.delete(LEASE)
        await waiting

    replicas(server, work)


def test_those_who_wait_are_told_of_an_end_though_redis_forgot_the_lease(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("promptcdn.replicas.leases._TRIES_APART", 2 * PATIENCE)

    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await heard(server)
            server.client.flushall()
        await waiting

    replicas(server, work)


def test_a_lease_that_could_not_be_ended_is_ended_when_redis_goes_on(server: Server) -> None:
    async def work(them: list[Replica]) -> None:
        await hold(them[1])  # connects
        async with them[0].leases.held("a"):
            server.hang()
        await hold(them[1])  # asked for while Redis hangs, and given when it goes on
        server.go_on()
        await eventually(lambda: not them[0].connection.down and not them[1].connection.down)
        await eventually(lambda: not server.client.exists(LEASE))

    replicas(server, work, seconds=600.0)


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
def test_without_redis_everybody_works_on_alone(server: Server, fault: Callable[[Server], None]) -> None:
    async def work(them: list[Replica]) -> None:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await heard(server)
            fault(server)
            await waiting
        await asyncio.gather(*(hold(replica) for replica in them for _ in range(20)))

    replicas(server, work)


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
def test_where_the_budget_needs_redis_nobody_works_without_it(server: Server, fault: Callable[[Server], None]) -> None:
    """Somebody who went on alone would pay when the budget answers again, beside the holder of the lease."""

    async def work(them: list[Replica]) -> None:
        careful = RedisLeases(them[1].connection, alone=False)
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(_held(careful))
            await heard(server)
            fault(server)
            with pytest.raises(CounterUnavailable, match="another replica may be making this picture"):
                await waiting
        await careful.close()

    async def _held(leases: RedisLeases) -> None:
        async with leases.held("a"):
            raise AssertionError("worked on without a lease")

    replicas(server, work)


def test_leases_are_taken_again_when_redis_is_back_and_ends_are_heard_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(them: list[Replica]) -> None:
        one, other = them
        server.client.set(LEASE, "one that is gone", px=600_000)
        waiting = asyncio.create_task(hold(other))
        await heard(server)
        server.kill()
        await waiting
        server.start()
        await eventually(lambda: not one.connection.down and not other.connection.down)
        await heard(server)
        monkeypatch.setattr("promptcdn.replicas.leases._TRIES_APART", 2 * PATIENCE)
        async with one.leases.held("a"):
            assert server.client.exists(LEASE)
            waiting = asyncio.create_task(hold(other))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        await waiting

    replicas(server, work)


def test_who_is_alone_waits_for_nobody() -> None:
    async def work() -> None:
        leases = NoLeases()
        async with leases.held("a"), leases.held("a"):
            await leases.close()

    asyncio.run(work())
