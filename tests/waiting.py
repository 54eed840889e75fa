"""Waiting for what nobody tells of."""

import time
from collections.abc import Callable

PATIENCE_SECONDS = 30


def until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as it is so; an `AssertionError` where it is not in so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)
