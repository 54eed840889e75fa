"""Waiting for what nobody tells of, in plain tests and in those that run in a loop; and a loop that is held up."""

import asyncio
import time
from collections.abc import Callable

PATIENCE_SECONDS = 30
STALL_SECONDS = 1.0
_PAUSE_SECONDS = 0.01


def until(is_so: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    """Returns as soon as it is so; an `AssertionError` where it is not in so many seconds."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(_PAUSE_SECONDS)


async def eventually(is_so: Callable[[], bool]) -> None:
    """As `until`, while the loop goes on."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(_PAUSE_SECONDS)


def hold_up_the_loop() -> None:
    """For a second this thread does nothing, and neither does the loop that runs in it."""
    time.sleep(STALL_SECONDS)
