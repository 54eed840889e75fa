"""One client starts so many new pictures and not one more: between processes, across restarts, whatever breaks."""

import asyncio
import contextlib
import logging
import multiprocessing
import sqlite3
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from ipaddress import ip_network
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import pytest

from promptcdn import problems
from promptcdn.money.rates import NoRates, Rates
from promptcdn.money.rates import sqlite as room
from promptcdn.money.rates.rate import Rate
from promptcdn.money.rates.sqlite import SqliteRates
from promptcdn.problems import Problem
from promptcdn.readers.clients import Client
from promptcdn.readers.headers import problem_headers
from tests.support.fakes import NOON

_T = TypeVar("_T")

SPAWN = multiprocessing.get_context("spawn")
ANN, BOB = Client(ip_network("203.0.113.9")), Client(ip_network("2001:db8::/64"))


def within(folder: Path, rate: str, work: Callable[[SqliteRates], Awaitable[_T]]) -> _T:
    async def lived() -> _T:
        parsed = Rate.parse(rate)
        assert parsed is not None
        rates = SqliteRates(folder / "rates.sqlite3", parsed)
        try:
            return await work(rates)
        finally:
            await rates.close()

    return asyncio.run(lived())


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


def test_so_many_and_not_one_more(tmp_path: Path) -> None:
    assert within(tmp_path, "7/minute", start) == 7


def test_each_client_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, ANN) == 3
        assert await start(rates, BOB) == 3
        assert await start(rates, Client(None)) == 3
        assert await start(rates, ANN) == 0

    within(tmp_path, "3/minute", work)


def test_there_are_never_more_in_any_minute_also_where_two_minutes_meet(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, at=NOON + timedelta(seconds=59), most=2) == 2
        assert await start(rates, at=NOON + timedelta(seconds=70)) == 1
        assert await start(rates, at=NOON + timedelta(seconds=118)) == 0
        assert await start(rates, at=NOON + timedelta(seconds=120)) == 2
        assert await start(rates, at=NOON + timedelta(seconds=131)) == 1

    within(tmp_path, "3/minute", work)


def test_who_is_refused_is_told_when_the_next_one_may_be_started(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        await start(rates, at=NOON, most=1)
        await start(rates, at=NOON + timedelta(seconds=30), most=1)
        problem = await refused(rates, at=NOON + timedelta(seconds=48))
        assert problem.retry_after == 13
        assert problem.detail == (
            "one client may start at most 2 new pictures per minute: try again in 13 s."
            " Pictures that are already stored are still shown"
        )
        assert await start(rates, at=NOON + timedelta(seconds=48 + 13)) == 1

    within(tmp_path, "2/minute", work)


def test_what_is_refused_is_not_counted(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, most=2) == 2
        for second in range(60):
            await refused(rates, at=NOON + timedelta(seconds=second))
        assert await start(rates, at=NOON + timedelta(seconds=61)) == 2

    within(tmp_path, "2/minute", work)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    assert within(tmp_path, "5/hour", lambda rates: start(rates, most=3)) == 3
    assert within(tmp_path, "5/hour", start) == 2
    assert within(tmp_path, "5/hour", start) == 0


def test_uncounted_refuses_nobody() -> None:
    async def lived() -> None:
        rates: Rates = NoRates()
        await rates.start()
        for _ in range(1000):
            await rates.charge(ANN, "blog", NOON)
        await rates.close()

    asyncio.run(lived())


# Keys that sign


def test_a_signed_url_is_charged_to_its_key_and_to_the_client(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, ANN, "blog", most=2) == 2
        assert await start(rates, BOB, "blog") == 1
        assert await start(rates, BOB, "other") == 2
        assert await start(rates, ANN) == 1

    within(tmp_path, "3/minute", work)


def test_what_the_key_is_refused_for_is_not_charged_to_the_client(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, BOB, "blog") == 3
        assert await start(rates, ANN, "blog") == 0
        assert await start(rates, ANN) == 3

    within(tmp_path, "3/minute", work)


def test_a_key_is_no_client_of_the_same_name(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, BOB, str(ANN), most=3) == 3
        assert await start(rates, ANN) == 3

    within(tmp_path, "3/minute", work)


# Image proxies


def test_image_proxies_have_a_pot_beyond_their_own_rate_which_all_share(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, ANN, image_proxy=True) == 3 + 30
        assert await start(rates, BOB, image_proxy=True) == 3
        assert await start(rates, ANN, image_proxy=True) == 0

    within(tmp_path, "3/minute", work)


def test_whoever_empties_the_pot_takes_nothing_from_others_own_rate(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, ANN, image_proxy=True) == 33
        assert await start(rates, BOB) == 3

    within(tmp_path, "3/minute", work)


def test_the_pot_is_not_for_keys(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, ANN, "blog", image_proxy=True) == 3
        assert await start(rates, ANN, image_proxy=True) == 30

    within(tmp_path, "3/minute", work)


# What is answered


def test_the_headers_say_the_policy_and_the_wait(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        await start(rates)
        problem = await refused(rates, at=NOON + timedelta(seconds=48))
        assert limits(problem) == ('"client";r=0;t=13', '"client";q=60;w=60')

    within(tmp_path, "60/minute", work)


def test_the_headers_name_the_key_where_that_is_what_is_over(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        await start(rates, BOB, "blog")
        problem = await refused(rates, "blog")
        assert limits(problem) == ('"kid";r=0;t=3601', '"kid";q=2;w=3600')
        assert "blog" not in problem.detail

    within(tmp_path, "2/hour", work)


def test_an_image_proxy_is_told_the_shorter_of_its_waits(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, BOB, at=NOON, image_proxy=True, most=2) == 2
        assert await start(rates, ANN, at=NOON + timedelta(seconds=30), image_proxy=True) == 1 + 9
        assert (await refused(rates, at=NOON + timedelta(seconds=40), image_proxy=True)).retry_after == 21

    within(tmp_path, "1/minute", work)


# Bounds


def test_what_is_over_is_swept_out(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        for number in range(50):
            await rates.charge(Client(ip_network(f"203.0.113.{number}")), None, NOON)
        await rates.charge(ANN, None, NOON + timedelta(seconds=61))

    within(tmp_path, "3/minute", work)
    assert rows(tmp_path) == 1


def test_more_clients_than_fit_make_the_oldest_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_STARTS_MAX", 20)

    async def work(rates: SqliteRates) -> None:
        for number in range(50):
            await rates.charge(Client(ip_network(f"203.0.113.{number}")), None, NOON)

    within(tmp_path, "3/minute", work)
    assert rows(tmp_path) == 21


def test_a_clock_that_was_set_back_by_a_year_refuses_nobody_for_a_year(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates, at=NOON + timedelta(days=365)) == 3
        assert await start(rates, at=NOON) == 3

    within(tmp_path, "3/minute", work)


# Processes


def start_one_each(folder: Path, number: int, together: Barrier) -> None:
    room._PATIENCE = 60

    async def work(rates: SqliteRates) -> None:
        started = 0
        for client in [Client(ip_network(f"203.0.113.{low}")) for low in range(200)]:
            together.wait(60)
            started += await start(rates, client, most=1)
        (folder / str(number)).write_text(str(started))

    within(folder, "1/hour", work)


def test_racing_processes_start_exactly_as_many_as_allowed(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    starters = [SPAWN.Process(target=start_one_each, args=(tmp_path, number, together)) for number in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert [starter.exitcode for starter in starters] == [0] * 4
    assert sum(int((tmp_path / str(number)).read_text()) for number in range(4)) == 200


# Files that are no use


def test_a_file_that_cannot_be_counted_in_is_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "rates.sqlite3").write_text("this is no database, whatever its name says\n" * 100)

    with pytest.raises(OSError, match="rates"):
        SqliteRates(tmp_path / "rates.sqlite3", Rate(1, "day"))


def test_where_the_counter_does_not_answer_everybody_may_and_the_log_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(room, "_PATIENCE", 0.05)
    monkeypatch.setattr(room, "_PAUSE", 0)

    async def work(rates: SqliteRates) -> None:
        assert await start(rates) == 2
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await start(rates, at=later, most=3) == 3
        assert await start(rates, at=later) == 0

    later = NOON + timedelta(seconds=6)  # when its refusal is not remembered any more
    with caplog.at_level(logging.WARNING):
        within(tmp_path, "2/minute", work)
    assert len(caplog.records) == 1


def test_a_counter_that_does_not_answer_is_left_alone_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_PATIENCE", 0.05)

    async def work(rates: SqliteRates) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert await start(rates, most=1) == 1
        assert await start(rates) == 1000

    within(tmp_path, "2/minute", work)


def test_a_counter_that_was_taken_away_lets_through(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "rates.sqlite3")) as other:
            other.execute("DROP TABLE started")
        assert await start(rates, most=10) == 10

    within(tmp_path, "2/minute", work)


def test_who_was_refused_is_refused_from_memory_and_told_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates) == 2
        monkeypatch.setattr(room, "_pay", None)
        later = NOON + timedelta(seconds=2)
        known = rates.refusal(ANN, later)

        assert known is not None
        assert (known.kind, known.retry_after) == (problems.RATE_LIMITED, 59)  # and a bit: whole seconds
        assert limits(await refused(rates, at=later)) == limits(known)
        assert rates.refusal(BOB, later) is None

    within(tmp_path, "2/minute", work)


def test_what_is_remembered_lets_nobody_wait_longer_than_the_counter_would(tmp_path: Path) -> None:
    async def work(rates: SqliteRates) -> None:
        assert await start(rates) == 2
        assert await start(rates, at=NOON + timedelta(seconds=0.9)) == 0
        assert await start(rates, at=NOON + timedelta(seconds=1.001)) == 2

    within(tmp_path, "2/second", work)
