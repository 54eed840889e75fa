"""Workers that wait for orders by the hundred: they look together, and each order is one worker's."""

import asyncio
from collections import Counter
from collections.abc import Mapping

import pytest

from promptcdn import problems
from promptcdn.generators.worker import jobs
from promptcdn.generators.worker.boards import MemoryBoard, Table
from promptcdn.generators.worker.jobs import TIMINGS, Can, Job
from promptcdn.generators.worker.ledger import Ledger
from promptcdn.generators.worker.workers import Caller, Limits, Workers
from promptcdn.problems import Problem
from tests.support.fakes import ManualClock, order
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio
CAN = Can(frozenset({"e"}))


class CountingBoard(MemoryBoard):
    """Counts how often all of a table was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = Counter[Table]()

    async def rows(self, table: Table) -> Mapping[str, str]:
        self.reads[table] += 1
        await asyncio.sleep(0)  # as where Redis is asked
        return await super().rows(table)

    async def swap(self, table: Table, name: str, old: str, new: str, *, wake: bool = False) -> bool:
        await asyncio.sleep(0)
        return await super().swap(table, name, old, new, wake=wake)


class Floor:
    """Workers, and the board on which their orders lie."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.board, self.hands = CountingBoard(), ManualClock()
        self.ledger = Ledger(self.board, clock=self.hands.clock)
        self.workers = Workers(self.ledger, limits=limits or Limits())

    async def place(self, *seeds: int) -> None:
        now = self.hands.clock.unix()
        for seed in seeds:
            job = Job(order(seed=seed), placed=now, asked=now)
            await self.board.swap("jobs", job.order.content_key, "", jobs.written(job), wake=True)


async def test_workers_that_wait_look_together() -> None:
    floor = Floor()
    waiting = [asyncio.create_task(floor.workers.next(Caller("gpu", str(n)), CAN, 60)) for n in range(200)]
    await eventually(lambda: len(floor.board._tables["workers"]) == 200)
    await floor.place(1)
    await eventually(lambda: any(each.done() for each in waiting))

    assert floor.board.reads["jobs"] < 10
    floor.workers.stop()
    await floor.place(2)
    await asyncio.gather(*waiting)


async def test_workers_that_come_together_get_an_order_each() -> None:
    """Without a try for an order that another of them is being handed, after which each would look again."""
    floor = Floor()
    await floor.place(*range(50))
    handed = await asyncio.gather(*(floor.workers.next(Caller("gpu", str(n)), CAN, 60) for n in range(50)))

    assert len({each.job.order.content_key for each in handed if each}) == 50
    assert floor.board.reads["jobs"] < 5


async def test_an_order_that_was_read_once_is_not_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a thousand orders that wait, each look would read all."""
    floor, read = Floor(), Counter[str]()
    await floor.place(*range(20))
    real = jobs.read
    monkeypatch.setattr(jobs, "read", lambda text: read.update([text]) or real(text))
    for _ in range(3):
        assert len((await floor.ledger.look()).jobs) == 20

    assert set(read.values()) == {1}


async def test_a_look_begins_after_it_was_asked_for() -> None:
    """Or whoever asks while another look is under way would miss the order that was placed before."""
    floor = Floor()
    first = asyncio.create_task(floor.ledger.look())
    await eventually(lambda: floor.board.reads["jobs"] == 1)
    await floor.place(1)

    assert len((await floor.ledger.look()).jobs) == 1
    await first


async def test_more_workers_than_may_wait_are_told_to_come_later() -> None:
    floor = Floor(Limits(waiting=2))
    waiting = [asyncio.create_task(floor.workers.next(Caller("gpu", str(n)), CAN, 60)) for n in range(2)]
    await eventually(lambda: len(floor.board._tables["workers"]) == 2)

    with pytest.raises(Problem) as refused:
        await floor.workers.next(Caller("gpu", "3"), CAN, 60)
    assert (refused.value.kind, refused.value.retry_after) == (problems.OVERLOADED, 30)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])
    assert await floor.workers.next(Caller("gpu", "3"), CAN, 0) is None
    waiting[1].cancel()


async def test_a_worker_that_draws_for_minutes_is_there() -> None:
    """It calls for no order meanwhile; another one would be started beside it."""
    floor = Floor()
    await floor.place(1)
    handed = await floor.workers.next(Caller("gpu", "box:1"), CAN, 0)
    assert handed is not None
    for _ in range(10):
        floor.hands.seconds += TIMINGS.lease / 2
        assert await floor.workers.renew(handed.id, Caller("gpu")) == "current"

    assert (await floor.workers.load()).workers == 1


async def test_of_two_looks_at_one_order_one_hands_it_out() -> None:
    floor = Floor()
    other = Workers(Ledger(floor.board, clock=floor.hands.clock))
    await floor.place(1)
    both = await asyncio.gather(*(each.next(Caller("gpu"), CAN, 0) for each in (floor.workers, other)))

    assert sorted(each is None for each in both) == [False, True]
