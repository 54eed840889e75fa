"""Which failed calls are tried again, and how long a try waits for the one before: tables over the policy."""

import math

import pytest

from promptcdn import problems
from promptcdn.generators.care.retries import last_start, may_retry, pause
from promptcdn.problems import ProblemType, UpstreamFailed

DEAD, BUSY = problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_BUSY


@pytest.mark.parametrize("kind", problems.KINDS, ids=[kind.code for kind in problems.KINDS])
@pytest.mark.parametrize("charged", [False, True], ids=["free", "charged"])
def test_only_what_surely_cost_nothing_is_tried_again(kind: ProblemType, charged: bool) -> None:
    assert may_retry(UpstreamFailed(kind, "", charged=charged)) == (kind in (DEAD, BUSY) and not charged)


@pytest.mark.parametrize(
    ("tries", "retry_after", "fraction", "seconds"),
    [
        (1, None, 0.0, 0.0),
        (1, None, 1.0, 0.5),
        (2, None, 0.0, 0.0),
        (2, None, 1.0, 1.0),
        (1, 3.0, 0.0, 3.0),
        (2, 3.0, 0.5, 3.5),
        (1, math.inf, 0.5, math.inf),
    ],
)
def test_a_pause_is_random_up_to_a_bound_that_doubles(
    tries: int, retry_after: float | None, fraction: float, seconds: float
) -> None:
    assert pause(tries, retry_after, fraction) == seconds


@pytest.mark.parametrize(("deadline", "seconds"), [(1.0, 0.5), (20.0, 10.0), (120.0, 10.0), (600.0, 10.0)])
def test_no_try_begins_with_less_than_half_of_the_time_left(deadline: float, seconds: float) -> None:
    assert last_start(deadline) == seconds
