"""Cooldowns, as policy: how long a picture that failed and may have cost money waits before it is tried again."""

from dataclasses import dataclass

from promptcdn.problems import STORE_UNAVAILABLE, ProblemType


@dataclass(frozen=True)
class Timings:
    """How long cooldowns are, in seconds.

    first      after the first failure; each one after that is twice as long, up to `longest`
    longest    the most that a picture waits
    elsewhere  of a picture that another replica has paid for, and that waits there for the store. It is renewed at each
               try to store the picture, and ends by itself where that replica goes away with the picture
    """

    first: float = 5.0
    longest: float = 3600.0
    elsewhere: float = 600.0


TIMINGS = Timings()


@dataclass(frozen=True)
class Cooldown:
    """One picture's cooldown: what caused it, until when it lasts (seconds on the caller's clock), how long it is."""

    cause: ProblemType
    detail: str
    until: float
    length: float

    def left(self, now: float) -> float:
        """Seconds to go; 0 where the picture may be tried again."""
        return max(0.0, self.until - now)


def next_cooldown(
    last: Cooldown | None, cause: ProblemType, detail: str, now: float, timings: Timings = TIMINGS
) -> Cooldown:
    """The cooldown that follows a failure; `last` is the one before, which may be over."""
    length = timings.first if last is None else min(last.length * 2, timings.longest)
    return Cooldown(cause, detail, now + length, length)


def paid_elsewhere(now: float, timings: Timings = TIMINGS) -> Cooldown:
    """The cooldown at all replicas but the one that has paid for a picture which the store does not take."""
    detail = "another replica has made this picture, and waits for the store to take it: try again in a few seconds"
    return Cooldown(STORE_UNAVAILABLE, detail, now + timings.elsewhere, timings.first)
