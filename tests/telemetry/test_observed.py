"""Telemetry: what is counted of parts that fail, hang or do not answer."""

import asyncio
from pathlib import Path

import pytest

from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.renditions import Renditions
from promptcdn.generators import Made
from promptcdn.generators.sketch import Sketch
from promptcdn.making import Making
from promptcdn.money.costs import Cost
from promptcdn.observer import NoObserver, Operation, Result
from promptcdn.problems import UPSTREAM_BUSY, UPSTREAM_TIMEOUT, CounterUnavailable, StoreUnavailable, UpstreamFailed
from promptcdn.readers.audience import Audience
from promptcdn.spool import Spool
from promptcdn.telemetry import Reading, Telemetry, metrics
from promptcdn.telemetry.observed import ObservedGenerator, ObservedStore
from tests.support import fakes as doubles

pytestmark = pytest.mark.anyio


class Painter(doubles.FakeGenerator):
    """A scripted generator as an operator sees it."""

    checks = Sketch.checks
    refuses = ""


def observed(shelf: doubles.FakeStore, recorder: "Recorder") -> ObservedStore:
    return ObservedStore(shelf, recorder)  # type: ignore[arg-type]  # what only an operator asks is not asked here


class Recorder(NoObserver):
    """Writes down what is reported, but the seconds."""

    def __init__(self) -> None:
        self.reports: list[tuple[str, ...]] = []

    def stored(self, operation: Operation, result: Result, seconds: float) -> None:
        assert seconds >= 0
        self.reports.append((operation, result))

    def generated(self, generator: str, result: str, seconds: float) -> None:
        assert seconds >= 0
        self.reports.append((generator, result))

    def paid(self, cost: Cost) -> None:
        self.reports.append((cost.engine, str(cost.pictures)))


async def exposed(telemetry: Telemetry) -> str:
    return (await telemetry.exposition()).decode()


async def test_two_services_count_apart() -> None:
    one, other = Telemetry(), Telemetry()
    one.refused("filtered")

    assert 'promptcdn_refusals_total{code="filtered"} 1.0' in await exposed(one)
    assert 'code="filtered"' not in await exposed(other)


async def test_what_cannot_be_read_is_left_out_and_the_rest_is_there() -> None:
    telemetry = Telemetry()

    async def left() -> Reading:
        raise CounterUnavailable("the counter does not answer")

    telemetry.watch(metrics.BUDGET_LEFT, left)
    telemetry.watch(metrics.QUEUE, lambda: 3)
    telemetry.watch(metrics.EVICTIONS, lambda: 5)
    lines = (await exposed(telemetry)).splitlines()

    assert "promptcdn_queue 3.0" in lines
    assert "promptcdn_memory_evictions_total 5.0" in lines
    assert not any(line.startswith("promptcdn_budget_left{") for line in lines)


async def test_a_hit_falls_into_a_bucket_below_a_millisecond() -> None:
    telemetry = Telemetry()
    telemetry.answered("seeded", Audience.IMG, 200, "memory", 0.0004)
    lines = (await exposed(telemetry)).splitlines()

    assert 'promptcdn_request_duration_seconds_bucket{le="0.00025",source="memory"} 0.0' in lines
    assert 'promptcdn_request_duration_seconds_bucket{le="0.0005",source="memory"} 1.0' in lines
    assert not any("_created" in line for line in lines)


async def test_a_store_is_there_absent_or_unknown() -> None:
    recorder = Recorder()

    shelf = doubles.FakeStore()
    store = observed(shelf, recorder)
    await store.get(doubles.name())
    await store.put(doubles.name(), doubles.record())
    await store.get(doubles.name())
    shelf.down = True
    with pytest.raises(StoreUnavailable):
        await store.get(doubles.name())

    assert recorder.reports == [("get", "absent"), ("put", "there"), ("get", "there"), ("get", "unknown")]


async def test_a_look_up_that_is_given_up_is_unknown() -> None:
    recorder = Recorder()

    shelf = doubles.FakeStore()
    shelf.open.clear()
    look = asyncio.create_task(observed(shelf, recorder).get(doubles.name()))
    await shelf.asked.wait()
    look.cancel()
    await asyncio.gather(look, return_exceptions=True)

    assert recorder.reports == [("get", "unknown")]


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (Made(b"", 7), "picture"),
        (Made(b"", 7, filtered=True), "filtered"),
        (UpstreamFailed(UPSTREAM_BUSY, "busy", charged=False), "upstream_busy"),
        (ZeroDivisionError(), "internal"),
    ],
)
async def test_a_generator_is_known_by_what_it_answers(answer: Made | Exception, result: str) -> None:
    recorder = Recorder()
    generator = ObservedGenerator(Painter([answer]), recorder)

    order = doubles.order()
    await asyncio.gather(generator.generate(order.resolved, order.content_key), return_exceptions=True)

    assert recorder.reports == [("painter", result)]


@pytest.mark.parametrize(
    ("answer", "paid"),
    [
        (Made(doubles.picture(), 7), True),
        (Made(doubles.picture(), 7, filtered=True), True),
        (Made(b"<html>", 7), True),
        (UpstreamFailed(UPSTREAM_TIMEOUT, "late", charged=True), True),
        (ZeroDivisionError(), True),
        (UpstreamFailed(UPSTREAM_BUSY, "busy", charged=False), False),
    ],
)
async def test_what_stays_spent_is_reported_as_paid(tmp_path: Path, answer: Made | Exception, paid: bool) -> None:
    recorder, purse = Recorder(), doubles.FakeBudget()

    shelf, spool = doubles.FakeStore(), Spool(tmp_path)
    renditions, bindings = Renditions(shelf, Memory(10**6), spool), Bindings(shelf, spool)
    generator, clock = doubles.FakeGenerator([answer]), doubles.ManualClock().clock
    making = Making(
        {generator.name: generator}, purse, spool, bindings, renditions, doubles.FakeRemovals(), clock, recorder
    )
    await asyncio.gather(making.make(doubles.order()), return_exceptions=True)
    await renditions.close()
    await spool.close()

    assert recorder.reports == [("e", "1")] * paid
    assert purse.spent == int(paid)
