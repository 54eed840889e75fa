"""Calendar periods in UTC: what each is called, when it begins and when it ends.

Calendar seeds and budgets go by them. The names are part of the promise of keys: a calendar seed is a hash of one.
"""

from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

Period = Literal["hour", "day", "week", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)


def period_name(period: Period, at: datetime) -> str:
    """The UTC period that `at` lies in: `2026-11-23T14`, `2026-11-23`, `2026-W48` (ISO 8601 week) or `2026-11`."""
    at = at.astimezone(UTC)
    match period:
        case "hour":
            return at.strftime("%Y-%m-%dT%H")
        case "day":
            return at.strftime("%Y-%m-%d")
        case "week":
            week = at.isocalendar()
            return f"{week.year}-W{week.week:02d}"
        case "month":
            return at.strftime("%Y-%m")


def period_start(period: Period, at: datetime) -> datetime:
    """The moment at which the period that `at` lies in began."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match period:
        case "hour":
            return hour
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def period_end(period: Period, at: datetime) -> datetime:
    """The moment at which the period that `at` lies in gives way to the next."""
    start = period_start(period, at)
    match period:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + timedelta(days=1)
        case "week":
            return start + timedelta(weeks=1)
        case "month":
            return (start + timedelta(days=32)).replace(day=1)
