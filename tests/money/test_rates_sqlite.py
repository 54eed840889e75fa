"""One client starts so many new pictures and not one more: between processes, across restarts, whatever breaks."""

import contextlib
import logging
import multiprocessing
import sqlite3
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from multiprocessing.synchronize import Barrier
from pathlib import Path

import anyio
import pytest

from promptcdn import problems
from promptcdn.money.rates import NoRates, Rates
from promptcdn.money.rates.rate import Rate
from promptcdn.money.rates.sqlite import SqliteRates, Timings
from promptcdn.problems import Problem
from promptcdn.readers.clients import Client
from promptcdn.readers.response_headers import problem_headers
from tests.support.fakes import NOON

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
ANN, BOB = Client(ip_network("203.0.113.9")), Client(ip_network("2001:db8::/64"))


@contextlib.asynccontextmanager
async def opened(
    folder: Path, rate: str, timings: Timings | None = None, most_starts: int = 100_000
) -> AsyncIterator[SqliteRates]:
    """The rates of a process on the file in `folder`."""
    parsed = Rate.parse(rate)
    assert parsed is not None
    rates = SqliteRates(folder / "rates.sqlite3", parsed, timings, most_starts)
    await rates.start()
    try:
        yield rates
    finally:
        await rates.close()


async def start(
    rates: SqliteRates,
    client: Client = ANN,
    kid: str | None = None,
    at: datetime = NOON,
    most: int = 1000,
    image_proxy: bool = False,
) -> int:
    """How many pictures may still be started, up to `most`."""
    for started in range(most):
        try:
            await rates.charge(client, kid, at, image_proxy=image_proxy)
        except Problem as problem:
            if problem.kind is not problems.RATE_LIMITED:
                raise
            return started
    return most


def limits(problem: Problem) -> tuple[str, str]:
    headers = problem_headers(problem)
    return headers["ratelimit"], headers["ratelimit-policy"]


async def refused(
    rates: SqliteRates, kid: str | None = None, at: datetime = NOON, image_proxy: bool = False
) -> Problem:
    with pytest.raises(Problem) as caught:
        await rates.charge(ANN, kid, at, image_proxy=image_proxy)
    return caught.value


def rows(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / "rates.sqlite3")) as database:
        (count,) = database.execute("SELECT count(*) FROM started").fetchone()
    return int(count)


# Counting


async def test_so_many_and_not_one_more(tmp_path: Path) -> None:
    async with opened(tmp_path, "7/minute") as rates:
        assert await start(rates) == 7


async def test_each_client_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, ANN) == 3
        assert await start(rates, BOB) == 3
        assert await start(rates, Client(None)) == 3
        assert await start(rates, ANN) == 0


async def test_no_minute_has_more_also_where_two_minutes_meet(tmp_path: Path) -> None:
    """There are never more in any minute also where two minutes meet."""
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, at=NOON + timedelta(seconds=59), most=2) == 2
        assert await start(rates, at=NOON + timedelta(seconds=70)) == 1
        assert await start(rates, at=NOON + timedelta(seconds=118)) == 0
        assert await start(rates, at=NOON + timedelta(seconds=120)) == 2
        assert await start(rates, at=NOON + timedelta(seconds=131)) == 1


async def test_who_is_refused_is_told_when_the_next_one_may_be_started(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/minute") as rates:
        await start(rates, at=NOON, most=1)
        await start(rates, at=NOON + timedelta(seconds=30), most=1)
        problem = await refused(rates, at=NOON + timedelta(seconds=48))
        assert problem.retry_after == 13
        assert problem.detail == (
            "one client may start at most 2 new pictures per minute: try again in 13 s."
            " Pictures that are already stored are still shown"
        )
        assert await start(rates, at=NOON + timedelta(seconds=48 + 13)) == 1


async def test_what_is_refused_is_not_counted(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/minute") as rates:
        assert await start(rates, most=2) == 2
        for second in range(60):
            await refused(rates, at=NOON + timedelta(seconds=second))
        assert await start(rates, at=NOON + timedelta(seconds=61)) == 2


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    for most, started in ((3, 3), (1000, 2), (1000, 0)):
        async with opened(tmp_path, "5/hour") as rates:
            assert await start(rates, most=most) == started


async def test_without_a_rate_nobody_is_refused() -> None:
    rates: Rates = NoRates()
    await rates.start()
    for _ in range(1000):
        await rates.charge(ANN, "blog", NOON)
    await rates.close()


# Keys that sign


async def test_a_signed_url_is_charged_to_its_key_and_to_the_client(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, ANN, "blog", most=2) == 2
        assert await start(rates, BOB, "blog") == 1
        assert await start(rates, BOB, "other") == 2
        assert await start(rates, ANN) == 1


async def test_a_start_that_the_key_is_refused_costs_the_client_none(tmp_path: Path) -> None:
    """What the key is refused for is not charged to the client."""
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, BOB, "blog") == 3
        assert await start(rates, ANN, "blog") == 0
        assert await start(rates, ANN) == 3


async def test_a_key_is_no_client_of_the_same_name(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, BOB, str(ANN), most=3) == 3
        assert await start(rates, ANN) == 3


# Image proxies


async def test_image_proxies_share_a_pot_beyond_their_own_rate(tmp_path: Path) -> None:
    """Image proxies have a pot beyond their own rate which all share."""
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, ANN, image_proxy=True) == 3 + 30
        assert await start(rates, BOB, image_proxy=True) == 3
        assert await start(rates, ANN, image_proxy=True) == 0


async def test_an_emptied_pot_takes_nothing_from_anyones_own_rate(tmp_path: Path) -> None:
    """Whoever empties the pot takes nothing from others own rate."""
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, ANN, image_proxy=True) == 33
        assert await start(rates, BOB) == 3


async def test_the_pot_is_not_for_keys(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, ANN, "blog", image_proxy=True) == 3
        assert await start(rates, ANN, image_proxy=True) == 30


# What is answered


async def test_the_headers_say_the_policy_and_the_wait(tmp_path: Path) -> None:
    async with opened(tmp_path, "60/minute") as rates:
        await start(rates)
        problem = await refused(rates, at=NOON + timedelta(seconds=48))
        assert limits(problem) == ('"client";r=0;t=13', '"client";q=60;w=60')


async def test_the_headers_name_the_key_where_that_is_what_is_over(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/hour") as rates:
        await start(rates, BOB, "blog")
        problem = await refused(rates, "blog")
        assert limits(problem) == ('"kid";r=0;t=3601', '"kid";q=2;w=3600')
        assert "blog" not in problem.detail


async def test_an_image_proxy_is_told_the_shorter_of_its_waits(tmp_path: Path) -> None:
    async with opened(tmp_path, "1/minute") as rates:
        assert await start(rates, BOB, at=NOON, image_proxy=True, most=2) == 2
        assert await start(rates, ANN, at=NOON + timedelta(seconds=30), image_proxy=True) == 1 + 9
        assert (await refused(rates, at=NOON + timedelta(seconds=40), image_proxy=True)).retry_after == 21


# Bounds


async def test_what_is_over_is_swept_out(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute") as rates:
        for number in range(50):
            await rates.charge(Client(ip_network(f"203.0.113.{number}")), None, NOON)
        await rates.charge(ANN, None, NOON + timedelta(seconds=61))
    assert rows(tmp_path) == 1


async def test_more_clients_than_fit_make_the_oldest_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/minute", most_starts=20) as rates:
        for number in range(50):
            await rates.charge(Client(ip_network(f"203.0.113.{number}")), None, NOON)
    assert rows(tmp_path) == 21


async def test_a_clock_set_back_by_a_year_refuses_nobody_for_a_year(tmp_path: Path) -> None:
    """A clock that was set back by a year refuses nobody for a year."""
    async with opened(tmp_path, "3/minute") as rates:
        assert await start(rates, at=NOON + timedelta(days=365)) == 3
        assert await start(rates, at=NOON) == 3


# Processes


async def start_one_each(folder: Path, number: int, together: Barrier) -> None:
    started = 0
    async with opened(folder, "1/hour", Timings(patience=60)) as rates:
        for client in [Client(ip_network(f"203.0.113.{low}")) for low in range(200)]:
            together.wait(60)
            started += await start(rates, client, most=1)
    (folder / str(number)).write_text(str(started))


def process(folder: Path, number: int, together: Barrier) -> None:
    anyio.run(start_one_each, folder, number, together)


def test_racing_processes_start_exactly_as_many_as_allowed(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    starters = [SPAWN.Process(target=process, args=(tmp_path, number, together)) for number in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert [starter.exitcode for starter in starters] == [0] * 4
    assert sum(int((tmp_path / str(number)).read_text()) for number in range(4)) == 200


# Files that are no use


def test_a_file_that_is_no_database_is_refused_at_the_start(tmp_path: Path) -> None:
    """A file that cannot be counted in is refused at the start."""
    (tmp_path / "rates.sqlite3").write_text("this is no database, whatever its name says\n" * 100)

    with pytest.raises(OSError, match="rates"):
        SqliteRates(tmp_path / "rates.sqlite3", Rate(1, "day"))


async def test_a_counter_that_does_not_answer_refuses_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And the log says so once."""
    later = NOON + timedelta(seconds=6)  # when a refusal is not cached any more
    with caplog.at_level(logging.WARNING):
        async with opened(tmp_path, "2/minute", Timings(patience=0.05, pause=0)) as rates:
            assert await start(rates) == 2
            with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3", isolation_level=None)) as other:
                other.execute("BEGIN EXCLUSIVE")
                assert await start(rates, at=later, most=3) == 3
            assert await start(rates, at=later) == 0
    assert len(caplog.records) == 1


async def test_a_counter_that_does_not_answer_is_left_alone_a_while(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/minute", Timings(patience=0.05)) as rates:
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await start(rates, most=1) == 1
        assert await start(rates) == 1000


async def test_a_counter_that_was_taken_away_lets_through(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/minute") as rates:
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3")) as other:
            other.execute("DROP TABLE started")
        assert await start(rates, most=10) == 10


async def test_who_was_refused_is_refused_from_memory(tmp_path: Path) -> None:
    """With the same headers, while the file is locked and would let everybody through."""
    later = NOON + timedelta(seconds=2)
    async with opened(tmp_path, "2/minute", Timings(patience=0)) as rates:
        assert await start(rates) == 2
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            cached = rates.refusal(ANN, later)

            assert cached is not None
            assert (cached.kind, cached.retry_after) == (problems.RATE_LIMITED, 59)  # and a bit: whole seconds
            assert limits(await refused(rates, at=later)) == limits(cached)
            assert rates.refusal(BOB, later) is None


async def test_a_cached_refusal_lasts_no_longer_than_the_counters(tmp_path: Path) -> None:
    """What is remembered lets nobody wait longer than the counter would."""
    async with opened(tmp_path, "2/second") as rates:
        assert await start(rates) == 2
        assert await start(rates, at=NOON + timedelta(seconds=0.9)) == 0
        assert await start(rates, at=NOON + timedelta(seconds=1.001)) == 2
