"""How long a picture that failed waits before it may cost money again."""

from promptcdn.making.cooldown import TIMINGS, Timings, next_cooldown, paid_elsewhere
from promptcdn.problems import STORE_UNAVAILABLE, UPSTREAM_TIMEOUT


def lengths(timings: Timings, failures: int) -> list[float]:
    last, found = None, []
    for _ in range(failures):
        last = next_cooldown(last, UPSTREAM_TIMEOUT, "slow", 100.0, timings)
        found.append(last.length)
    return found


def test_a_cooldown_doubles_after_each_failure_up_to_an_hour() -> None:
    assert lengths(TIMINGS, 12) == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]


def test_the_lengths_are_those_of_the_timings() -> None:
    assert lengths(Timings(first=1, longest=3), 4) == [1, 2, 3, 3]


def test_a_cooldown_is_over_at_its_end() -> None:
    cooldown = next_cooldown(None, UPSTREAM_TIMEOUT, "slow", 100.0)

    assert cooldown.left(103.0) == 2.0
    assert cooldown.left(105.0) == 0.0


def test_a_picture_that_waits_elsewhere_is_no_failure() -> None:
    """Its cooldown says that the store does not answer, and the next failure begins anew."""
    cooldown = paid_elsewhere(100.0)

    assert (cooldown.cause, cooldown.left(100.0)) == (STORE_UNAVAILABLE, 600.0)
    assert next_cooldown(cooldown, UPSTREAM_TIMEOUT, "slow", 100.0).length == 2 * TIMINGS.first
