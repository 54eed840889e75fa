"""When the upstream is left alone: tables over the breaker's policy."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import pytest

from promptcdn import problems
from promptcdn.generators.care.breaker import FIRST_PAUSES, BreakerState, Phase
from promptcdn.problems import ProblemType, UpstreamFailed

DEAD, BUSY, LATE = problems.UPSTREAM_UNREACHABLE, problems.UPSTREAM_BUSY, problems.UPSTREAM_TIMEOUT
UNPAID, LOCKED = problems.UPSTREAM_UNPAID, problems.UPSTREAM_UNAUTHORIZED
PATIENCE = 125.0
OPENED = 1000.0


def called(breaker: BreakerState, *outcomes: ProblemType | None, now: float = OPENED) -> BreakerState:
    """The breaker after calls at `now`, one after the other."""
    for outcome in outcomes:
        admitted = breaker.admit(now, PATIENCE)
        breaker = admitted.after(outcome, now, probe=not admitted.closed)
    return breaker


OPEN = called(BreakerState(), *[DEAD] * 5)


@pytest.mark.parametrize(
    ("outcomes", "phase"),
    [
        ([], "closed"),
        ([DEAD] * 4, "closed"),
        ([DEAD] * 5, "open"),
        ([DEAD] * 4 + [None] + [DEAD] * 4, "closed"),
        ([DEAD, BUSY, LATE, UNPAID, LOCKED], "open"),
        # About one picture: they show that the service answers.
        ([problems.UPSTREAM_GARBLED] * 9, "closed"),
        ([problems.UPSTREAM_REFUSED] * 9, "closed"),
        ([DEAD] * 4 + [problems.UPSTREAM_REFUSED] + [DEAD] * 4, "closed"),
    ],
)
def test_five_failures_of_the_upstream_in_a_row_open_it(outcomes: Sequence[ProblemType | None], phase: Phase) -> None:
    assert called(BreakerState(), *outcomes).phase(OPENED) == phase


@pytest.mark.parametrize("start", [0.0, 1e-3, 12345.678, 1.8e9], ids=["boot", "soon", "uptime", "Unix"])
@pytest.mark.parametrize(("kind", "first"), FIRST_PAUSES.items(), ids=[kind.code for kind in FIRST_PAUSES])
def test_it_opens_for_its_kinds_first_pause_on_any_clock(start: float, kind: ProblemType, first: float) -> None:
    opened = called(BreakerState(), *[kind] * 5, now=start)

    assert opened.left(start) == pytest.approx(first)
    assert opened.phase(start + first - 0.01) == "open"
    assert opened.phase(start + first) == "half-open"


def test_what_the_operator_has_to_mend_is_looked_at_less_often() -> None:
    assert FIRST_PAUSES[UNPAID] == FIRST_PAUSES[LOCKED] == 60
    assert FIRST_PAUSES[DEAD] == FIRST_PAUSES[BUSY] == FIRST_PAUSES[LATE] == 5


def test_each_probe_that_fails_doubles_the_pause_up_to_a_limit() -> None:
    breaker, now, pauses = OPEN, OPENED, []
    for _ in range(9):
        pauses.append(breaker.left(now))
        now += breaker.left(now)
        breaker = called(breaker, DEAD, now=now)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]


def test_a_probe_that_fails_otherwise_takes_over_the_cause() -> None:
    unpaid = called(OPEN, UNPAID, now=OPENED + 5)

    assert (unpaid.cause, unpaid.left(OPENED + 5)) == ("upstream_unpaid", 60)


@pytest.mark.parametrize("outcome", [None, problems.UPSTREAM_GARBLED, problems.UPSTREAM_REFUSED])
def test_a_probe_that_gets_an_answer_closes_it(outcome: ProblemType | None) -> None:
    assert called(OPEN, outcome, now=OPENED + 5) == BreakerState()


@pytest.mark.parametrize(
    ("now", "retry_after"), [(OPENED, 5), (OPENED + 0.1, 5), (OPENED + 3.5, 2), (OPENED + 4.99, 1)]
)
def test_an_open_breaker_says_when_to_come_back(now: float, retry_after: int) -> None:
    with pytest.raises(UpstreamFailed) as caught:
        OPEN.admit(now, PATIENCE)

    assert (caught.value.kind, caught.value.charged, caught.value.retry_after) == (DEAD, False, retry_after)


def test_half_open_one_probe_goes_through_and_no_other_call() -> None:
    probing = OPEN.admit(OPENED + 5, PATIENCE)

    with pytest.raises(UpstreamFailed) as caught:
        probing.admit(OPENED + 6, PATIENCE)

    assert caught.value.retry_after == 5
    assert probing.without_probe().admit(OPENED + 6, PATIENCE)


def test_a_probe_that_never_comes_back_is_lost_in_the_end() -> None:
    probing = OPEN.admit(OPENED + 5, PATIENCE)

    assert probing.left(OPENED + 5 + PATIENCE - 1) == 1
    assert probing.admit(OPENED + 5 + PATIENCE, PATIENCE).probing_until == OPENED + 5 + 2 * PATIENCE


@pytest.mark.parametrize("outcome", [DEAD, None, problems.UPSTREAM_GARBLED])
@pytest.mark.parametrize("breaker", [OPEN, OPEN.admit(OPENED + 5, PATIENCE)], ids=["open", "half-open"])
def test_calls_that_began_before_it_opened_change_nothing(breaker: BreakerState, outcome: ProblemType | None) -> None:
    assert breaker.after(outcome, OPENED + 6, probe=False) == breaker


@pytest.mark.parametrize("breaker", [BreakerState(), OPEN, OPEN.admit(OPENED + 5, PATIENCE)])
def test_it_can_be_written_down_and_read(breaker: BreakerState) -> None:
    assert BreakerState(**json.loads(json.dumps(asdict(breaker)))) == breaker
