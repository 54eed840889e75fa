"""Orders for workers, and what becomes of the pictures that workers bring: early, late, twice, wrong or never."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.sources import SourcePictures
from promptcdn.generators.worker.boards import MemoryBoard
from promptcdn.generators.worker.jobs import FAILURES_MAX, TIMINGS, Can
from promptcdn.generators.worker.ledger import Ledger
from promptcdn.generators.worker.orders import LIMITS, Limits, Orders
from promptcdn.generators.worker.orders import Timings as OrderTimings
from promptcdn.generators.worker.work import Work
from promptcdn.generators.worker.workers import Caller, Workers
from promptcdn.making.deliveries import Deliveries, WorkOrder
from promptcdn.observer import NoObserver
from promptcdn.problems import Problem, StoreUnavailable
from promptcdn.readers.answers import Urgency
from promptcdn.url.order import Order
from tests.support.fakes import KEY, FakeRemovals, FakeStore, ManualClock, order, picture
from tests.support.parts import BINDING, MASTER, ORDER, VERDICT, Parts
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

PATIENT, IMPATIENT = 60.0, 0.02
CAN = Can(frozenset({"e"}))
GPU, OTHER = Caller("gpu", "box:1"), Caller("other", "box:2")


class Shop:
    """The making of pictures by orders, and its workers. `replica` is another one on the same board and shelf."""

    def __init__(
        self,
        seconds: float = PATIENT,
        board: MemoryBoard | None = None,
        shelf: FakeStore | None = None,
        hands: ManualClock | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.board, self.hands = board or MemoryBoard(), hands or ManualClock()
        ledger = Ledger(self.board, clock=self.hands.clock)
        self.orders = Orders(ledger, seconds, OrderTimings(look=0.01), limits)
        self.workers = Workers(ledger)
        self.parts = Parts(shelf=shelf, orders={"painter": self.orders})
        removals = FakeRemovals()
        self.deliveries = Deliveries(
            Work({"painter": self.orders}, self.workers),
            self.parts.making,
            self.parts.spool,
            SourcePictures(self.parts.renditions, removals),
            self.hands.clock,
        )

    async def __aenter__(self) -> "Shop":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.deliveries.close()
        await self.parts.close()

    def asked(self, wanted: Order = ORDER, urgency: Urgency = Urgency.NOW) -> "asyncio.Task[None]":
        """Somebody who waits for a picture."""
        return asyncio.create_task(self.parts.making.make(wanted, urgency=urgency))

    async def handed(self, caller: Caller = GPU) -> WorkOrder:
        """The order that a worker gets, as soon as there is one."""
        found: list[WorkOrder] = []

        async def look() -> None:
            while not found:
                if (given := await self.deliveries.next(caller, CAN, 0)) is not None:
                    found.append(given)
                await asyncio.sleep(0.01)

        async with asyncio.timeout(30):
            await look()
        return found[0]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with Shop() as opened:
        yield opened


async def problem_of(call: "asyncio.Future[None] | asyncio.Task[None]") -> Problem:
    with pytest.raises(Problem) as raised:
        await call
    return raised.value


async def refused(shop: Shop, given: WorkOrder, caller: Caller, brought: bytes) -> Problem:
    return await problem_of(asyncio.ensure_future(shop.deliveries.deliver(given.id, caller, brought)))


# Pictures that come in time


async def test_what_a_worker_brings_is_stored_bound_and_shown(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed()
    await shop.deliveries.deliver(given.id, GPU, picture())
    await reader

    assert shop.parts.shelf.written == [MASTER, BINDING]
    assert await Bindings(shop.parts.shelf).of(KEY) == ORDER
    assert (shop.parts.generator.calls, shop.parts.spooled) == (0, [])
    assert (shop.workers.pictures, shop.workers.failures) == ({"gpu": 1}, {})


async def test_a_worker_at_another_replica_serves_those_who_wait_here(shop: Shop) -> None:
    async with Shop(board=shop.board, shelf=shop.parts.shelf, hands=shop.hands) as replica:
        reader = shop.asked()
        given = await replica.handed()
        await replica.deliveries.deliver(given.id, GPU, picture())
        await reader

    assert list(shop.parts.shelf.objects) == [MASTER, BINDING]


async def test_the_filter_of_a_worker_is_a_verdict(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed()
    await shop.deliveries.deliver(given.id, GPU, b"", filtered=True)

    assert (await problem_of(reader)).kind is problems.FILTERED
    assert list(shop.parts.shelf.objects) == [VERDICT]


# Pictures that come late


async def test_an_order_outlives_its_readers_and_is_stored_and_bound() -> None:
    """No cooldown and no second count: a picture that comes after the wait is as good as any."""
    async with Shop(IMPATIENT) as shop:
        for _ in range(2):
            waited = await problem_of(shop.asked())
            assert (waited.kind, waited.retry_after) == (problems.WAITING_FOR_WORKER, 60)
        assert (shop.parts.purse.spent, shop.parts.making.on_cooldown) == (1, 0)

        given = await shop.handed()
        await shop.deliveries.deliver(given.id, GPU, picture())

        assert shop.parts.shelf.written == [MASTER, BINDING]
        assert await Bindings(shop.parts.shelf).of(KEY) == ORDER
        await shop.asked()


async def test_a_silent_worker_loses_its_order_and_is_told(shop: Shop) -> None:
    reader = shop.asked()
    late = await shop.handed(GPU)
    shop.hands.seconds += TIMINGS.lease
    given = await shop.handed(OTHER)

    assert given.job.order == late.job.order
    assert (await problem_of(asyncio.ensure_future(shop.deliveries.alive(late.id, GPU)))).kind is problems.ORDER_LOST
    await shop.deliveries.alive(given.id, OTHER)
    await shop.deliveries.deliver(given.id, OTHER, picture())
    await reader


async def test_of_two_pictures_of_one_order_the_first_is_kept(shop: Shop) -> None:
    """Late is not too late: the first picture is taken, whoever has the order, and the second one stores nothing."""
    reader = shop.asked()
    late = await shop.handed(GPU)
    shop.hands.seconds += TIMINGS.lease
    given = await shop.handed(OTHER)

    assert await shop.deliveries.expect(late.id, GPU)
    await shop.deliveries.deliver(late.id, GPU, picture(colour="teal"))
    await reader
    stored = shop.parts.shelf.objects[MASTER]

    assert (await refused(shop, given, OTHER, picture(colour="red"))).kind is problems.ORDER_LOST
    assert shop.parts.shelf.objects[MASTER] == stored
    assert shop.parts.shelf.written == [MASTER, BINDING]


class Counting(NoObserver):
    """Counts what generators gave."""

    def __init__(self) -> None:
        self.results = Counter[str]()

    def generated(self, generator: str, result: str, seconds: float) -> None:
        del generator, seconds
        self.results[result] += 1


async def test_a_picture_that_comes_twice_at_once_counts_once(shop: Shop) -> None:
    """At two replicas, as where a worker's connection broke and it tried again."""
    async with Shop(board=shop.board, shelf=shop.parts.shelf, hands=shop.hands) as replica:
        counted = Counting()
        shop.deliveries._observer = replica.deliveries._observer = counted
        reader = shop.asked()
        given = await shop.handed()
        both = (shop.deliveries.deliver(given.id, GPU, picture()), replica.deliveries.deliver(given.id, GPU, picture()))
        await asyncio.gather(*both)
        await reader

    assert counted.results == {"picture": 1}
    assert shop.workers.pictures + replica.workers.pictures == {"gpu": 1}


async def test_signs_of_life_keep_an_order(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed(GPU)
    for _ in range(5):
        shop.hands.seconds += TIMINGS.lease - 1
        await shop.deliveries.alive(given.id, GPU)
        assert await shop.deliveries.next(OTHER, CAN, 0) is None
    await shop.deliveries.deliver(given.id, GPU, picture())
    await reader


# Pictures that are none


@pytest.mark.parametrize(
    "brought",
    [b"", b"<html><body>sign in</body></html>", picture((64, 128)), picture()[:-40]],
    ids=["nothing", "a page", "another size", "half a file"],
)
async def test_a_wrong_picture_is_refused_and_the_next_worker_gets_it(shop: Shop, brought: bytes) -> None:
    """A wrong picture is refused, no cooldown begins, and the next worker gets the order at once."""
    reader = shop.asked()
    given = await shop.handed(GPU)

    assert (await refused(shop, given, GPU, brought)).kind is problems.PICTURE_REFUSED
    assert (shop.parts.shelf.objects, shop.parts.spooled, shop.parts.making.on_cooldown) == ({}, [], 0)
    assert await shop.deliveries.next(GPU, CAN, 0) is None
    again = await shop.handed(OTHER)
    await shop.deliveries.deliver(again.id, OTHER, picture())
    await reader


async def test_an_order_that_nobody_can_draw_fails_like_any_other(shop: Shop) -> None:
    """After its last try those who wait are told why, and a cooldown begins."""
    reader = shop.asked()
    for number in range(FAILURES_MAX):
        caller = Caller(f"gpu-{number}")
        given = await shop.handed(caller)
        await shop.deliveries.fail(given.id, caller, "out of memory")

    failure = await problem_of(reader)
    assert (failure.kind, shop.parts.making.on_cooldown) == (problems.UPSTREAM_GARBLED, 1)
    assert "out of memory" in failure.detail


async def test_a_failure_is_told_once_and_then_ordered_anew() -> None:
    """It came when nobody waited. Whoever asks next is told, for nothing; and after the cooldown the order is new."""
    async with Shop(IMPATIENT) as shop:
        await problem_of(shop.asked())
        for number in range(FAILURES_MAX):
            caller = Caller(f"gpu-{number}")
            await shop.deliveries.fail((await shop.handed(caller)).id, caller, "out of memory")
        assert (await problem_of(shop.asked())).kind is problems.UPSTREAM_GARBLED
        assert (shop.parts.purse.spent, shop.parts.making.on_cooldown) == (1, 1)
        shop.parts.hands.seconds += 6

        assert (await problem_of(shop.asked())).kind is problems.WAITING_FOR_WORKER
        assert shop.parts.purse.spent == 2
        assert (await shop.handed()).job.failures == ()


async def test_an_order_that_was_not_placed_is_not_counted(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(*_: object, **__: object) -> None:
        raise StoreUnavailable("the store does not answer")

    monkeypatch.setattr(shop.parts.making._removals, "prepare", unknown)
    assert (await problem_of(shop.asked())).kind is problems.STORE_UNAVAILABLE
    assert (shop.parts.purse.spent, shop.board._tables["jobs"]) == (0, {})


async def test_an_order_that_is_given_back_is_the_next_workers(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed(GPU)
    await shop.deliveries.give_back(given.id, GPU)
    again = await shop.handed(GPU)
    await shop.deliveries.deliver(again.id, GPU, picture())
    await reader

    assert (again.id == given.id, shop.workers.failures) == (False, {})


async def test_nobody_speaks_for_another_workers_order(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed(GPU)

    assert (await refused(shop, given, OTHER, picture())).kind is problems.ORDER_OF_ANOTHER
    for call in (
        shop.deliveries.alive(given.id, OTHER),
        shop.deliveries.give_back(given.id, OTHER),
        shop.deliveries.fail(given.id, OTHER, "no"),
    ):
        assert (await problem_of(asyncio.ensure_future(call))).kind is problems.ORDER_OF_ANOTHER
    assert shop.workers.failures == {}
    await shop.deliveries.deliver(given.id, GPU, picture())
    await reader


@pytest.mark.parametrize("forged", ["", "x", "ab" * 32, f"{ORDER.content_key}.forged", f"{ORDER.content_key}."])
async def test_a_forged_order_is_no_order(shop: Shop, forged: str) -> None:
    reader = shop.asked()
    await shop.handed(GPU)

    call = shop.deliveries.deliver(forged, GPU, picture())
    assert (await problem_of(asyncio.ensure_future(call))).kind is problems.NOT_FOUND
    reader.cancel()


# What else may happen


async def test_a_picture_that_the_store_does_not_take_is_in_the_spool(shop: Shop) -> None:
    reader = shop.asked()
    given = await shop.handed()
    shop.parts.shelf.down = True
    await shop.deliveries.deliver(given.id, GPU, picture())
    await reader
    assert shop.parts.spooled == [ORDER.content_key]
    shop.parts.shelf.down = False

    assert await shop.parts.reconciler.settle()
    assert (list(shop.parts.shelf.objects), shop.parts.spooled) == ([MASTER, BINDING], [])


async def test_who_waits_goes_before_who_is_early() -> None:
    async with Shop(PATIENT) as shop:
        readers = [shop.asked(order(seed=1), Urgency.POOL), shop.asked(order(seed=2), Urgency.AHEAD)]
        await eventually(lambda: len(shop.board._tables["jobs"]) == 2)
        readers.append(shop.asked(order(seed=3), Urgency.NOW))
        await eventually(lambda: len(shop.board._tables["jobs"]) == 3)

        handed = [await shop.handed() for _ in readers]
        assert [each.job.order.resolved.seed for each in handed] == [3, 2, 1]
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)


async def test_an_order_becomes_urgent_once_somebody_waits_for_it(shop: Shop) -> None:
    early = [shop.asked(order(seed=seed), Urgency.POOL) for seed in (1, 2)]
    await eventually(lambda: len(shop.board._tables["jobs"]) == 2)
    shop.parts.making.hasten(order(seed=2), Urgency.NOW)
    await eventually(lambda: any('"urgency":0' in text for text in shop.board._tables["jobs"].values()))

    assert (await shop.handed()).job.order.resolved.seed == 2
    for reader in early:
        reader.cancel()
    await asyncio.gather(*early, return_exceptions=True)


async def test_too_many_orders_are_refused() -> None:
    async with Shop(IMPATIENT, limits=Limits(orders=1)) as shop:
        assert (await problem_of(shop.asked())).kind is problems.WAITING_FOR_WORKER
        assert (await problem_of(shop.asked(order(seed=8)))).kind is problems.OVERLOADED
        assert shop.parts.purse.spent == 1, "an order that is refused is not counted"
        assert (await problem_of(shop.asked())).kind is problems.WAITING_FOR_WORKER


async def test_an_order_that_the_board_forgot_is_ordered_again(shop: Shop) -> None:
    """As where a Redis that saves nothing is started anew."""
    reader = shop.asked()
    await shop.handed()
    shop.board._tables.clear()
    given = await shop.handed()
    await shop.deliveries.deliver(given.id, GPU, picture())
    await reader


async def test_a_picture_that_was_lost_is_ordered_anew(shop: Shop) -> None:
    """The order before is remembered as done, and its picture is gone."""
    for _ in range(2):
        reader = shop.asked()
        given = await shop.handed()
        await shop.deliveries.deliver(given.id, GPU, picture())
        await reader
        shop.parts.renditions.forget(ORDER.content_key)
        del shop.parts.shelf.objects[MASTER]

    assert shop.workers.pictures == {"gpu": 2}


async def test_a_service_that_stops_keeps_nobody_waiting(shop: Shop) -> None:
    reader = shop.asked()
    await eventually(lambda: len(shop.board._tables["jobs"]) == 1)
    asking = asyncio.create_task(shop.deliveries.next(OTHER, Can(), 60))
    await asyncio.sleep(0)
    shop.deliveries.stop()

    assert (await problem_of(reader)).kind is problems.DRAINING
    assert (await problem_of(shop.asked(order(seed=8)))).kind is problems.DRAINING
    assert shop.parts.purse.spent == 1, "an order that is refused is not counted"
    assert await asking is None
    assert len(shop.board._tables["jobs"]) == 1
