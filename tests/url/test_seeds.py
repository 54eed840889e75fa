"""Seeds that are not numbers, and the calendar."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.url import keys, seeds
from promptcdn.url import parse as grammar
from promptcdn.url.parameters import CALENDARS
from promptcdn.url.request import Calendar


@pytest.mark.parametrize(
    ("word", "seed"), [("octocat", 181842428), ("Octocat", 1665847775), ("nan", 644771783), ("1e3", 2787809620)]
)
def test_a_word_is_a_frozen_seed(word: str, seed: int) -> None:
    assert seeds.of_word(word) == seed
    assert grammar.parse(f"prompt=a&seed={word}".encode()).asked.seed == seed


def test_a_word_and_a_period_of_the_same_name_are_two_seeds() -> None:
    assert seeds.of_word("2026-11-23") != seeds.of_period("2026-11-23")


PERIODS: list[tuple[Calendar, str, str, str, str]] = [
    ("hour", "2026-11-23T14:59:59", "2026-11-23T14", "2026-11-23T14:00", "2026-11-23T15:00"),
    ("day", "2026-11-23T00:00:00", "2026-11-23", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("week", "2026-11-29T23:59:59", "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
    ("week", "2027-01-03T12:00:00", "2026-W53", "2026-12-28T00:00", "2027-01-04T00:00"),
    ("week", "2024-12-30T00:00:00", "2025-W01", "2024-12-30T00:00", "2025-01-06T00:00"),
    ("month", "2026-12-31T23:59:59", "2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
    ("month", "2028-02-29T12:00:00", "2028-02", "2028-02-01T00:00", "2028-03-01T00:00"),
]


@pytest.mark.parametrize(("calendar", "at", "name", "start", "end"), PERIODS)
def test_a_period_has_a_name_a_start_and_an_end(calendar: Calendar, at: str, name: str, start: str, end: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)

    assert seeds.period_name(calendar, moment) == name
    assert seeds.period_start(calendar, moment) == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert seeds.period_end(calendar, moment) == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_periods_are_utc_wherever_the_clock_stands() -> None:
    in_tokyo = datetime(2026, 11, 24, 8, 30, tzinfo=timezone(timedelta(hours=9)))

    assert seeds.period_name("day", in_tokyo) == "2026-11-23"


moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(CALENDARS), moments)
def test_every_moment_lies_in_one_period_and_the_next_begins_at_its_end(calendar: Calendar, at: datetime) -> None:
    start, end = seeds.period_start(calendar, at), seeds.period_end(calendar, at)

    assert start <= at < end
    assert seeds.period_name(calendar, start) == seeds.period_name(calendar, at)
    assert seeds.period_start(calendar, end) == end
    assert seeds.period_name(calendar, end) != seeds.period_name(calendar, at)


def test_more_variants_keep_the_old_ones() -> None:
    form = keys.as_asked_form(grammar.parse(b"prompt=a+lighthouse").asked)

    assert seeds.pool(form, 16)[:8] == seeds.pool(form, 8)
    assert len(set(seeds.pool(form, 64))) == 64
