"""For how long the upstream wants no further call, as the header fields of its answer say."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RETRY_AFTER = "retry-after"
LONGEST = 3600.0  # seconds: whoever asks for more is not believed


def named(headers: Mapping[str, str]) -> float | None:
    """The seconds that `headers` name, an hour at most; `None` where they name none.

    `Retry-After` in seconds or as a date (RFC 9110 section 10.2.3), which is compared with the answer's own `Date`:
    clocks differ. `retry-after-ms` is OpenAI's, and goes first.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return min(milliseconds / 1000, LONGEST)
    said = headers.get(RETRY_AFTER, "")
    seconds = _number(said)
    if seconds is None:
        then, now = _date(said), _date(headers.get("date", ""))
        seconds = (then - now).total_seconds() if then and now else None
    return None if seconds is None else min(max(0.0, seconds), LONGEST)


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,6})?", text.strip()) else None


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # no date, or one with a year of twenty digits
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
