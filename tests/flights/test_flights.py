"""One piece of work a key, shared by all who wait for it, cancelled by none of them."""

import asyncio
import contextvars
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from promptcdn import problems
from promptcdn.flights import DetachedTasks, Flight, Flights
from promptcdn.problems import Problem
from tests.support.waiting import eventually

pytestmark = pytest.mark.anyio

LONG = 60.0


class Work:
    """Something to fly: begins, waits for the test's word, and counts."""

    def __init__(self, fails_with: Exception | None = None) -> None:
        self.begun = 0
        self.cancelled = 0
        self.running = asyncio.Event()
        self.go = asyncio.Event()
        self._fails_with = fails_with

    async def fly(self) -> str:
        self.begun += 1
        self.running.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self._fails_with is not None:
            raise self._fails_with
        return "a picture"


async def problem_of(waiter: Awaitable[str]) -> Problem:
    with pytest.raises(Problem) as raised:
        await waiter
    return raised.value


def refused(flights: Flights[str], key: str, fly: Callable[[], Awaitable[str]]) -> Problem:
    with pytest.raises(Problem) as raised:
        flights.join(key, fly)
    return raised.value


# One for all


async def test_five_hundred_who_join_share_one_piece_of_work() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    joined = [flights.join("a", work.fly) for _ in range(500)]
    waiters = [asyncio.create_task(flight.outcome(LONG)) for flight, _ in joined]
    await work.running.wait()
    work.go.set()
    assert await asyncio.gather(*waiters) == ["a picture"] * 500
    assert work.begun == 1
    assert [was_there for _, was_there in joined] == [False] + [True] * 499


async def test_keys_fly_apart() -> None:
    flights: Flights[str] = Flights(8, 0)
    a, b = Work(), Work()
    first, _ = flights.join("a", a.fly)
    second, _ = flights.join("b", b.fly)
    b.go.set()
    assert await second.outcome(LONG) == "a picture"
    assert not first.landed
    a.go.set()
    await first.outcome(LONG)


async def test_a_key_that_has_landed_is_flown_anew() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    work.go.set()
    for _ in range(3):
        flight, was_there = flights.join("a", work.fly)
        assert not was_there
        await flight.outcome(LONG)
    assert work.begun == 3


async def test_a_flight_is_gone_when_its_outcome_is_visible() -> None:
    """A flight is gone from the table when its outcome is visible."""
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    assert flights.under_way("a") is flight

    async def wait_and_look() -> Flight[str] | None:
        await flight.outcome(LONG)
        return flights.under_way("a")

    waiters = [asyncio.create_task(wait_and_look()) for _ in range(10)]
    await work.running.wait()
    work.go.set()
    assert await asyncio.gather(*waiters) == [None] * 10
    assert flight.landed


async def test_a_flight_is_in_the_table_until_its_work_has_ended() -> None:
    flights: Flights[str] = Flights(8, 0)
    seen: list[bool] = []

    async def fly() -> str:
        await asyncio.sleep(0)
        seen.append(flights.under_way("a") is not None)
        return ""

    flight, _ = flights.join("a", fly)
    await flight.outcome(LONG)
    assert seen == [True]


async def test_a_flight_that_nobody_holds_is_not_collected() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flights.join("a", work.fly)
    await work.running.wait()
    gc.collect()
    assert (flight := flights.under_way("a")) is not None
    work.go.set()
    assert await flight.outcome(LONG) == "a picture"


async def test_a_flight_is_nobodys_request_and_inherits_no_context() -> None:
    asker: contextvars.ContextVar[str] = contextvars.ContextVar("asker", default="nobody")

    async def fly() -> str:
        return asker.get()

    asker.set("the first one's request id")
    flight, _ = Flights[str](8, 0).join("a", fly)
    assert await flight.outcome(LONG) == "nobody"


# Leaving


async def test_a_waiter_that_is_cancelled_cancels_nothing() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    leaver, stayer = (asyncio.create_task(flight.outcome(LONG)) for _ in range(2))
    await work.running.wait()
    leaver.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaver
    work.go.set()
    assert await stayer == "a picture"
    assert (work.begun, work.cancelled) == (1, 0)


async def test_the_flight_goes_on_when_a_waiter_runs_out_of_patience() -> None:
    """Who runs out of patience is told too slow and the flight goes on."""
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    problem = await problem_of(flight.outcome(0.01))
    assert problem.kind is problems.TOO_SLOW
    work.go.set()
    assert await flight.outcome(LONG) == "a picture"
    assert (work.begun, work.cancelled) == (1, 0)


async def test_who_has_no_patience_begins_the_flight_all_the_same() -> None:
    """Who has no patience at all begins the flight and may have it later."""
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    assert (await problem_of(flight.outcome(0))).kind is problems.TOO_SLOW
    work.go.set()
    assert await flight.outcome(LONG) == "a picture"
    assert await flight.outcome(0) == "a picture"


async def test_a_flight_goes_on_when_all_have_left() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    waiters = [asyncio.create_task(flight.outcome(LONG)) for _ in range(5)]
    await work.running.wait()
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    assert flights.under_way("a") is flight
    work.go.set()
    await flights.drain(LONG)
    assert work.cancelled == 0
    assert await flight.outcome(LONG) == "a picture"


# Failing


async def test_each_waiter_gets_an_exception_of_its_own() -> None:
    """Each waiter gets the same kind of problem but an exception of its own."""
    cause = Problem(problems.UPSTREAM_BUSY, "come back later", retry_after=17)
    work = Work(fails_with=cause)
    work.go.set()
    flight, _ = Flights[str](8, 0).join("a", work.fly)
    told = await asyncio.gather(*(problem_of(flight.outcome(LONG)) for _ in range(20)))
    assert {(one.kind, one.detail, one.retry_after) for one in told} == {(problems.UPSTREAM_BUSY, cause.detail, 17)}
    assert len({id(one) for one in [*told, cause]}) == 21


async def test_what_kind_of_exception_it_was_is_kept() -> None:
    work = Work(fails_with=problems.UpstreamFailed(problems.UPSTREAM_TIMEOUT, "silence", charged=True))
    work.go.set()
    flight, _ = Flights[str](8, 0).join("a", work.fly)
    with pytest.raises(problems.UpstreamFailed) as told:
        await flight.outcome(LONG)
    assert told.value.charged


async def test_whatever_else_breaks_is_logged_and_internal(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever else breaks is logged and told as internal without its words."""
    with caplog.at_level(logging.ERROR):
        work = Work(fails_with=ZeroDivisionError("secret words"))
        work.go.set()
        flight, _ = Flights[str](8, 0).join("a", work.fly)
        problem = await problem_of(flight.outcome(LONG))
        assert problem.kind is problems.INTERNAL
        assert "secret" not in str(problem.document())
    assert "ZeroDivisionError" in caplog.text


async def test_a_failure_is_not_remembered() -> None:
    flights: Flights[str] = Flights(8, 0)
    bad, good = Work(fails_with=Problem(problems.UPSTREAM_BUSY, "")), Work()
    bad.go.set()
    good.go.set()
    flight, _ = flights.join("a", bad.fly)
    await problem_of(flight.outcome(LONG))
    flight, _ = flights.join("a", good.fly)
    assert await flight.outcome(LONG) == "a picture"


async def test_a_failure_that_nobody_waited_for_makes_no_noise() -> None:
    flights: Flights[str] = Flights(8, 0)
    work = Work(fails_with=Problem(problems.UPSTREAM_BUSY, ""))
    work.go.set()
    flights.join("a", work.fly)
    await flights.drain(LONG)
    gc.collect()  # "exception was never retrieved" would be a warning here, hence an error


# Too many


async def test_a_full_queue_refuses_new_flights_only() -> None:
    """What is over running and queue is refused and what is under way can still be joined."""
    flights: Flights[str] = Flights(2, 3)
    works = {key: Work() for key in "abcde"}
    begun = [flights.join(key, work.fly)[0] for key, work in works.items()]
    assert refused(flights, "f", Work().fly).kind is problems.OVERLOADED
    joined = [flights.join(key, work.fly) for key, work in works.items()]
    assert joined == [(flight, True) for flight in begun]
    for work in works.values():
        work.go.set()
    assert await asyncio.gather(*(flight.outcome(LONG) for flight in begun)) == ["a picture"] * 5
    assert not flights.join("f", works["a"].fly)[1]
    await flights.drain(LONG)


async def test_a_refusal_says_what_there_is_too_much_of() -> None:
    reads: Flights[str] = Flights(1, 1, work="reads of stored pictures are under way or queued")
    for key in "ab":
        reads.join(key, Work().fly)
    detail = refused(reads, "c", Work().fly).detail
    assert detail == "2 reads of stored pictures are under way or queued already: try again later"
    await reads.drain(0)


async def test_a_lane_keeps_no_other_lane_waiting() -> None:
    """A slow generator's pictures take its own places alone, under way and in the queue."""
    flights: Flights[str] = Flights(1, 1, lanes={"slow": 1, "quick": 2})
    slow, quick, others = ([Work() for _ in range(count)] for count in (2, 3, 2))
    for lane, works in (("slow", slow), ("quick", quick), ("another", others)):
        for number, work in enumerate(works):
            flights.join(f"{lane}-{number}", work.fly, lane)
        with pytest.raises(Problem, match=f"{len(works)} new pictures are being made or queued already"):
            flights.join(f"{lane}-too-many", Work().fly, lane)
    for work in (slow[0], *quick[:2], others[0]):
        await work.running.wait()
    assert (flights.count, flights.waiting) == (7, 3)
    assert flights.load == {"slow": (1, 1), "quick": (2, 1)}
    for work in quick:
        work.go.set()
    await eventually(lambda: flights.count == 4)
    assert not flights.join("quick-again", quick[0].fly, "quick")[1]
    await flights.drain(0)


async def test_only_so_many_run_at_once_and_the_queue_keeps_its_order() -> None:
    flights: Flights[str] = Flights(2, 10)
    works = [Work() for _ in range(6)]
    begun = [flights.join(str(number), work.fly)[0] for number, work in enumerate(works)]
    for number, (work, flight) in enumerate(zip(works, begun, strict=True)):
        await work.running.wait()
        assert sum(other.begun for other in works) <= number + 2
        work.go.set()
        await flight.outcome(LONG)
    assert all(earlier.begun >= later.begun for earlier, later in pairwise(works))


async def test_a_failed_flight_makes_room_for_the_next() -> None:
    flights: Flights[str] = Flights(1, 0)
    for failure in (Problem(problems.UPSTREAM_BUSY, ""), RuntimeError()):
        work = Work(fails_with=failure)
        work.go.set()
        flight, _ = flights.join("a", work.fly)
        await problem_of(flight.outcome(LONG))
    good = Work()
    good.go.set()
    assert await flights.join("b", good.fly)[0].outcome(LONG) == "a picture"


# Stopping


async def test_draining_waits_for_what_is_under_way() -> None:
    flights: Flights[str] = Flights(2, 0)
    works = [Work(), Work()]
    begun = [flights.join(str(number), work.fly)[0] for number, work in enumerate(works)]
    for work in works:
        await work.running.wait()
    drain = asyncio.create_task(flights.drain(LONG))
    works[0].go.set()
    await asyncio.wait({drain}, timeout=0.01)
    assert not drain.done()
    works[1].go.set()
    await drain
    assert [await flight.outcome(LONG) for flight in begun] == ["a picture"] * 2


async def test_a_stop_ends_the_waiting_and_not_the_flight() -> None:
    """Who waits when the service stops is sent away at once and the flight goes on."""
    flights: Flights[str] = Flights(1, 0)
    work = Work()
    flight, _ = flights.join("a", work.fly)
    waiters = [asyncio.create_task(problem_of(flight.outcome(LONG))) for _ in range(3)]
    await work.running.wait()
    flights.stop()
    assert [problem.kind for problem in await asyncio.gather(*waiters)] == [problems.DRAINING] * 3
    assert not flight.landed
    work.go.set()
    await flights.drain(LONG)
    assert await flight.outcome(LONG) == "a picture"


async def test_a_stop_begins_nothing_that_was_queued() -> None:
    """What waited in the queue when the service stopped is not begun."""
    flights: Flights[str] = Flights(1, 1)
    running, queued = Work(), Work()
    begun = [flights.join("a", running.fly)[0], flights.join("b", queued.fly)[0]]
    await running.running.wait()
    flights.stop()
    running.go.set()
    await flights.drain(LONG)
    assert await begun[0].outcome(LONG) == "a picture"
    assert (await problem_of(begun[1].outcome(LONG))).kind is problems.DRAINING
    assert queued.begun == 0


async def test_while_draining_what_is_under_way_can_be_joined() -> None:
    """While draining nothing is begun and what is under way can be joined."""
    flights: Flights[str] = Flights(8, 8)
    work, late = Work(), Work()
    flight, _ = flights.join("a", work.fly)
    await work.running.wait()
    drain = asyncio.create_task(flights.drain(LONG))
    flights.stop()
    assert refused(flights, "b", late.fly).kind is problems.DRAINING
    assert flights.join("a", work.fly) == (flight, True)
    work.go.set()
    await drain
    assert refused(flights, "a", late.fly).kind is problems.DRAINING
    assert late.begun == 0


async def test_flights_that_outlast_the_grace_are_given_up() -> None:
    """Those that outlast the grace are given up and their waiters told."""
    flights: Flights[str] = Flights(1, 1)
    running, queued = Work(), Work()
    begun = [flights.join("a", running.fly)[0], flights.join("b", queued.fly)[0]]
    waiters = [asyncio.create_task(problem_of(flight.outcome(LONG))) for flight in begun for _ in range(3)]
    await running.running.wait()
    await flights.drain(0.01)
    assert [problem.kind for problem in await asyncio.gather(*waiters)] == [problems.DRAINING] * 6
    assert (running.cancelled, queued.begun) == (1, 0)


async def test_a_flight_never_begun_ends_as_draining() -> None:
    """A flight that was never begun when the grace ended is told as draining too."""
    flights: Flights[str] = Flights(1, 1)
    flight, _ = flights.join("a", Work().fly)
    await flights.drain(0)
    assert (await problem_of(flight.outcome(LONG))).kind is problems.DRAINING


async def test_draining_what_is_empty_ends_at_once() -> None:
    flights: Flights[str] = Flights(8, 8)
    await flights.drain(LONG)
    await flights.drain(LONG)
    assert refused(flights, "a", Work().fly).kind is problems.DRAINING


# Leases


class Elsewhere:
    """Leases of which those of `taken` are held by somebody else, for ever."""

    def __init__(self, *taken: str) -> None:
        self._taken = taken
        self.waiting = asyncio.Event()

    @asynccontextmanager
    async def held(self, key: str) -> AsyncIterator[None]:
        if key in self._taken:
            self.waiting.set()
            await asyncio.Event().wait()
        yield

    async def taken(self, key: str) -> bool:
        return key in self._taken

    async def close(self) -> None:
        """Nothing is open."""


async def test_who_waits_for_a_lease_keeps_nobody_from_working() -> None:
    leases = Elsewhere("a")
    flights: Flights[str] = Flights(1, 1, leases)
    taken, free = Work(), Work()
    free.go.set()
    flights.join("a", taken.fly)
    await leases.waiting.wait()
    assert await flights.join("b", free.fly)[0].outcome(LONG) == "a picture"
    assert taken.begun == 0
    await flights.drain(0)


async def test_the_end_waits_for_no_lease() -> None:
    leases = Elsewhere("a")
    flights: Flights[str] = Flights(1, 1, leases)
    flight, _ = flights.join("a", Work().fly)
    await leases.waiting.wait()
    async with asyncio.timeout(LONG / 2):
        await flights.drain(LONG)
    assert (await problem_of(flight.outcome(LONG))).kind is problems.DRAINING


# Work for one asker


async def test_what_ends_in_its_first_step_needs_no_place() -> None:
    detached, waiting = DetachedTasks(2), Work()
    first = asyncio.create_task(detached.run(waiting.fly(), LONG, "a"))
    other = asyncio.create_task(detached.run(waiting.fly(), LONG, "b"))
    await eventually(lambda: detached.count == 2)
    assert await detached.run(at_once("a picture"), LONG, "a") == "a picture"
    with pytest.raises(ValueError, match="broken"):
        await detached.run(at_once(ValueError("broken")), LONG, "a")
    assert (await problem_of(detached.run(waiting.fly(), LONG, "c"))).kind is problems.OVERLOADED
    assert detached.count == 2
    waiting.go.set()
    assert [await first, await other] == ["a picture"] * 2
    assert detached.count == 0


async def test_one_client_has_half_of_the_places_and_gets_them_back() -> None:
    detached, waiting = DetachedTasks(4), Work()
    mine = [asyncio.create_task(detached.run(waiting.fly(), LONG, "a")) for _ in range(2)]
    await eventually(lambda: detached.count == 2)
    refusal = await problem_of(detached.run(waiting.fly(), LONG, "a"))
    assert (refusal.kind, refusal.cache_control) == (problems.OVERLOADED, problems.NO_STORE)
    other = asyncio.create_task(detached.run(waiting.fly(), LONG, "b"))
    await eventually(lambda: detached.count == 3)
    waiting.go.set()
    await asyncio.gather(*mine, other)
    assert await detached.run(waiting.fly(), LONG, "a") == "a picture"


async def test_who_waits_too_long_is_told_for_what() -> None:
    """A flight that a detached task waits for is late at the same moment, and says what it does."""
    detached, work = DetachedTasks(), Work()
    making: Flights[str] = Flights(8, 0)
    encoding: Flights[str] = Flights(8, 0, late="the picture is being resized")
    late = {}
    for name, flights in (("making", making), ("encoding", encoding)):
        flight, _ = flights.join("a", work.fly)
        late[name] = (await problem_of(detached.run(flight.outcome(0.01), 0.01))).detail
    late["reading"] = (await problem_of(detached.run(work.fly(), 0.01))).detail

    again = "load the same URL again in a few seconds"
    assert late == {
        "making": f"the picture is being made: {again}",
        "encoding": f"the picture is being resized: {again}",
        "reading": f"the picture store of this service has not answered yet: {again}",
    }
    work.go.set()
    await detached.close()


async def test_a_place_is_taken_until_the_work_ends() -> None:
    """A place is taken until the work ends and not until its asker leaves."""
    detached, waiting = DetachedTasks(2), Work()
    assert (await problem_of(detached.run(waiting.fly(), 0.01, "a"))).kind is problems.TOO_SLOW
    assert detached.count == 1
    assert (await problem_of(detached.run(waiting.fly(), LONG, "a"))).kind is problems.OVERLOADED
    await detached.close()
    assert waiting.cancelled == 2
    assert detached.count == 0


async def at_once(outcome: str | Exception) -> str:
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
