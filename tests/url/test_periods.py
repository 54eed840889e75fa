"""Calendar periods: their names, starts and ends."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.url.periods import PERIODS, Period, period_end, period_name, period_start

EXAMPLES: list[tuple[Period, str, str, str, str]] = [
    ("hour", "2026-11-23T14:59:59", "2026-11-23T14", "2026-11-23T14:00", "2026-11-23T15:00"),
    ("day", "2026-11-23T00:00:00", "2026-11-23", "2026-11-23T00:00", "2026-11-24T00:00"),
    ("week", "2026-11-29T23:59:59", "2026-W48", "2026-11-23T00:00", "2026-11-30T00:00"),
    ("week", "2027-01-03T12:00:00", "2026-W53", "2026-12-28T00:00", "2027-01-04T00:00"),
    ("week", "2024-12-30T00:00:00", "2025-W01", "2024-12-30T00:00", "2025-01-06T00:00"),
    ("month", "2026-12-31T23:59:59", "2026-12", "2026-12-01T00:00", "2027-01-01T00:00"),
    ("month", "2028-02-29T12:00:00", "2028-02", "2028-02-01T00:00", "2028-03-01T00:00"),
]


@pytest.mark.parametrize(("period", "at", "name", "start", "end"), EXAMPLES, ids=[row[2] for row in EXAMPLES])
def test_a_period_has_a_name_a_start_and_an_end(period: Period, at: str, name: str, start: str, end: str) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)

    assert period_name(period, moment) == name
    assert period_start(period, moment) == datetime.fromisoformat(start).replace(tzinfo=UTC)
    assert period_end(period, moment) == datetime.fromisoformat(end).replace(tzinfo=UTC)


def test_periods_are_utc_wherever_the_clock_stands() -> None:
    in_tokyo = datetime(2026, 11, 24, 8, 30, tzinfo=timezone(timedelta(hours=9)))

    assert period_name("day", in_tokyo) == "2026-11-23"


moments = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(PERIODS), moments)
def test_every_moment_lies_in_one_period_until_the_next_begins(period: Period, at: datetime) -> None:
    start, end = period_start(period, at), period_end(period, at)

    assert start <= at < end
    assert period_name(period, start) == period_name(period, at)
    assert period_start(period, end) == end
    assert period_name(period, end) != period_name(period, at)
