"""The operator's brake holds between processes, across restarts and through kill -9."""

import asyncio
import contextlib
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TypeVar

import pytest

from proxy import budget as room
from proxy import problems
from proxy.budget import Limit, SqliteBudget, Unlimited
from proxy.problems import Problem, StoreUnknown
from proxy.request import Calendar
from tests.doubles import NOON

_T = TypeVar("_T")

SPAWN = multiprocessing.get_context("spawn")


def within(folder: Path, limit: str, work: Callable[[SqliteBudget], Awaitable[_T]]) -> _T:
    async def lived() -> _T:
        parsed = Limit.parse(limit)
        assert parsed is not None
        budget = SqliteBudget(folder / "budget.sqlite3", parsed)
        try:
            return await work(budget)
        finally:
            await budget.close()

    return asyncio.run(lived())


async def spend(budget: SqliteBudget, at: datetime = NOON, most: int = 1000) -> int:
    """How many pictures could still be paid for, up to `most`."""
    for spent in range(most):
        try:
            await budget.reserve(at)
        except Problem as problem:
            if problem.kind is not problems.BUDGET_SPENT:
                raise
            return spent
    return most


def spend_in(folder: Path, limit: str, at: datetime = NOON, most: int = 1000) -> int:
    return within(folder, limit, lambda budget: spend(budget, at, most))


# What an operator may say


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("100/day", Limit(100, "day")),
        ("0/hour", Limit(0, "hour")),
        ("1/week", Limit(1, "week")),
        ("999999999/month", Limit(999_999_999, "month")),
        ("unlimited", None),
    ],
)
def test_a_limit_is_so_many_pictures_in_a_period(text: str, limit: Limit | None) -> None:
    assert Limit.parse(text) == limit
    assert str(limit or "unlimited") == text


@pytest.mark.parametrize(
    "text",
    ["", "100", "/day", "100/", "100/year", "100/Day", "100/days", "-1/day", "+1/day", "1.5/day", "1e3/day"],
)
def test_what_is_no_limit_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        Limit.parse(text)


@pytest.mark.parametrize(
    "text",
    ["100 / day", "100/day ", "100/day\n", "1000000000/day", "١٠/day", "Unlimited", "none", "100/day,5/hour"],
)
def test_a_limit_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="100/day"):
        Limit.parse(text)


# Counting


def test_so_many_and_not_one_more(tmp_path: Path) -> None:
    assert spend_in(tmp_path, "7/day") == 7


def test_a_limit_of_nothing_pays_for_nothing(tmp_path: Path) -> None:
    assert spend_in(tmp_path, "0/day") == 0


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    assert spend_in(tmp_path, "5/day", most=3) == 3
    assert spend_in(tmp_path, "5/day") == 2
    assert spend_in(tmp_path, "5/day") == 0


def test_what_is_given_back_can_be_spent_again(tmp_path: Path) -> None:
    async def work(budget: SqliteBudget) -> None:
        reservation = await budget.reserve(NOON)
        assert await spend(budget) == 0
        await budget.give_back(reservation)
        assert await spend(budget) == 1

    within(tmp_path, "1/day", work)


def test_what_is_given_back_returns_to_the_hour_it_was_charged_to(tmp_path: Path) -> None:
    async def work(budget: SqliteBudget) -> None:
        before_midnight = NOON.replace(hour=23, minute=59)
        reservation = await budget.reserve(before_midnight)
        await budget.reserve(before_midnight + timedelta(minutes=2))
        await budget.give_back(reservation)
        assert await spend(budget, before_midnight) == 1
        assert await spend(budget, before_midnight + timedelta(minutes=2)) == 0

    within(tmp_path, "1/day", work)


def test_giving_back_twice_makes_no_room_that_was_never_there(tmp_path: Path) -> None:
    async def work(budget: SqliteBudget) -> None:
        reservation = await budget.reserve(NOON)
        for _ in range(3):
            await budget.give_back(reservation)
        assert await spend(budget) == 2

    within(tmp_path, "2/day", work)


@pytest.mark.parametrize(
    ("first", "then", "left"), [("3/hour", "5/day", 2), ("3/day", "4/hour", 1), ("3/month", "3/week", 0)]
)
def test_a_changed_limit_counts_what_was_spent_before(tmp_path: Path, first: str, then: str, left: int) -> None:
    assert spend_in(tmp_path, first) == 3
    assert spend_in(tmp_path, then) == left


def test_hours_of_the_same_day_add_up(tmp_path: Path) -> None:
    assert spend_in(tmp_path, "3/day", NOON, most=2) == 2
    assert spend_in(tmp_path, "3/day", NOON + timedelta(hours=11)) == 1


async def spend_unlimited() -> None:
    budget = Unlimited()
    for _ in range(1000):
        await budget.give_back(await budget.reserve(NOON))
    await budget.close()


def test_unlimited_is_never_spent() -> None:
    asyncio.run(spend_unlimited())


# Periods


@pytest.mark.parametrize(
    ("unit", "first_of_the_next"),
    [
        ("hour", datetime(2026, 11, 23, 14, tzinfo=UTC)),
        ("hour", datetime(2027, 1, 1, tzinfo=UTC)),
        ("day", datetime(2026, 11, 23, tzinfo=UTC)),
        ("day", datetime(2028, 3, 1, tzinfo=UTC)),
        ("week", datetime(2026, 11, 23, tzinfo=UTC)),
        ("week", datetime(2027, 1, 4, tzinfo=UTC)),
        ("month", datetime(2026, 12, 1, tzinfo=UTC)),
        ("month", datetime(2027, 1, 1, tzinfo=UTC)),
        ("month", datetime(2028, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_period_is_spent_to_its_last_moment_and_the_next_is_new(
    tmp_path: Path, unit: Calendar, first_of_the_next: datetime
) -> None:
    last = first_of_the_next - timedelta(microseconds=1)

    assert spend_in(tmp_path, f"2/{unit}", last - timedelta(minutes=59)) == 2
    assert spend_in(tmp_path, f"2/{unit}", last) == 0
    assert spend_in(tmp_path, f"2/{unit}", first_of_the_next) == 2


def test_a_week_that_spans_two_years_is_one_week(tmp_path: Path) -> None:
    assert spend_in(tmp_path, "1/week", datetime(2026, 12, 31, 23, tzinfo=UTC)) == 1
    assert spend_in(tmp_path, "1/week", datetime(2027, 1, 1, 0, tzinfo=UTC)) == 0


def test_periods_are_utcs_whatever_the_clock_on_the_wall_says(tmp_path: Path) -> None:
    early_tuesday_in_tokyo = datetime(2026, 11, 24, 8, 30, tzinfo=timezone(timedelta(hours=9)))

    assert spend_in(tmp_path, "1/day", NOON) == 1
    assert spend_in(tmp_path, "1/day", early_tuesday_in_tokyo) == 0
    assert spend_in(tmp_path, "1/day", early_tuesday_in_tokyo + timedelta(minutes=30)) == 1


def test_who_is_refused_is_told_when_the_next_period_begins(tmp_path: Path) -> None:
    async def work(budget: SqliteBudget) -> None:
        with pytest.raises(Problem) as refused:
            await budget.reserve(NOON.replace(hour=23, minute=59, second=30))
        assert refused.value.kind is problems.BUDGET_SPENT
        assert refused.value.retry_after == 31
        assert "0/day" in refused.value.detail
        assert "2026-11-24T00" in refused.value.detail

    within(tmp_path, "0/day", work)


# Processes


def pay(folder: Path, limit: str, number: int, together: Barrier | None = None) -> None:
    """A process that spends all it can; the ledger has a line for each picture, written after it was reserved."""

    async def work(budget: SqliteBudget) -> None:
        ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        if together is not None:
            together.wait(60)
        with contextlib.suppress(Problem):
            while True:
                await budget.reserve(NOON)
                os.write(ledger, b"%d\n" % number)
        os.close(ledger)

    within(folder, limit, work)


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger"
    return path.read_text().split() if path.exists() else []


def test_four_racing_processes_spend_exactly_the_limit(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    payers = [SPAWN.Process(target=pay, args=(tmp_path, "200/day", number, together)) for number in range(4)]
    for payer in payers:
        payer.start()
    for payer in payers:
        payer.join()

    assert [payer.exitcode for payer in payers] == [0] * 4
    assert len(ledger(tmp_path)) == 200


def test_kill_9_counts_too_much_at_most_never_too_little(tmp_path: Path) -> None:
    chance = random.Random(9)
    kills = 0
    for two in range(0, 10, 2):
        paid = len(ledger(tmp_path))
        payers = [SPAWN.Process(target=pay, args=(tmp_path, "1000000/day", number)) for number in (two, two + 1)]
        for payer in payers:
            payer.start()
        for payer in payers:
            while payer.is_alive() and len(ledger(tmp_path)) < paid + chance.randrange(1, 40):
                time.sleep(0.001)
            payer.kill()
            payer.join()
            kills += payer.exitcode == -signal.SIGKILL

    paid = len(ledger(tmp_path))
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3")) as database:
        (counted,) = database.execute("SELECT sum(pictures) FROM spent").fetchone()

    assert kills == 10
    assert paid <= counted <= paid + kills
    assert spend_in(tmp_path, f"{counted + 3}/day") == 3


def open_and_close(folder: Path, together: Barrier) -> None:
    together.wait(60)
    for round_ in range(20):
        (folder / str(round_)).mkdir(exist_ok=True)
        together.wait(60)
        spend_in(folder / str(round_), "100/day", most=1)


def test_processes_that_start_together_on_a_new_file_all_start(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    starters = [SPAWN.Process(target=open_and_close, args=(tmp_path, together)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert [starter.exitcode for starter in starters] == [0] * 4
    assert [spend_in(tmp_path / str(round_), "100/day") for round_ in range(20)] == [96] * 20


# Files that are no use


def a_text(path: Path) -> None:
    path.write_text("this is no database, whatever its name says\n" * 100)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [a_text, a_folder])
def test_a_file_that_cannot_be_counted_in_is_refused_at_the_start(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "budget.sqlite3")

    with pytest.raises(OSError, match="budget"):
        SqliteBudget(tmp_path / "budget.sqlite3", Limit(1, "day"))


def test_a_file_in_a_missing_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="budget"):
        SqliteBudget(tmp_path / "missing" / "budget.sqlite3", Limit(1, "day"))


def test_a_locked_counter_is_unknown_and_works_again_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_BUSY_SECONDS", 0.05)

    async def work(budget: SqliteBudget) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreUnknown):
                await budget.reserve(NOON)
        assert await spend(budget) == 3

    within(tmp_path, "3/day", work)


def test_a_file_that_another_process_is_just_setting_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "budget.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE something (that INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(time, "sleep", lambda _: other.execute("COMMIT"))

        assert spend_in(tmp_path, "3/day") == 3


def test_a_counter_that_was_taken_away_is_unknown_and_never_counts_as_unspent(tmp_path: Path) -> None:
    async def work(budget: SqliteBudget) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3")) as other:
            other.execute("DROP TABLE spent")
        for _ in range(2):
            with pytest.raises(StoreUnknown):
                await budget.reserve(NOON)

    within(tmp_path, "3/day", work)


def fill_up(folder: Path) -> None:
    """A process whose disk is full from the second picture on, and then has room again."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    async def work(budget: SqliteBudget) -> None:
        await budget.reserve(NOON)
        size = (folder / "budget.sqlite3-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for _ in range(3):
            with pytest.raises(StoreUnknown):
                await budget.reserve(NOON)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert 1 <= await spend(budget) <= 4

    within(folder, "5/day", work)


def test_a_full_disk_pays_for_nothing_and_is_used_again_when_there_is_room(tmp_path: Path) -> None:
    process = SPAWN.Process(target=fill_up, args=(tmp_path,))
    process.start()
    process.join()

    assert process.exitcode == 0
    assert spend_in(tmp_path, "5/day") == 0
