"""Seeds that are not written as numbers: words, calendar periods, and the pool behind a URL without a seed.

Each kind is the first four bytes of a SHA-256 with a prefix of its own, so that `seed=2026-11-23` and the day of that
name are two pictures. All of this is frozen by golden vectors: it decides which picture a URL shows.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from promptcdn.url.request import Calendar

SEED_MAX = 2**32 - 1


def of_word(word: str) -> int:
    """The seed that a (normalised, case-sensitive) word stands for."""
    return _hashed("word", word.encode())


def of_period(name: str) -> int:
    """The seed of a calendar period by its name alone, so that all requests of a day share it."""
    return _hashed("calendar", name.encode())


def pool(form: bytes, variants: int) -> tuple[int, ...]:
    """The seeds that a seedless request draws from; `form` is its as-asked form without a seed.

    A longer pool begins with the shorter one, so that more variants keep the old pictures.
    """
    return tuple(_hashed(f"pool {index}", form) for index in range(variants))


def period_name(calendar: Calendar, at: datetime) -> str:
    """The UTC period that `at` lies in: `2026-11-23T14`, `2026-11-23`, `2026-W48` (ISO 8601 week) or `2026-11`."""
    at = at.astimezone(UTC)
    match calendar:
        case "hour":
            return at.strftime("%Y-%m-%dT%H")
        case "day":
            return at.strftime("%Y-%m-%d")
        case "week":
            week = at.isocalendar()
            return f"{week.year}-W{week.week:02d}"
        case "month":
            return at.strftime("%Y-%m")


def period_start(calendar: Calendar, at: datetime) -> datetime:
    """The moment at which the period that `at` lies in began."""
    hour = at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    match calendar:
        case "hour":
            return hour
        case "day":
            return day
        case "week":
            return day - timedelta(days=day.weekday())
        case "month":
            return day.replace(day=1)


def period_end(calendar: Calendar, at: datetime) -> datetime:
    """The moment at which the period that `at` lies in gives way to the next."""
    start = period_start(calendar, at)
    match calendar:
        case "hour":
            return start + timedelta(hours=1)
        case "day":
            return start + timedelta(days=1)
        case "week":
            return start + timedelta(weeks=1)
        case "month":
            return (start + timedelta(days=32)).replace(day=1)


def _hashed(prefix: str, data: bytes) -> int:
    digest = hashlib.sha256(f"promptcdn seed {prefix}\n".encode() + data).digest()
    return int.from_bytes(digest[:4], "big")
