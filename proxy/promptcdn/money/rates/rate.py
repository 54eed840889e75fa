"""A client's rate as the operator sets it: so many starts in any stretch of time as long as the unit.

It is counted in a sliding window, by the moment of each start in whole milliseconds since 1970. A start counts in the
window of `now` while it is not older than the unit, the millisecond of its age included: so a second start exactly one
minute after the first is one too many for `1/minute`, and one a millisecond later is not.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

Unit = Literal["second", "minute", "hour", "day"]

_SECONDS: dict[Unit, int] = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Rate:
    """So many new pictures in any stretch of time as long as the unit."""

    starts: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> "Rate | None":
        """`60/minute` as a rate, `unlimited` as `None`. Raises `ValueError` for anything else."""
        if text == "unlimited":
            return None
        match = re.fullmatch(r"([1-9][0-9]{0,4})/(second|minute|hour|day)", text)
        if match is None:
            raise ValueError("a rate is so many new pictures (1 to 99999) in a period, like 60/minute; or unlimited")
        return cls(int(match[1]), cast("Unit", match[2]))

    @property
    def seconds(self) -> int:
        """The length of the unit."""
        return _SECONDS[self.unit]

    @property
    def milliseconds(self) -> int:
        """The length of the unit."""
        return 1000 * self.seconds

    def window_start(self, now: int) -> int:
        """The earliest moment that counts at `now`; both in milliseconds."""
        return now - self.milliseconds

    def allows(self, started: int) -> bool:
        """Whether one more may be started, where so many were started in the window."""
        return started < self.starts

    def wait(self, now: int, blocking: int) -> int:
        """In how many milliseconds one more may be started, where the window is full.

        `blocking` is the start that must leave the window first: of those in it, the one that is as many starts back
        as the rate allows.
        """
        return blocking + self.milliseconds - now + 1

    def __str__(self) -> str:
        return f"{self.starts}/{self.unit}"


def milliseconds(now: datetime) -> int:
    """The milliseconds since 1970."""
    return int(1000 * now.timestamp())
