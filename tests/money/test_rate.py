"""A rate as the operator sets it, and the sliding window that it is counted in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptcdn.money.rates.rate import Rate

NOON = 1_795_435_200_000


@pytest.mark.parametrize(
    ("text", "rate", "seconds"),
    [
        ("60/minute", Rate(60, "minute"), 60),
        ("1/second", Rate(1, "second"), 1),
        ("500/hour", Rate(500, "hour"), 3600),
        ("99999/day", Rate(99999, "day"), 86400),
    ],
    ids=str,
)
def test_a_rate_is_so_many_pictures_in_a_stretch_of_time(text: str, rate: Rate, seconds: int) -> None:
    assert Rate.parse(text) == rate
    assert str(rate) == text
    assert (rate.seconds, rate.milliseconds) == (seconds, 1000 * seconds)


def test_unlimited_is_no_rate() -> None:
    assert Rate.parse("unlimited") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "/minute",
        "60/",
        "60/week",
        "60/minutes",
        "0/minute",
        "007/minute",
        "100000/day",
        "-1/minute",
        "6e1/day",
    ],
)
def test_what_is_no_rate_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="60/minute"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["60 / minute", "60/minute\n", "٦/minute", "Unlimited", "none", "60/minute,5/second"])
def test_a_rate_has_one_spelling(text: str) -> None:
    with pytest.raises(ValueError, match="60/minute"):
        Rate.parse(text)


# The window. The numbers are those of pyrate-limiter 4.5's SlidingWindowLog, by which older versions counted.


@pytest.mark.parametrize(
    ("rate", "window_start"),
    [
        (Rate(1, "second"), 1_795_435_199_000),
        (Rate(60, "minute"), 1_795_435_140_000),
        (Rate(500, "hour"), 1_795_431_600_000),
        (Rate(99999, "day"), 1_795_348_800_000),
    ],
    ids=str,
)
def test_a_window_is_as_long_as_the_unit(rate: Rate, window_start: int) -> None:
    assert rate.window_start(NOON) == window_start


@pytest.mark.parametrize(("started", "allowed"), [(0, True), (2, True), (3, False), (4, False)])
def test_one_more_is_allowed_while_the_window_is_not_full(started: int, allowed: bool) -> None:
    assert Rate(3, "minute").allows(started) is allowed


@pytest.mark.parametrize(
    ("rate", "ago", "wait"),
    [
        (Rate(3, "minute"), 60_000, 1),
        (Rate(3, "minute"), 59_999, 2),
        (Rate(3, "minute"), 30_000, 30_001),
        (Rate(3, "minute"), 0, 60_001),
        (Rate(3, "minute"), -1, 60_002),
        (Rate(1, "second"), 999, 2),
        (Rate(9, "day"), 1, 86_400_000),
    ],
    ids=["the last moment", "one earlier", "half", "just now", "of a clock ahead", "a second", "a day"],
)
def test_the_wait_ends_a_millisecond_after_the_window(rate: Rate, ago: int, wait: int) -> None:
    """The wait ends a millisecond after the blocking start left."""
    assert rate.wait(NOON, NOON - ago) == wait


@given(st.integers(1, 99999), st.sampled_from(["second", "minute", "hour", "day"]), st.integers(0, 10**13), st.data())
def test_after_the_wait_the_blocking_start_counts_no_more(
    starts: int, unit: str, now: int, data: st.DataObject
) -> None:
    rate = Rate.parse(f"{starts}/{unit}")
    assert rate is not None
    blocking = data.draw(st.integers(rate.window_start(now), now))
    wait = rate.wait(now, blocking)

    assert rate.window_start(now + wait) == blocking + 1
    assert 0 < wait <= rate.milliseconds + 1
