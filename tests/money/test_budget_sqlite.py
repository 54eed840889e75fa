"""The operator's brake holds between processes, across restarts and through kill -9."""

import contextlib
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import anyio
import pytest

from promptcdn import problems
from promptcdn.generators.stability.grpc.prices import PRICES as PRICES_OF_STABILITY
from promptcdn.money.budget import Budget, NoBudget
from promptcdn.money.budget.limits import BudgetLimits
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.costs import Cost, Prices
from promptcdn.problems import CounterUnavailable, Problem
from promptcdn.url.periods import Period
from promptcdn.url.request import Resolved
from tests.support.fakes import NOON, order

pytestmark = pytest.mark.anyio

SPAWN = multiprocessing.get_context("spawn")
PRICES = Prices({"dear": 1500, "free": 0}, published={"painter": PRICES_OF_STABILITY})
PICTURE, DEAR, FREE = (order(engine=engine).resolved for engine in ("stable-diffusion-v1-6", "dear", "free"))


@contextlib.asynccontextmanager
async def opened(folder: Path, limits: str, patience: float = 10.0) -> AsyncIterator[SqliteBudget]:
    """The budget of a process on the file in `folder`."""
    budget = SqliteBudget(folder / "budget.sqlite3", BudgetLimits.parse(limits), PRICES, patience)
    await budget.start()
    try:
        yield budget
    finally:
        await budget.close()


async def spend(budget: SqliteBudget, at: datetime = NOON, most: int = 1000, what: Resolved = PICTURE) -> int:
    """How many pictures could still be paid for, up to `most`."""
    for spent in range(most):
        try:
            await budget.reserve(what, at)
        except Problem as problem:
            if problem.kind is not problems.BUDGET_SPENT:
                raise
            return spent
    return most


async def spend_in(folder: Path, limits: str, at: datetime = NOON, most: int = 1000) -> int:
    async with opened(folder, limits) as budget:
        return await spend(budget, at, most)


# Counting


async def test_so_many_and_not_one_more(tmp_path: Path) -> None:
    assert await spend_in(tmp_path, "7/day") == 7


async def test_a_limit_of_nothing_pays_for_nothing(tmp_path: Path) -> None:
    assert await spend_in(tmp_path, "0/day") == 0


async def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    assert await spend_in(tmp_path, "5/day", most=3) == 3
    assert await spend_in(tmp_path, "5/day") == 2
    assert await spend_in(tmp_path, "5/day") == 0


async def test_what_is_given_back_can_be_spent_again(tmp_path: Path) -> None:
    async with opened(tmp_path, "1/day") as budget:
        reservation = await budget.reserve(PICTURE, NOON)
        assert await spend(budget) == 0
        await budget.give_back(reservation)
        assert await spend(budget) == 1


async def test_what_is_given_back_returns_to_its_own_hour(tmp_path: Path) -> None:
    """What is given back returns to the hour it was charged to."""
    async with opened(tmp_path, "1/day") as budget:
        before_midnight = NOON.replace(hour=23, minute=59)
        reservation = await budget.reserve(PICTURE, before_midnight)
        await budget.reserve(PICTURE, before_midnight + timedelta(minutes=2))
        await budget.give_back(reservation)
        assert await spend(budget, before_midnight) == 1
        assert await spend(budget, before_midnight + timedelta(minutes=2)) == 0


async def test_giving_back_twice_makes_no_room_that_was_never_there(tmp_path: Path) -> None:
    async with opened(tmp_path, "2/day") as budget:
        reservation = await budget.reserve(PICTURE, NOON)
        for _ in range(3):
            await budget.give_back(reservation)
        assert await spend(budget) == 2


@pytest.mark.parametrize(
    ("first", "then", "left"), [("3/hour", "5/day", 2), ("3/day", "4/hour", 1), ("3/month", "3/week", 0)]
)
async def test_a_changed_limit_counts_what_was_spent_before(tmp_path: Path, first: str, then: str, left: int) -> None:
    assert await spend_in(tmp_path, first) == 3
    assert await spend_in(tmp_path, then) == left


async def test_hours_of_the_same_day_add_up(tmp_path: Path) -> None:
    assert await spend_in(tmp_path, "3/day", NOON, most=2) == 2
    assert await spend_in(tmp_path, "3/day", NOON + timedelta(hours=11)) == 1


async def test_unlimited_is_never_spent() -> None:
    budget: Budget = NoBudget()
    await budget.start()
    for _ in range(1000):
        await budget.give_back(await budget.reserve(PICTURE, NOON))
    await budget.close()


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
async def test_a_period_is_spent_to_its_last_moment(tmp_path: Path, unit: Period, first_of_the_next: datetime) -> None:
    """A period is spent to its last moment and the next is new."""
    last = first_of_the_next - timedelta(microseconds=1)

    assert await spend_in(tmp_path, f"2/{unit}", last - timedelta(minutes=59)) == 2
    assert await spend_in(tmp_path, f"2/{unit}", last) == 0
    assert await spend_in(tmp_path, f"2/{unit}", first_of_the_next) == 2


async def test_a_week_that_spans_two_years_is_one_week(tmp_path: Path) -> None:
    assert await spend_in(tmp_path, "1/week", datetime(2026, 12, 31, 23, tzinfo=UTC)) == 1
    assert await spend_in(tmp_path, "1/week", datetime(2027, 1, 1, 0, tzinfo=UTC)) == 0


async def test_periods_are_utcs_whatever_the_clock_on_the_wall_says(tmp_path: Path) -> None:
    early_tuesday_in_tokyo = datetime(2026, 11, 24, 8, 30, tzinfo=timezone(timedelta(hours=9)))

    assert await spend_in(tmp_path, "1/day", NOON) == 1
    assert await spend_in(tmp_path, "1/day", early_tuesday_in_tokyo) == 0
    assert await spend_in(tmp_path, "1/day", early_tuesday_in_tokyo + timedelta(minutes=30)) == 1


async def test_who_is_refused_is_told_when_the_next_period_begins(tmp_path: Path) -> None:
    async with opened(tmp_path, "0/day") as budget:
        with pytest.raises(Problem) as refused:
            await budget.reserve(PICTURE, NOON.replace(hour=23, minute=59, second=30))
        assert refused.value.kind is problems.BUDGET_SPENT
        assert refused.value.retry_after == 31
        assert "0/day" in refused.value.detail
        assert "2026-11-24 00:00 UTC" in refused.value.detail


# Several limits, and credits


async def test_all_limits_hold_at_once(tmp_path: Path) -> None:
    limits = "3/day, 5/month"

    assert await spend_in(tmp_path, limits) == 3
    assert await spend_in(tmp_path, limits, NOON + timedelta(days=1)) == 2
    assert await spend_in(tmp_path, limits, NOON + timedelta(days=2)) == 0
    assert await spend_in(tmp_path, limits, NOON + timedelta(days=10)) == 3


async def test_where_one_limit_is_spent_the_other_counts_nothing(tmp_path: Path) -> None:
    """Where one limit is spent nothing is counted for the other."""
    async with opened(tmp_path, "2/day, 100/month") as budget:
        assert await spend(budget) == 2
        assert [left.used for left in await budget.usage(NOON)] == [2, 2]


@pytest.mark.parametrize(
    ("limits", "names", "again"),
    [
        ("0/hour, 9/month", "0/hour", "2026-11-23 13:00 UTC"),
        ("9/hour, 0/month", "0/month", "2026-12-01 00:00 UTC"),
        ("0/hour, 0/day", "0/day", "2026-11-24 00:00 UTC"),
        ("9/hour, 0.5 credits/week", "0.5 credits/week (0.5 left, 1 needed)", "2026-11-30 00:00 UTC"),
    ],
)
async def test_who_is_refused_is_told_which_limit_is_spent(tmp_path: Path, limits: str, names: str, again: str) -> None:
    async with opened(tmp_path, limits) as budget:
        with pytest.raises(Problem) as refused:
            await budget.reserve(PICTURE, NOON)
        assert names in refused.value.detail
        assert again in refused.value.detail
        assert "9/" not in refused.value.detail


async def test_credits_are_counted_to_the_thousandth(tmp_path: Path) -> None:
    """Credits are counted to the thousandth by what each picture costs."""
    async with opened(tmp_path, "6.499 credits/day") as budget:
        assert await spend(budget, most=2) == 2
        assert await spend(budget, what=DEAR) == 2
        assert [left.left for left in await budget.usage(NOON)] == [1499]
        assert await spend(budget) == 1
        assert [left.left for left in await budget.usage(NOON)] == [499]


async def test_what_costs_no_credits_is_stopped_by_pictures_only(tmp_path: Path) -> None:
    async with opened(tmp_path, "0 credits/day, 4/day") as budget:
        assert await spend(budget, what=FREE) == 4


async def test_what_is_given_back_returns_to_every_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, "9/day, 9 credits/month") as budget:
        kept = await budget.reserve(PICTURE, NOON)
        reservation = await budget.reserve(DEAR, NOON)
        assert reservation.cost == Cost("painter/dear", 1, 1500)
        for _ in range(3):
            await budget.give_back(reservation)
        assert [left.used for left in await budget.usage(NOON)] == [1, 1000]
        assert await budget.by_engine("day", NOON) == (kept.cost,)


async def test_what_is_left_is_told_for_each_limit(tmp_path: Path) -> None:
    async with opened(tmp_path, "9/day, 9 credits/month") as budget:
        await budget.reserve(DEAR, NOON)
        assert [str(left) for left in await budget.usage(NOON)] == ["8 of 9/day left", "7.5 of 9 credits/month left"]
        assert [str(left) for left in await budget.usage(NOON + timedelta(days=1))] == [
            "9 of 9/day left",
            "7.5 of 9 credits/month left",
        ]


async def test_a_generator_may_have_a_limit_of_its_own(tmp_path: Path) -> None:
    other = order(generator="a1111", engine="dear").resolved
    async with opened(tmp_path, "4/day, a1111=2/day") as budget:
        assert await spend(budget, what=other) == 2
        assert await spend(budget) == 2
        assert [usage.used for usage in await budget.usage(NOON)] == [4, 2]
        with pytest.raises(Problem, match="a1111=2/day"):
            await budget.reserve(other, NOON)


async def test_what_was_spent_is_told_by_engine_in_a_period(tmp_path: Path) -> None:
    async with opened(tmp_path, "100/month") as budget:
        await budget.reserve(DEAR, NOON - timedelta(days=1))
        for _ in range(3):
            await budget.reserve(DEAR, NOON - timedelta(hours=11))
        await budget.reserve(FREE, NOON)
        assert await budget.by_engine("day", NOON) == (Cost("painter/dear", 3, 4500), Cost("painter/free", 1, 0))
        assert await budget.by_engine("month", NOON) == (Cost("painter/dear", 4, 6000), Cost("painter/free", 1, 0))
        assert await budget.by_engine("hour", NOON) == (Cost("painter/free", 1, 0),)
        assert await budget.by_engine("day", NOON + timedelta(days=1)) == ()


# Files of the version before

# What `.dump` says of a file that counted pictures by the hour alone.
BEFORE = """
BEGIN TRANSACTION;
CREATE TABLE spent (hour TEXT PRIMARY KEY, pictures INTEGER NOT NULL);
INSERT INTO spent VALUES('2026-11-01T09',40);
INSERT INTO spent VALUES('2026-11-23T07',3);
INSERT INTO spent VALUES('2026-11-23T12',2);
COMMIT;
"""


def a_file_of_before(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "budget.sqlite3", isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript(BEFORE)


async def test_a_file_of_the_version_before_is_read_on(tmp_path: Path) -> None:
    a_file_of_before(tmp_path)

    async with opened(tmp_path, "9/hour, 10/day, 99/month, 99 credits/month") as budget:
        assert [left.used for left in await budget.usage(NOON)] == [2, 5, 45, 0]
        assert await spend(budget) == 5
        assert await budget.by_engine("day", NOON) == (Cost("", 5, 0), Cost("painter/stable-diffusion-v1-6", 5, 5000))
    assert await spend_in(tmp_path, "11/day") == 1


async def test_a_process_of_the_version_before_fails_on_a_newer_file(tmp_path: Path) -> None:
    """A process of the version before fails on a newer file and counts nothing apart."""
    a_file_of_before(tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3", isolation_level=None)) as older:
        assert await spend_in(tmp_path, "6/day") == 1
        with pytest.raises(sqlite3.Error):
            older.execute(
                "INSERT INTO spent VALUES (?, 1) ON CONFLICT (hour) DO UPDATE SET pictures = pictures + 1", ("x",)
            )


async def test_a_file_of_a_later_version_is_refused_at_the_start(tmp_path: Path) -> None:
    await spend_in(tmp_path, "1/day")
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3")) as database:
        database.execute("PRAGMA user_version = 2")

    with pytest.raises(OSError, match="newer version"):
        await spend_in(tmp_path, "1/day")


# Where the file lies


@pytest.fixture
def in_memory(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system in memory: one of its own where mounting is allowed, else in the shared one."""
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", tmp_path], capture_output=True).returncode == 0:
        yield tmp_path
        subprocess.run(["umount", tmp_path], check=True)
    else:
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            yield Path(folder)


async def forgets(folder: Path) -> str:
    async with opened(folder, "1/day") as budget:
        return budget.forgets


async def test_a_count_in_memory_is_said_to_be_forgotten(in_memory: Path) -> None:
    assert await forgets(in_memory) == f"forgotten on restart: {in_memory} is in memory (tmpfs)"


async def test_a_count_behind_a_link_is_judged_by_where_it_leads(
    in_memory: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    link = tmp_path_factory.mktemp("outside") / "link"
    link.symlink_to(in_memory)

    assert "tmpfs" in await forgets(link)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("K_SERVICE", "pictures", "Cloud Run"), ("AWS_EXECUTION_ENV", "AWS_ECS_FARGATE", "Fargate")],
)
async def test_a_count_where_no_disk_is_kept_is_said_to_be_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)

    assert said in await forgets(tmp_path)


# Processes


async def pay(folder: Path, limits: str, number: int, together: Barrier | None = None) -> None:
    """Spends all that it can; the ledger has a line for each picture, written after it was reserved."""
    async with opened(folder, limits) as budget:
        ledger = os.open(folder / "ledger", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        if together is not None:
            together.wait(60)
        with contextlib.suppress(Problem):
            while True:
                await budget.reserve(DEAR, NOON)
                os.write(ledger, b"%d\n" % number)
        os.close(ledger)


def paying_process(*args: Any) -> None:
    anyio.run(pay, *args)


def ledger(folder: Path) -> list[str]:
    path = folder / "ledger"
    return path.read_text().split() if path.exists() else []


async def until_paid(folder: Path, payer: BaseProcess, pictures: int) -> None:
    """Until so many were paid for, or the payer has ended."""
    while payer.is_alive() and len(ledger(folder)) < pictures:  # noqa: ASYNC110 - another process tells of it
        await anyio.sleep(0.001)


def test_four_racing_processes_spend_exactly_the_limit(tmp_path: Path) -> None:
    together = SPAWN.Barrier(4)
    payers = [SPAWN.Process(target=paying_process, args=(tmp_path, "200/day", number, together)) for number in range(4)]
    for payer in payers:
        payer.start()
    for payer in payers:
        payer.join()

    assert [payer.exitcode for payer in payers] == [0] * 4
    assert len(ledger(tmp_path)) == 200


async def test_kill_9_counts_too_much_at_most_never_too_little(tmp_path: Path) -> None:
    chance = random.Random(9)
    kills = 0
    for two in range(0, 10, 2):
        paid = len(ledger(tmp_path))
        payers = [
            SPAWN.Process(target=paying_process, args=(tmp_path, "1000000/day", number)) for number in (two, two + 1)
        ]
        for payer in payers:
            payer.start()
        for payer in payers:
            await until_paid(tmp_path, payer, paid + chance.randrange(1, 40))
            payer.kill()
            payer.join()
            kills += payer.exitcode == -signal.SIGKILL

    paid = len(ledger(tmp_path))
    with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3")) as database:
        (counted,) = database.execute("SELECT sum(pictures) FROM spent").fetchone()

    assert kills == 10
    assert paid <= counted <= paid + kills
    assert await spend_in(tmp_path, f"{counted + 3}/day") == 3


async def test_kill_9_never_lets_more_through_than_the_tightest_limit(tmp_path: Path) -> None:
    chance = random.Random(10)
    limits = "500/day, 90 credits/month"  # 60 pictures of 1.5 credits
    kills = 0
    while kills < 8:
        paid = len(ledger(tmp_path))
        payers = [SPAWN.Process(target=paying_process, args=(tmp_path, limits, number)) for number in range(3)]
        for payer in payers:
            payer.start()
        victim = payers[0]
        await until_paid(tmp_path, victim, min(59, paid + chance.randrange(1, 6)))
        for payer in payers:
            payer.kill()
            payer.join()
            kills += 1
    await pay(tmp_path, limits, 9)

    assert 60 - kills <= len(ledger(tmp_path)) <= 60
    async with opened(tmp_path, limits) as budget:
        assert await spend(budget, what=DEAR) == 0


async def open_and_close(folder: Path, together: Barrier) -> None:
    together.wait(60)
    for round_ in range(20):
        (folder / str(round_)).mkdir(exist_ok=True)
        together.wait(60)
        await spend_in(folder / str(round_), "100/day", most=1)


def opening_process(folder: Path, together: Barrier) -> None:
    anyio.run(open_and_close, folder, together)


def start_together(folder: Path) -> None:
    """Four processes that spend one picture each in 20 files, all of them at the same moment."""
    together = SPAWN.Barrier(4)
    starters = [SPAWN.Process(target=opening_process, args=(folder, together)) for _ in range(4)]
    for starter in starters:
        starter.start()
    for starter in starters:
        starter.join()

    assert [starter.exitcode for starter in starters] == [0] * 4


async def test_processes_that_start_together_update_an_old_file_once(tmp_path: Path) -> None:
    """Processes that start together on a file of before bring it up to date once."""
    for round_ in range(20):
        (tmp_path / str(round_)).mkdir()
        a_file_of_before(tmp_path / str(round_))
    start_together(tmp_path)

    assert [await spend_in(tmp_path / str(round_), "100/day") for round_ in range(20)] == [100 - 5 - 4] * 20


async def test_processes_that_start_together_on_a_new_file_all_start(tmp_path: Path) -> None:
    start_together(tmp_path)

    assert [await spend_in(tmp_path / str(round_), "100/day") for round_ in range(20)] == [96] * 20


# Files that are no use


def a_text(path: Path) -> None:
    path.write_text("this is no database, whatever its name says\n" * 100)


def a_folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [a_text, a_folder])
def test_a_file_that_is_no_database_is_refused_at_the_start(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A file that cannot be counted in is refused at the start."""
    make(tmp_path / "budget.sqlite3")

    with pytest.raises(OSError, match="budget"):
        SqliteBudget(tmp_path / "budget.sqlite3", BudgetLimits.parse("1/day"), PRICES)


def test_a_file_in_a_missing_folder_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="budget"):
        SqliteBudget(tmp_path / "missing" / "budget.sqlite3", BudgetLimits.parse("1/day"), PRICES)


async def test_without_a_limit_a_locked_counter_stops_no_picture(
    tmp_path: Path,
) -> None:
    """Without a limit pictures are counted and a counter that is locked stops none."""
    async with opened(tmp_path, "unlimited", patience=0.05) as budget:
        await budget.reserve(PICTURE, NOON)
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            await budget.reserve(PICTURE, NOON)
        assert [spent.pictures for spent in await budget.by_engine("day", NOON)] == [1]
        assert await budget.usage(NOON) == ()


async def test_a_locked_counter_is_unknown_and_works_again_afterwards(tmp_path: Path) -> None:
    async with opened(tmp_path, "3/day", patience=0.05) as budget:
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3", isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(CounterUnavailable):
                await budget.reserve(PICTURE, NOON)
        assert await spend(budget) == 3


async def test_a_file_that_another_process_sets_up_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that another process is just setting up is waited for."""
    path = tmp_path / "budget.sqlite3"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE something (that INTEGER)")
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr(time, "sleep", lambda _: other.execute("COMMIT"))

        assert await spend_in(tmp_path, "3/day") == 3


async def test_a_counter_without_its_table_is_not_taken_for_unspent(tmp_path: Path) -> None:
    """A counter that was taken away is unknown and never counts as unspent."""
    async with opened(tmp_path, "3/day") as budget:
        with contextlib.closing(sqlite3.connect(tmp_path / "budget.sqlite3")) as other:
            other.execute("DROP TABLE spent")
        for _ in range(2):
            with pytest.raises(CounterUnavailable):
                await budget.reserve(PICTURE, NOON)


async def fill_up(folder: Path) -> None:
    """Spends where the disk is full from the second picture on, and then has room again."""
    async with opened(folder, "5/day") as budget:
        await budget.reserve(PICTURE, NOON)
        size = (folder / "budget.sqlite3-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        for _ in range(3):
            with pytest.raises(CounterUnavailable):
                await budget.reserve(PICTURE, NOON)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert 1 <= await spend(budget) <= 4


def filling_process(folder: Path) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    anyio.run(fill_up, folder)


async def test_a_full_disk_pays_for_nothing_until_there_is_room(tmp_path: Path) -> None:
    """A full disk pays for nothing and is used again when there is room."""
    process = SPAWN.Process(target=filling_process, args=(tmp_path,))
    process.start()
    process.join()

    assert process.exitcode == 0
    assert await spend_in(tmp_path, "5/day") == 0
