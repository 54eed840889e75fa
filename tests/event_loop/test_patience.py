"""How long a silence must last until it counts, for loops that are in time and loops that are late."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptcdn.event_loop.patience import STRETCH_MAX, Patience


def waited(seconds: float, *lags: float) -> float:
    """For how long a silence lasts until it counts, where the first slices end so late and all others in time."""
    patience, took, late = Patience.of(seconds), 0.0, iter(lags)
    while not patience.over:
        lag = next(late, 0.0)
        took += patience.slice + lag
        patience = patience.after(lag)
    return took


def waited_by_a_loop_that_is_blocked(block: float, seconds: float = 0.5) -> float:
    """The same where the loop looks at the clock only when such a block ends, and the next one begins at once."""
    patience, now = Patience.of(seconds), 0.0
    while not patience.over:
        due = now + patience.slice
        now = math.ceil(due / block) * block
        patience = patience.after(now - due)
    return now


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.0, 10.0, 0.7, 120.1])
def test_a_loop_in_time_waits_for_the_time_that_was_said(seconds: float) -> None:
    assert waited(seconds) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("block", "most"), [(0.001, 0.51), (0.005, 0.51), (0.03, 0.55), (0.05, 0.6), (0.1, 0.65), (0.2, 0.85), (0.4, 1.65)]
)
def test_a_late_loop_gives_up_half_a_second_in_time(block: float, most: float) -> None:
    """So a Redis that is down is noticed in about half a second by a loop that is a little late."""
    assert 0.5 <= waited_by_a_loop_that_is_blocked(block) <= most


@pytest.mark.parametrize("stall", [0.4, 1.0, 5.0, 3600.0])
def test_a_stall_does_not_count_however_long_it_was(stall: float) -> None:
    """Two slices of eight at most are over after it."""
    assert waited(0.5, stall) == pytest.approx(0.5 + stall - 0.5 / 8)


@pytest.mark.parametrize(("lag", "counted"), [(0.0, 1.0), (0.25, 1.25), (1.0, 2.0), (1.25, 2.0), (4.0, 2.0)])
def test_of_lateness_one_slice_counts(lag: float, counted: float) -> None:
    patience = Patience.of(0.5)
    slice_ = patience.slice
    assert patience.after(lag * slice_).left == pytest.approx(0.5 - counted * slice_)


def test_after_a_stall_near_the_end_there_is_one_more_slice() -> None:
    patience = Patience.of(0.5)
    for _ in range(5):
        patience = patience.after(0.0)
    assert not patience.after(1.0).over
    assert patience.after(1.0).after(0.0).over


def test_lateness_that_is_not_excused_any_more_counts() -> None:
    patience = Patience.of(0.5)
    for _ in range(2):
        patience = patience.after(0.5)
    assert patience.excused == pytest.approx(0.125)
    assert not patience.after(0.15).over
    assert patience.after(0.5).over


@given(seconds=st.floats(0.001, 100), parts=st.lists(st.floats(0, 1), min_size=1))
@settings(deadline=None)
def test_a_silence_lasts_three_times_its_seconds_at_most(seconds: float, parts: list[float]) -> None:
    """But for the lateness of the last slice: the loop cannot end a time-out while it is held up."""
    patience, took, lag, slices = Patience.of(seconds), 0.0, 0.0, 0
    while not patience.over:
        lag = parts[slices % len(parts)] * seconds
        took, slices = took + patience.slice + lag, slices + 1
        patience = patience.after(lag)
    assert took - lag <= STRETCH_MAX * seconds * 1.000001


@given(seconds=st.floats(0, 100), lag=st.floats(0, 1000))
@settings(deadline=None)
def test_a_loop_that_is_always_late_does_not_wait_for_ever(seconds: float, lag: float) -> None:
    """It waits for no more slices than one that is in time."""
    patience, slices = Patience.of(seconds), 0
    while not patience.over:
        patience, slices = patience.after(lag), slices + 1
    assert slices <= max(8, math.ceil(seconds / 0.25)) + 1  # the last one may be a rest that rounding left


@given(seconds=st.floats(0, 1000))
@settings(deadline=None)
def test_a_slice_is_short_so_that_a_stall_is_seen(seconds: float) -> None:
    assert Patience.of(seconds).slice <= min(0.25, max(0.001, seconds / 8))
