"""Time, handed in and not looked up: a part that decides by the time has a `Clock`, which tests set by hand."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Clock:
    """`utc` is for calendars and for what is written down, `monotonic` (seconds) for everything that waits."""

    utc: Callable[[], datetime]
    monotonic: Callable[[], float]

    def unix(self) -> float:
        """`utc` in Unix seconds."""
        return self.utc().timestamp()


# The machine's own clock.
SYSTEM = Clock(lambda: datetime.now(UTC), time.monotonic)
