"""Back-off: keys whose paid answer was no good rest before they may cost money again, and which failed calls are tried
again, and when.

    Cooldown   how long one key rests
    pause      how long a try waits for the one before
"""

from dataclasses import dataclass

from promptcdn import problems
from promptcdn.problems import ProblemType, UpstreamFailed

FIRST_REST = 5.0
LONGEST_REST = 3600.0
# Told again each time the store is tried: it is for a replica that goes away with what it has.
ELSEWHERE_SECONDS = 600.0


@dataclass(frozen=True)
class Cooldown:
    """A key at rest: until when (on the caller's clock, in seconds), how long this rest is, and what caused it."""

    cause: ProblemType
    detail: str
    until: float
    length: float

    def left(self, now: float) -> float:
        """Seconds to go; 0 when the key may be tried again."""
        return max(0.0, self.until - now)


def next_rest(last: Cooldown | None, cause: ProblemType, detail: str, now: float) -> Cooldown:
    """The rest that follows a failure: 5 s at first, twice the last one after that, an hour at most."""
    length = FIRST_REST if last is None else min(last.length * 2, LONGEST_REST)
    return Cooldown(cause, detail, now + length, length)


def elsewhere(now: float) -> Cooldown:
    """The rest of a key at all replicas but the one that has paid for it, while the store does not take the picture."""
    detail = "the picture is paid for, and waits at another replica for the store to take it"
    return Cooldown(problems.STORE_UNAVAILABLE, detail, now + ELSEWHERE_SECONDS, FIRST_REST)


@dataclass(frozen=True)
class Timings:
    """How a call to an upstream is timed, in seconds. All tries at one picture lie within its one deadline.

    window        no try begins later than that after the first one
    pause         the longest pause before the second try; it doubles with each try
    probe_margin  the breaker's probe that has not ended so long after its deadline is lost
    """

    window: float = 10.0
    pause: float = 0.5
    probe_margin: float = 5.0


TIMINGS = Timings()
MAX_TRIES = 3


def may_retry(failure: UpstreamFailed) -> bool:
    """Whether the same call may do better in a moment, and surely is not paid for twice."""
    return not failure.charged and failure.kind in (problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_BUSY)


def last_start(deadline: float, timings: Timings = TIMINGS) -> float:
    """The seconds after which no further try begins, where the picture has `deadline` seconds.

    A try with less than half of the deadline left would be paid for and then given up.
    """
    return min(timings.window, deadline / 2)


def pause(tries: int, retry_after: float | None, fraction: float, timings: Timings = TIMINGS) -> float:
    """Seconds before the next try, after so many: full jitter, so that calls that failed together do not come back
    together, on top of what the upstream asked for. `fraction` is a random number from 0 to 1."""
    bound: float = timings.pause * 2 ** (tries - 1)
    return (retry_after or 0.0) + fraction * bound
