"""The operator's brake holds over replicas that share a Redis, also while either of them dies."""

import asyncio
import contextlib
import multiprocessing
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn import problems
from promptcdn.money.budget import lua
from promptcdn.money.budget import redis as budget_redis
from promptcdn.money.budget.limits import BudgetLimits
from promptcdn.money.budget.merge import Field, Numbers, Totals, costs, periods
from promptcdn.money.budget.redis import RedisBudget
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.costs import Cost, Prices
from promptcdn.problems import CounterUnavailable, Problem
from promptcdn.replicas.connection import RedisConnection, Timings
from promptcdn.stores import volumes
from tests.support.fakes import NOON, order
from tests.support.redis_servers import Server

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
PRICES = Prices({"dear": 1500, "plain": 1000})
DEAR, PLAIN = (order(engine=engine).resolved for engine in ("dear", "plain"))
# Redis decides for so many calls of one replica at a time; where it dies, its answers to them may be lost.
UNDER_WAY = 8
# On a busy machine a command that is given up may have been counted: fewer were paid for than Redis says.
PATIENT = Timings(command=10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path, at_socket=True) as server:
        yield server


def opened(connection: RedisConnection, folder: Path, limits: str) -> RedisBudget:
    folder.mkdir(parents=True, exist_ok=True)
    local = SqliteBudget(folder / "budget.sqlite3", BudgetLimits(), PRICES)
    return RedisBudget(connection, local, BudgetLimits.parse(limits), PRICES, volumes.replica_id(folder), lambda: NOON)


@contextlib.asynccontextmanager
async def replica(url: str, folder: Path, limits: str, timings: Timings = PATIENT) -> AsyncIterator[RedisBudget]:
    connection = RedisConnection(url, timings)
    budget = opened(connection, folder, limits)
    await budget.start()
    try:
        yield budget
    finally:
        await budget.close()
        await connection.close()


@contextlib.asynccontextmanager
async def replicas(redis: Server, folder: Path, limits: str, count: int = 3) -> AsyncIterator[list[RedisBudget]]:
    """Some that may reserve at once: of this Redis nobody suspects that it has forgotten anything."""
    async with contextlib.AsyncExitStack() as stack:
        each = [await stack.enter_async_context(replica(redis.url, folder / str(n), limits)) for n in range(count)]
        redis.client.delete(lua.REFILLING)
        yield each


async def spend(*budgets: RedisBudget, tries: int = 200) -> int:
    """How many of so many tries together each could pay for."""

    async def one(budget: RedisBudget) -> bool:
        try:
            await budget.reserve(PLAIN, NOON)
        except Problem:
            return False
        return True

    return sum(await asyncio.gather(*(one(budget) for budget in budgets * tries)))


async def decided(budget: RedisBudget) -> int:
    """How many pictures could be paid for, 1 or 0, as soon as Redis knows again what is left."""
    while True:
        try:
            await budget.reserve(PLAIN, NOON)
        except CounterUnavailable:
            await asyncio.sleep(0.02)
        except Problem:
            return 0
        else:
            return 1


async def used(budget: RedisBudget) -> list[int]:
    return [left.used for left in await budget.usage(NOON)]


async def counted(budget: RedisBudget, pictures: int) -> None:
    """Returns when Redis knows of so many."""
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(CounterUnavailable):
                if sum(cost.pictures for cost in await budget.by_engine("day", NOON)) == pictures:
                    return
            await asyncio.sleep(0.02)


# Numbers that only grow

NUMBERS = st.dictionaries(
    st.tuples(st.sampled_from(["2026-11", "2026-W48"]), st.text("abc|", max_size=3)), st.integers(1)
)


def merged(*each: Numbers) -> Numbers:
    totals = Totals()
    for numbers in each:
        totals.merge(numbers)
    return totals.numbers


@given(NUMBERS, NUMBERS, NUMBERS)
def test_numbers_merge_in_any_order_and_any_number_of_times(one: Numbers, two: Numbers, three: Numbers) -> None:
    """Whoever receives the same numbers has the same totals."""
    assert merged(one, two) == merged(two, one)
    assert merged(one, two, one, two) == merged(one, two)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(NUMBERS, NUMBERS)
def test_what_is_told_is_what_the_other_lacks(here: Numbers, there: Numbers) -> None:
    totals = Totals()
    totals.merge(here)

    assert merged(there, totals.beyond(there)) == merged(there, here)
    assert totals.beyond(merged(there, here)) == {}


@given(st.text("abc|", max_size=5))
def test_an_engine_may_be_named_anyhow(engine: str) -> None:
    assert Field.parse(str(Field("0123", engine, "rm"))) == Field("0123", engine, "rm")


def test_costs_are_of_all_replicas_without_what_came_back() -> None:
    fields = {
        "a|x|p": 5,
        "a|x|m": 5000,
        "b|x|p": 2,
        "b|x|m": 2000,
        "b|x|rp": 1,
        "b|x|rm": 1000,
        "b|y|p": 1,
        "b|y|rp": 1,
    }

    assert costs(fields) == (Cost("x", 6, 6000),)


# While Redis is well


async def test_three_replicas_at_once_spend_exactly_the_limit(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "100/day") as each:
        assert await spend(*each) == 100
        assert [await used(budget) for budget in each] == [[100]] * 3


async def test_processes_that_share_a_folder_are_one_replica(redis: Server, tmp_path: Path) -> None:
    """Processes that share a folder are one replica and spend exactly the limit."""
    async with replica(redis.url, tmp_path / "0", "40/day") as one, replica(redis.url, tmp_path / "0", "40/day") as two:
        redis.client.delete(lua.REFILLING)
        assert await spend(one, two) == 40
        assert len(redis.client.hgetall("promptcdn:spent:2026-11-23")) == 2


async def test_all_limits_hold_at_once_or_nothing_is_counted(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "9/hour, 7.5 credits/month") as (one, two, three):
        assert await spend(one, two) == 7
        with pytest.raises(Problem) as refused:
            await three.reserve(DEAR, NOON)
        assert refused.value.kind is problems.BUDGET_SPENT
        assert "7.5 credits/month (0.5 left, 1.5 needed)" in refused.value.detail
        assert "9/hour" not in refused.value.detail
        assert await used(three) == [7, 7000]


async def test_what_is_given_back_anybody_may_spend_and_only_once(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "2/day, 9 credits/week") as (one, two, _):
        reservation = await one.reserve(DEAR, NOON)
        assert await spend(two) == 1
        for _ in range(3):
            await one.give_back(reservation)
        assert await used(two) == [1, 1000]
        assert await spend(two) == 1


async def test_what_is_given_back_returns_to_the_day_it_was_charged_to(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "1/day") as (one, two, _):
        yesterday = await one.reserve(PLAIN, NOON - timedelta(days=1))
        await one.reserve(PLAIN, NOON)
        await one.give_back(yesterday)
        assert await spend(two) == 0
        await two.reserve(PLAIN, NOON - timedelta(days=1))


async def test_what_was_spent_is_told_by_engine_over_all_replicas(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "unlimited") as (one, two, three):
        await one.reserve(DEAR, NOON)
        await two.reserve(DEAR, NOON - timedelta(days=1))
        await two.reserve(PLAIN, NOON)
        assert await three.by_engine("day", NOON) == (Cost("painter/dear", 1, 1500), Cost("painter/plain", 1, 1000))
        assert await three.by_engine("month", NOON) == (Cost("painter/dear", 2, 3000), Cost("painter/plain", 1, 1000))
        assert await three.usage(NOON) == ()


async def test_a_generator_may_have_a_limit_of_its_own(redis: Server, tmp_path: Path) -> None:
    other = order(generator="a1111", engine="dear").resolved
    async with replicas(redis, tmp_path, "4/day, a1111=2/day, a1111=9 credits/day") as (one, two, three):
        await one.reserve(other, NOON)
        await two.reserve(other, NOON)
        with pytest.raises(Problem, match="a1111=2/day"):
            await three.reserve(other, NOON)
        assert await spend(three) == 2
        with pytest.raises(Problem, match=r": 4/day .*, a1111=2/day "):
            await one.reserve(other, NOON)
        assert [usage.used for usage in await two.usage(NOON)] == [4, 2, 3000]


async def test_who_comes_later_need_not_wait(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "9/day") as each, replica(redis.url, tmp_path / "later", "9/day") as later:
        assert await spend(*each, tries=2) == 6
        assert await spend(later) == 3


async def test_what_was_spent_before_redis_was_shared_counts(redis: Server, tmp_path: Path) -> None:
    alone = SqliteBudget(tmp_path / "budget.sqlite3", BudgetLimits.parse("10/day"), PRICES)
    for _ in range(4):
        await alone.reserve(PLAIN, NOON)
    await alone.close()

    async with replica(redis.url, tmp_path, "10/day") as budget:
        redis.client.delete(lua.REFILLING)
        assert await used(budget) == [4]
        assert await spend(budget) == 6


async def test_what_is_spent_in_another_database_is_another_services(redis: Server, tmp_path: Path) -> None:
    other_url = f"{redis.url}?db=1"
    async with replica(redis.url, tmp_path / "0", "9/day") as one, replica(other_url, tmp_path / "1", "9/day") as other:
        redis.client.flushall()
        assert await decided(one) + await decided(other) == 2
        assert await spend(one) == 8
        assert await used(other) == [1]


async def test_without_the_rights_to_publish_and_info_it_counts(redis: Server, tmp_path: Path) -> None:
    """Who may neither publish nor ask for the server's run counts all the same."""
    redis.client.acl_setuser(
        "default", enabled=True, nopass=True, commands=["+@all", "-info"], channels=[], reset_channels=True
    )
    async with replicas(redis, tmp_path, "9/day") as each:
        assert await spend(*each) == 9


async def test_all_that_is_kept_in_redis_ends(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "9/day") as (one, _, _):
        await one.give_back(await one.reserve(PLAIN, NOON))

    names = set(redis.client.scan_iter()) - {lua.EPOCH}
    assert {name for name in names if redis.client.expiretime(name) < 0} == set()


# A Redis that forgets


async def test_an_emptied_redis_decides_nothing_until_it_has_all(redis: Server, tmp_path: Path) -> None:
    """A Redis that was emptied decides nothing until the replicas have sent it all."""
    async with replicas(redis, tmp_path, "25/day") as (one, two, three):
        assert await spend(one, two, tries=5) == 10
        redis.client.flushall()
        since = time.monotonic()
        with pytest.raises(CounterUnavailable) as refused:
            await three.reserve(PLAIN, NOON)
        assert refused.value.retry_after == 5
        with pytest.raises(CounterUnavailable):
            await three.usage(NOON)
        assert await decided(three) == 1
        assert time.monotonic() - since >= budget_redis.Timings().refill
        assert await spend(one, two, three) == 14


async def test_what_is_left_is_unknown_until_redis_has_all_again(redis: Server, tmp_path: Path) -> None:
    """From the moment Redis is back until the replicas have sent it all."""
    async with replicas(redis, tmp_path, "25/day", count=1) as (one,):
        await one.reserve(PLAIN, NOON)
        redis.kill()
        with pytest.raises(CounterUnavailable):
            await one.usage(NOON)
        redis.start()
        while True:
            try:
                left = await one.usage(NOON)
            except CounterUnavailable:
                await asyncio.sleep(0.01)
            else:
                break
        await one.reserve(PLAIN, NOON)
        assert [limit.used for limit in left] == [1]


async def test_what_two_dead_replicas_spent_is_known_to_the_third(redis: Server, tmp_path: Path) -> None:
    async with replica(redis.url, tmp_path / "0", "25/day") as survivor:
        async with replicas(redis, tmp_path / "dead", "25/day", count=2) as dead:
            assert await spend(*dead, tries=10) == 20
            redis.kill()
        redis.start()
        assert await decided(survivor) + await spend(survivor) == 5


async def test_a_redis_with_an_older_state_is_sent_what_came_after(redis: Server, tmp_path: Path) -> None:
    """A Redis that read back an older state from its disk."""
    async with replicas(redis, tmp_path, "25/day") as each:
        assert await spend(*each, tries=2) == 6
        redis.client.save()
        assert await spend(*each, tries=4) == 12
        redis.kill()
        redis.start()
        assert redis.client.hlen("promptcdn:spent:2026-11-23") == 6
        assert await decided(each[0]) + await spend(*each) == 7


async def test_replicas_that_restart_on_an_empty_redis_remember(redis: Server, tmp_path: Path) -> None:
    """Replicas that all start again on an empty Redis remember."""
    async with replicas(redis, tmp_path, "25/day") as each:
        assert await spend(*each, tries=6) == 18
    redis.kill()
    redis.start()
    async with replicas(redis, tmp_path, "25/day") as each:
        assert await spend(*each) == 7


@pytest.mark.parametrize("lose", ["flush", "kill"])
async def test_a_redis_that_forgets_in_the_middle_lets_no_more_through(
    redis: Server, tmp_path: Path, lose: str
) -> None:
    async with replicas(redis, tmp_path, "400/day") as each:
        spending = asyncio.create_task(spend(*each, tries=100))
        async with asyncio.timeout(10):
            while not await used(each[0]) > [20]:
                pass
        if lose == "flush":
            redis.client.flushall()
        else:
            redis.kill()
            redis.start()
        paid = await spending
        assert 0 < paid < 300
        paid += await decided(each[0]) + await spend(*each)
        assert 400 - 3 * UNDER_WAY <= paid <= 400


async def test_what_is_counted_while_redis_is_told_is_told_too(redis: Server, tmp_path: Path) -> None:
    async with replicas(redis, tmp_path, "unlimited") as (one, two, _):
        await one.reserve(PLAIN, NOON)
        redis.client.flushall()
        await counted(two, 1)
        assert redis.client.exists(lua.REFILLING)
        await one.reserve(PLAIN, NOON)
        await counted(two, 2)


def test_a_smaller_number_that_is_sent_takes_nothing_away(redis: Server) -> None:
    """A replica that sends less than Redis has."""
    keys = [lua.EPOCH, lua.REFILLING, "promptcdn:spent:2026-11"]
    for number in (7, 5):
        sent = f'[[1, "a|x|p", {number}]]'
        answer = redis.client.eval(lua.SYNC, len(keys), *keys, "epoch", "2000", sent, "[9999999999]")

    assert answer[1] == [["a|x|p", "7"]]


def test_a_second_try_to_give_back_the_same_gives_nothing(redis: Server) -> None:
    keys = ["promptcdn:returned:once", *(f"promptcdn:spent:{period}" for period in periods(NOON))]
    for key in keys[1:]:
        redis.client.hset(key, "a|x|p", "9")
    for _ in range(2):
        given = ["60", "a|x|", '{"rp": 1, "rm": 0}', "[9999999999, 9999999999, 9999999999, 9999999999]"]
        redis.client.eval(lua.GIVE_BACK, len(keys), *keys, *given)

    assert redis.client.hget("promptcdn:spent:2026-11", "a|x|rp") == "1"


# A Redis that is down


async def test_while_redis_is_down_nothing_is_paid_for(redis: Server, tmp_path: Path) -> None:
    """Nothing is paid for while Redis is down and soon after it is."""
    async with replicas(redis, tmp_path, "25/day") as (one, two, _):
        assert await spend(one, tries=5) == 5
        redis.kill()
        since = time.monotonic()
        with pytest.raises(CounterUnavailable):
            await two.reserve(PLAIN, NOON)
        with pytest.raises(CounterUnavailable):
            await two.usage(NOON)
        assert time.monotonic() - since < 1
        redis.start()
        since = time.monotonic()
        assert await decided(two) == 1
        assert time.monotonic() - since < 3
        assert await spend(one, two) == 19


async def test_without_limits_a_redis_that_is_down_stops_nobody(redis: Server, tmp_path: Path) -> None:
    """And when it is back it is sent what was counted meanwhile."""
    async with replicas(redis, tmp_path, "unlimited") as (one, two, three):
        assert await spend(one, tries=5) == 5
        redis.kill()
        assert await spend(one, two, tries=5) == 10
        redis.start()
        await counted(three, 15)


# Processes


async def pay(url: str, folder: Path, ledger: Path) -> None:
    """Spends all that it can; the ledger has a letter for each picture, written after it was reserved."""
    written = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    async with replica(url, folder, "300/day", Timings()) as budget:
        while await decided(budget):
            os.write(written, b"p")


def paying_process(url: str, folder: Path, ledger: Path) -> None:
    anyio.run(pay, url, folder, ledger)


@pytest.mark.parametrize("lose", ["flush", "kill"])
def test_a_replica_and_redis_dying_together_let_no_more_through(redis: Server, tmp_path: Path, lose: str) -> None:
    """A replica and Redis that die together let no more through."""
    ledger = tmp_path / "ledger"
    ledger.touch()
    payers = [SPAWN.Process(target=paying_process, args=(redis.url, tmp_path / str(n), ledger)) for n in range(3)]
    for payer in payers:
        payer.start()
    while ledger.stat().st_size < 100:
        time.sleep(0.001)
    payers[0].kill()
    if lose == "flush":
        redis.client.flushall()
    else:
        redis.kill()
        redis.start()
    for payer in payers:
        payer.join()

    assert [payer.exitcode for payer in payers[1:]] == [0, 0]
    assert 300 - 3 <= ledger.stat().st_size <= 300


def test_all_processes_of_a_folder_are_the_same_replica(tmp_path: Path) -> None:
    with SPAWN.Pool(4) as processes:
        names = processes.map(volumes.replica_id, [tmp_path] * 40)

    assert len(set(names)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["replica"]
