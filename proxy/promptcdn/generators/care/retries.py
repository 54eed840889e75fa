"""Retries: which failed calls are tried again, and when."""

from dataclasses import dataclass

from promptcdn import problems
from promptcdn.problems import UpstreamFailed


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
