"""How long a silence must last until it counts, for loops that are in time and loops that are late."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptcdn.event_loop.patience import Patience


def waited(seconds: float, *lags: float) -> float:
    """For how long a silence lasts until it counts, where the first slices end so late and all others in time."""
    patience, took, late = Patience.of(seconds), 0.0, iter(lags)
    while not patience.over:
        lag = next(late, 0.0)
        took += patience.slice + lag
        patience = patience.after(lag)
    return took


@pytest.mark.parametrize("seconds", [0.01, 0.5, 1.0, 10.0, 0.7, 120.1])
def test_a_loop_in_time_waits_for_the_time_that_was_said(seconds: float) -> None:
    assert waited(seconds) == pytest.approx(seconds)


@pytest.mark.parametrize("stall", [1.0, 5.0, 3600.0])
def test_a_stall_does_not_count_however_long_it_was(stall: float) -> None:
    """Of the slice that it fell into half counts: some of it may have been silence."""
    assert waited(0.5, stall) == pytest.approx(0.5 + stall + 0.5 / 16, abs=0.5 / 16)


def test_after_a_stall_in_the_last_slice_there_is_one_more() -> None:
    patience = Patience.of(0.5)
    for _ in range(7):
        patience = patience.after(0.0)
    assert not patience.after(1.0).over
    assert patience.after(1.0).after(0.0).over


@given(seconds=st.floats(0, 100), lag=st.floats(0, 1000))
@settings(deadline=None)
def test_a_loop_that_is_always_late_does_not_wait_for_ever(seconds: float, lag: float) -> None:
    """It waits for twice as many slices at most."""
    patience, slices = Patience.of(seconds), 0
    most = patience.halves_left
    while not patience.over:
        patience, slices = patience.after(lag), slices + 1
    assert most / 2 <= slices <= most


@given(seconds=st.floats(0, 1000))
@settings(deadline=None)
def test_a_slice_is_short_so_that_a_stall_is_seen(seconds: float) -> None:
    assert Patience.of(seconds).slice <= min(0.25, seconds / 8)
