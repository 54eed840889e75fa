"""Waiting for what nobody tells of."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30


def until(is_so: Callable[[], bool]) -> None:
    """Returns as soon as it is so; an `AssertionError` where it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
