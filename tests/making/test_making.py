"""One paid picture: what is spent, what is kept, and what has a cooldown before it may cost again."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.renditions import Renditions
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.making import Making
from promptcdn.making.cooldown import Cooldown
from promptcdn.making.cooldowns import Cooldowns
from promptcdn.money.budget.limits import BudgetLimit, BudgetLimits
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.costs import Prices
from promptcdn.pictures import master
from promptcdn.problems import CounterUnavailable, Problem, ProblemType, StoreUnavailable
from promptcdn.spool import Spool
from promptcdn.stores import Record
from promptcdn.stores.negative import NegativeCache
from promptcdn.url.request import Delivery, Resolved
from tests.support.fakes import (
    KEY,
    MARK,
    NOON,
    FakeBudget,
    FakeGenerator,
    FakeRemovals,
    FakeStore,
    ManualClock,
    order,
    picture,
)
from tests.support.parts import (
    BINDING,
    FILTERED,
    GOOD,
    HTML,
    MASTER,
    ORDER,
    TIMEOUT,
    UNREACHABLE,
    VERDICT,
    Parts,
    of_its_own_url,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# What is kept


async def test_a_good_picture_is_paid_for_stored_and_bound() -> None:
    async with Parts([GOOD]) as shop:
        await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert shop.shelf.objects[MASTER] == Record(
            master(GOOD.picture, MARK), "image/png", int(NOON.timestamp()), ORDER.resolved.parameters()
        )
        assert await Bindings(shop.shelf).of(KEY) == ORDER


async def test_the_master_is_stored_before_the_url_is_bound_to_it() -> None:
    async with Parts([GOOD]) as shop:
        await shop.make()
        assert shop.shelf.written == [MASTER, BINDING]


@pytest.mark.parametrize("echo", [0, 7], ids=["says nothing", "says the seed sent"])
async def test_an_upstream_that_echoes_the_seed_or_nothing_is_believed(echo: int) -> None:
    async with Parts([Made(picture(), 7, echo)]) as shop:
        await shop.make()
        assert MASTER in shop.shelf.objects


# Look again


async def test_a_picture_that_is_stored_by_now_is_not_paid_for() -> None:
    """A picture that is stored by now is bound and not paid for."""
    async with Parts([GOOD]) as shop:
        await shop.make()
        other = Parts(shelf=shop.shelf)
        await other.make()
        assert (other.generator.calls, other.purse.spent) == (0, 0)
        await other.close()
        assert shop.shelf.written == [MASTER, BINDING]


async def test_a_picture_that_was_filtered_by_now_is_not_paid_for() -> None:
    """A picture that was filtered by now is not paid for again."""
    async with Parts([GOOD]) as shop:
        await Parts(shelf=shop.shelf).bindings.filter(ORDER, 1)
        assert (await shop.refused()).kind is problems.FILTERED
        assert (shop.generator.calls, shop.purse.spent) == (0, 0)


async def test_while_it_is_unknown_what_is_stored_nothing_is_paid_for() -> None:
    async with Parts([GOOD]) as shop:
        shop.shelf.down = True
        assert isinstance(await shop.refused(), StoreUnavailable)
        assert (shop.generator.calls, shop.purse.spent) == (0, 0)


async def test_a_generator_that_is_not_configured_costs_nothing() -> None:
    """A picture of a generator that is not set up costs nothing."""
    async with Parts([GOOD]) as shop:
        problem = await shop.refused(order(generator="elsewhere"))
        assert problem.kind is problems.GENERATOR_MISSING
        assert "elsewhere" in problem.detail
        assert (shop.generator.calls, shop.purse.spent, shop.shelf.objects) == (0, 0, {})


async def test_each_order_is_made_by_the_generator_that_it_names() -> None:
    """What costs nothing is not counted, also where the call failed."""
    async with Parts([GOOD]) as shop:
        free = FakeGenerator([UNREACHABLE, TIMEOUT, GOOD])
        free.name, free.paid = "friend", False
        making = Making(
            {"painter": shop.generator, "friend": free},
            *(shop.purse, shop.spool, shop.bindings, shop.renditions, FakeRemovals(), shop.hands.clock),
        )
        theirs = of_its_own_url(order(generator="friend"))
        for failure in (UNREACHABLE, TIMEOUT):
            with pytest.raises(Problem) as refused:
                await making.make(theirs)
            assert refused.value.kind is failure.kind
        shop.hands.seconds += 10
        await making.make(theirs)
        assert (shop.generator.calls, free.calls, shop.purse.spent) == (0, 3, 0)
        await making.make(ORDER)
        assert (shop.generator.calls, free.calls, shop.purse.spent) == (1, 3, 1)


async def test_a_stored_picture_needs_no_generator_to_be_bound() -> None:
    """A stored picture of a generator that is not set up is bound all the same."""
    async with Parts() as shop:
        elsewhere = order(generator="elsewhere")
        await shop.renditions.keep(elsewhere.content_key, Record(GOOD.picture, "image/png", 1, {}))
        await shop.make(elsewhere)
        assert await shop.bindings.of(elsewhere.content_key) == of_its_own_url(elsewhere)


async def test_a_url_that_is_bound_by_now_pays_for_nothing() -> None:
    """A url that is bound to another picture by now pays for nothing."""
    async with Parts([GOOD]) as shop:
        await shop.making.make(ORDER)
        # Another process, with other defaults.
        other = Parts(shelf=shop.shelf)
        await other.making.make(order(steps=50))
        assert (other.generator.calls, other.purse.spent) == (0, 0)
        await other.close()


async def test_a_cached_absence_is_not_believed_before_paying() -> None:
    """Another process makes a picture within the two seconds in which this one remembers that there is none."""

    async with Parts([GOOD]) as shop:
        seen = NegativeCache(shop.shelf)
        bindings, renditions = Bindings(seen), Renditions(seen, Memory(0), shop.spool)
        assert await bindings.of(KEY) is None
        assert not await renditions.has(ORDER.content_key)
        await shop.make()
        late, purse = FakeGenerator([]), FakeBudget()
        making = Making(
            {late.name: late},
            purse,
            shop.spool,
            bindings,
            renditions,
            FakeRemovals(),
            ManualClock().clock,
            doubt=seen.doubt,
        )
        await making.make(ORDER)
        assert (late.calls, purse.spent) == (0, 0)
        await renditions.close()


async def test_a_binding_of_a_moment_ago_is_obeyed_before_paying() -> None:
    async with Parts([GOOD]) as shop:
        seen = NegativeCache(shop.shelf)
        bindings, renditions = Bindings(seen), Renditions(seen, Memory(0), shop.spool)
        assert await bindings.of(KEY) is None
        await shop.make()
        late, purse = FakeGenerator([]), FakeBudget()
        making = Making(
            {late.name: late},
            purse,
            shop.spool,
            bindings,
            renditions,
            FakeRemovals(),
            ManualClock().clock,
            doubt=seen.doubt,
        )
        await making.make(order(steps=50))
        assert (late.calls, purse.spent) == (0, 0)
        await renditions.close()


async def test_a_verdict_of_a_moment_ago_is_obeyed_before_paying() -> None:
    async with Parts([FILTERED]) as shop:
        seen = NegativeCache(shop.shelf)
        bindings, renditions = Bindings(seen), Renditions(seen, Memory(0), shop.spool)
        assert not await bindings.filtered(ORDER.content_key)
        await shop.refused()
        late, purse = FakeGenerator([]), FakeBudget()
        making = Making(
            {late.name: late},
            purse,
            shop.spool,
            bindings,
            renditions,
            FakeRemovals(),
            ManualClock().clock,
            doubt=seen.doubt,
        )
        with pytest.raises(Problem) as refused:
            await making.make(ORDER)
        assert refused.value.kind is problems.FILTERED
        assert (late.calls, purse.spent) == (0, 0)
        await renditions.close()


@pytest.mark.parametrize("answer", [GOOD, FILTERED], ids=["a picture", "a verdict"])
async def test_what_is_stored_during_a_look_is_not_paid_for(answer: Made) -> None:
    """Another replica, which had to wait for the store, stores a picture and ends its cooldown between two looks."""
    async with Parts([answer]) as shop:

        class Ending(Cooldowns):
            """Cooldowns of which the other replica's ends at the last moment before they are read."""

            async def of(self, key: str, now: float) -> Cooldown | None:
                with contextlib.suppress(Problem):
                    await shop.make()
                return await super().of(key, now)

        late, purse = FakeGenerator([]), FakeBudget()
        making = Making(
            {late.name: late},
            *(purse, shop.spool, shop.bindings, shop.renditions, FakeRemovals(), shop.hands.clock),
            cooldowns=Ending(),
        )
        with contextlib.suppress(Problem):
            await making.make(ORDER)
        assert (late.calls, purse.spent) == (0, 0)


# Money


async def test_when_the_budget_is_spent_the_generator_is_not_called(tmp_path: Path) -> None:
    budget = SqliteBudget(tmp_path / "budget.sqlite3", BudgetLimits((BudgetLimit(1, "day"),)), Prices())
    shop = Parts([GOOD, GOOD], budget=budget)
    await shop.make()
    assert (await shop.refused(order(seed=8))).kind is problems.BUDGET_SPENT
    assert shop.generator.calls == 1
    await shop.close()
    await budget.close()


async def test_without_the_counter_the_generator_is_not_called() -> None:
    """When the counter does not answer the generator is not called."""
    async with Parts([GOOD]) as shop:
        shop.purse.down = True
        assert isinstance(await shop.refused(), CounterUnavailable)
        assert shop.generator.calls == 0


async def test_what_cost_nothing_is_given_back_and_tried_at_once() -> None:
    """What surely cost nothing is given back and may be tried at once."""
    async with Parts([UNREACHABLE, GOOD]) as shop:
        assert (await shop.refused()).kind is problems.UPSTREAM_UNREACHABLE
        assert shop.purse.spent == 0
        await shop.make()
        assert (shop.generator.calls, shop.purse.spent) == (2, 1)


async def test_the_upstreams_failure_counts_if_nothing_is_given_back() -> None:
    """An upstream that cannot be reached is told even if nothing can be given back."""

    class Loser(FakeBudget):
        async def give_back(self, reservation: object) -> None:
            del reservation
            raise CounterUnavailable("the purse is lost")

    async with Parts([UNREACHABLE], budget=Loser()) as shop:
        assert (await shop.refused()).kind is problems.UPSTREAM_UNREACHABLE


async def test_what_may_have_been_charged_stays_spent_and_cools_down() -> None:
    """A call that may have been charged stays spent, and its picture has a cooldown."""
    async with Parts([TIMEOUT, GOOD]) as shop:
        for _ in range(3):
            assert (await shop.refused()).kind is problems.UPSTREAM_TIMEOUT
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert shop.shelf.objects == {}


async def test_what_was_given_up_in_mid_air_stays_spent() -> None:
    class Slow(FakeGenerator):
        async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
            begun.set()
            await asyncio.Event().wait()
            return await super().generate(resolved, content_key, sources=sources)

    begun = asyncio.Event()
    async with Parts(generator=Slow([GOOD])) as shop:
        flight = asyncio.create_task(shop.make())
        await begun.wait()
        flight.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flight
        assert (shop.purse.spent, shop.shelf.objects) == (1, {})


# Validation


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Made(b"", 7), "not a picture"),
        (HTML, "not a picture"),
        (Made(picture()[:-20], 7), "not a picture"),
        (Made(picture((64, 32)), 7), "64x32 instead of 64x64"),
        (Made(picture((128, 128)), 7), "128x128 instead of 64x64"),
        (Made(picture(), 7, seed_echo=8), "seed 8 instead of 7"),
    ],
    ids=["nothing", "html", "torn", "half", "double", "another seed"],
)
async def test_a_paid_answer_that_is_no_good_stays_spent(answer: Made, why: str) -> None:
    """A paid answer that is no good is not kept stays spent and has a cooldown."""
    async with Parts([answer, GOOD]) as shop:
        first, second = await shop.refused(), await shop.refused()
        assert why in first.detail
        assert why in second.detail
        assert first.kind is second.kind is problems.UPSTREAM_GARBLED
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)
        assert shop.shelf.objects == {}
        assert not await shop.renditions.has(ORDER.content_key)


async def test_what_breaks_after_paying_rests_too() -> None:
    async with Parts([ZeroDivisionError(), GOOD]) as shop:
        with pytest.raises(ZeroDivisionError):
            await shop.make()
        assert (await shop.refused()).kind is problems.UPSTREAM_GARBLED
        assert (shop.generator.calls, shop.purse.spent) == (1, 1)


# Rests


async def fail_after(shop: Parts, rest: float, kind: ProblemType) -> None:
    """The next try just before `rest` is over costs nothing, the one just after it is paid for."""
    calls = shop.generator.calls
    start = shop.hands.seconds
    for wait in (0, rest / 2, rest - 0.01):
        shop.hands.seconds = start + wait
        problem = await shop.refused()
        assert problem.kind is kind
        assert problem.retry_after is not None
        assert rest - wait <= problem.retry_after <= rest - wait + 1
    assert shop.generator.calls == calls
    shop.hands.seconds = start + rest


async def test_a_rest_doubles_with_each_failure_up_to_an_hour() -> None:
    async with Parts([TIMEOUT] * 12) as shop:
        for rest in (5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600):
            assert (await shop.refused()).kind is problems.UPSTREAM_TIMEOUT
            await fail_after(shop, rest, problems.UPSTREAM_TIMEOUT)
        assert shop.generator.calls == shop.purse.spent == 12


async def test_after_the_rest_a_good_picture_is_made() -> None:
    async with Parts([HTML, GOOD]) as shop:
        await shop.refused()
        shop.hands.seconds = 5
        await shop.make()
        assert MASTER in shop.shelf.objects


async def test_a_success_clears_what_a_rest_has_grown_to() -> None:
    async with Parts([HTML, HTML, GOOD, TIMEOUT]) as shop:
        await shop.refused()
        shop.hands.seconds = 5
        await shop.refused()
        shop.hands.seconds = 100
        await shop.make()
        shop.shelf.objects.clear()  # the picture is lost and has to be made again
        await shop.refused()
        await fail_after(shop, 5, problems.UPSTREAM_TIMEOUT)


async def test_a_rest_tells_the_kind_of_the_last_failure() -> None:
    async with Parts([TIMEOUT, HTML]) as shop:
        await shop.refused()
        shop.hands.seconds = 5
        await shop.refused()
        assert (await shop.refused()).kind is problems.UPSTREAM_GARBLED


async def test_other_pictures_do_not_rest() -> None:
    async with Parts([TIMEOUT, Made(picture(), 8)]) as shop:
        await shop.refused()
        await shop.make(order(seed=8))
        assert shop.generator.calls == 2


# Filtered


async def test_a_filtered_picture_leaves_a_verdict_only() -> None:
    """A filtered picture leaves a verdict and neither picture nor binding."""
    async with Parts([FILTERED]) as shop:
        assert (await shop.refused()).kind is problems.FILTERED
        assert list(shop.shelf.objects) == [VERDICT]
        assert shop.purse.spent == 1


async def test_a_filtered_picture_is_never_paid_for_again() -> None:
    """A filtered picture is not paid for again also after a restart."""
    async with Parts([FILTERED, GOOD]) as shop:
        await shop.refused()
        later = Parts([GOOD], shelf=shop.shelf)
        for same in (shop, later):
            assert (await same.refused()).kind is problems.FILTERED
        assert (shop.generator.calls, later.generator.calls) == (1, 0)
        await later.close()


# Looking


async def test_a_picture_is_found_right_after_it_was_missed_and_made() -> None:
    shelf = FakeStore()
    store = NegativeCache(shelf)
    spool, bindings, generator = Spool(Path("spool")), Bindings(store), FakeGenerator([GOOD])
    renditions = Renditions(store, Memory(0), spool)
    making = Making(
        {generator.name: generator}, FakeBudget(), spool, bindings, renditions, FakeRemovals(), ManualClock().clock
    )
    assert await renditions.find(ORDER.content_key, Delivery()) is None
    await making.make(ORDER)
    assert await renditions.find(ORDER.content_key, Delivery()) is not None
    await renditions.close()
    await spool.close()
