"""Leases on a real Redis: one at a time over all who share it, and nobody stuck behind somebody dead."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from promptcdn.problems import CounterUnavailable
from promptcdn.replicas.connection import RedisConnection
from promptcdn.replicas.leases import ENDS, TAKE, NoLeases, RedisLeases, Timings
from tests.support.redis_servers import Server
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

LEASE = "promptcdn:lease:a"
PATIENCE = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as running:
        yield running


class Replica:
    """Leases over a connection of their own."""

    def __init__(self, server: Server, timings: Timings | None) -> None:
        self.connection = RedisConnection(server.url)
        self.leases = RedisLeases(self.connection, timings)

    async def close(self) -> None:
        await self.leases.close()
        await self.connection.close()


@contextlib.asynccontextmanager
async def replicas(server: Server, count: int = 2, timings: Timings | None = None) -> AsyncIterator[list[Replica]]:
    them = [Replica(server, timings) for _ in range(count)]
    try:
        async with asyncio.timeout(PATIENCE):
            yield them
    finally:
        for each in them:
            await each.close()


def subscribed(server: Server) -> int:
    return int(server.client.pubsub_numsub(ENDS)[0][1])


async def listening(server: Server) -> None:
    """Until somebody who waits is subscribed to ends."""
    await eventually(lambda: bool(subscribed(server)))


async def work_for_ever(replica: Replica) -> None:
    async with replica.leases.held("a"):
        await asyncio.Event().wait()


async def hold(replica: Replica) -> None:
    async with replica.leases.held("a"):
        pass


async def test_a_key_is_worked_on_by_one_at_a_time_over_all_replicas(server: Server) -> None:
    async with replicas(server, count=4) as them:
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


async def test_keys_are_worked_on_side_by_side(server: Server) -> None:
    async with (
        replicas(server) as them,
        them[0].leases.held("a"),
        them[1].leases.held("b"),
        them[1].leases.held("c"),
    ):
        assert sorted(server.client.keys()) == [LEASE, "promptcdn:lease:b", "promptcdn:lease:c"]


async def test_who_waits_hears_of_the_end(server: Server) -> None:
    # Who only tried again would come too late.
    async with replicas(server, timings=Timings(between_tries=2 * PATIENCE)) as them:
        one, other = them
        async with one.leases.held("a"):
            task = asyncio.create_task(hold(other))
            await listening(server)
            assert not task.done()
        await task


async def test_a_lease_that_nobody_ends_ends_by_itself(server: Server) -> None:
    server.client.set(LEASE, "one that was killed", px=500)

    async with replicas(server) as them:
        await hold(them[0])


async def test_a_lease_is_renewed_for_as_long_as_the_work_goes_on(server: Server) -> None:
    # So long that a busy machine renews it in time.
    async with replicas(server, timings=Timings(lease=2.0)) as them:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await asyncio.sleep(3.0)  # longer than a lease that is not renewed
            assert not waiting.done()
        await waiting


async def test_a_lost_lease_is_neither_renewed_nor_ended_by_its_loser(server: Server) -> None:
    """A lease that was lost is neither renewed nor ended by who lost it."""
    async with replicas(server, timings=Timings(lease=0.3)) as them:
        async with them[0].leases.held("a"):
            server.client.set(LEASE, "another's", px=60_000)
            await asyncio.sleep(0.3)  # long enough to be renewed three times
        assert server.client.get(LEASE) == "another's"
        assert server.client.pttl(LEASE) > 50_000


async def test_work_that_fails_or_is_cancelled_ends_its_lease(server: Server) -> None:
    async with replicas(server) as them:
        with pytest.raises(ZeroDivisionError):
            async with them[0].leases.held("a"):
                raise ZeroDivisionError
        assert not server.client.exists(LEASE)
        working = asyncio.create_task(work_for_ever(them[0]))
        await eventually(lambda: bool(server.client.exists(LEASE)))
        working.cancel()
        await asyncio.wait({working})
        assert not server.client.exists(LEASE)


def test_a_lease_that_is_taken_twice_by_one_token_is_its_own(server: Server) -> None:
    """The answer to a command may be lost, and the connection sends it again."""
    mine, again, yours = (server.client.eval(TAKE, 1, LEASE, token, "15000", "1") for token in ("m", "m", "y"))

    assert (mine, again) == (0, 0)
    assert 14_000 < yours <= 15_000


async def test_a_lease_that_redis_forgot_is_its_holders_again(server: Server) -> None:
    """A lease that Redis forgot is its holder's again and nobody takes it meanwhile."""
    async with replicas(server, timings=Timings(between_tries=0.05, lease=3.0)) as them:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await listening(server)
            holder = server.client.get(LEASE)
            server.client.flushall()
            await eventually(lambda: server.client.get(LEASE) is not None)
            assert server.client.get(LEASE) == holder
            assert not waiting.done()
        await waiting


async def test_a_lease_that_redis_and_holder_forgot_ends_at_its_time(server: Server) -> None:
    """A lease that Redis forgot and its holder too is free at its time."""
    async with replicas(server) as them:
        server.client.set(LEASE, "one that is gone", px=1_000)
        waiting = asyncio.create_task(hold(them[0]))
        await listening(server)
        server.client.delete(LEASE)
        await waiting


async def test_the_end_of_a_lease_that_redis_forgot_is_published(server: Server) -> None:
    """Those who wait receive it."""
    async with replicas(server, timings=Timings(between_tries=2 * PATIENCE)) as them:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await listening(server)
            server.client.flushall()
        await waiting


async def test_a_lease_that_could_not_be_ended_is_ended_later(server: Server) -> None:
    """A lease that could not be ended is ended when Redis goes on."""
    async with replicas(server, timings=Timings(lease=600.0)) as them:
        await hold(them[1])  # connects
        async with them[0].leases.held("a"):
            server.hang()
        await hold(them[1])  # asked for while Redis hangs, and given when it goes on
        server.go_on()
        await eventually(lambda: not them[0].connection.down and not them[1].connection.down)
        await eventually(lambda: not server.client.exists(LEASE))


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
async def test_without_redis_everybody_works_on_alone(server: Server, fault: Callable[[Server], None]) -> None:
    async with replicas(server) as them:
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(hold(them[1]))
            await listening(server)
            fault(server)
            await waiting
        await asyncio.gather(*(hold(replica) for replica in them for _ in range(20)))


@pytest.mark.parametrize("fault", [Server.kill, Server.hang])
async def test_where_the_budget_needs_redis_nobody_works_without_it(
    server: Server, fault: Callable[[Server], None]
) -> None:
    """Somebody who went on alone would pay when the budget answers again, beside the holder of the lease."""
    async with replicas(server) as them:
        careful = RedisLeases(them[1].connection, alone=False)
        async with them[0].leases.held("a"):
            waiting = asyncio.create_task(work_with(careful))
            await listening(server)
            fault(server)
            with pytest.raises(CounterUnavailable, match="another replica may be making this picture"):
                await waiting
        await careful.close()


async def work_with(leases: RedisLeases) -> None:
    async with leases.held("a"):
        raise AssertionError("worked on without a lease")


async def test_when_redis_is_back_leases_are_taken_and_ends_received(server: Server) -> None:
    """Leases are taken again, and their ends received again."""
    # Who only tried again would come too late.
    async with replicas(server, timings=Timings(between_tries=2 * PATIENCE)) as them:
        one, other = them
        server.client.set(LEASE, "one that is gone", px=600_000)
        waiting = asyncio.create_task(hold(other))
        await listening(server)
        server.kill()
        waiting.cancel()
        await asyncio.wait({waiting})
        server.start()
        await eventually(lambda: not one.connection.down and not other.connection.down)
        await listening(server)
        async with one.leases.held("a"):
            assert server.client.exists(LEASE)
            waiting = asyncio.create_task(hold(other))
            await asyncio.sleep(0.1)
            assert not waiting.done()
        await waiting


async def test_who_is_alone_waits_for_nobody() -> None:
    leases = NoLeases()
    async with leases.held("a"), leases.held("a"):
        await leases.close()
