"""An event loop whose clock can be stopped: how long something waits is then the same on every machine."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


class _Selector(selectors.DefaultSelector):
    """Where its clock was stopped, it moves the hands instead of waiting."""

    hands: float | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.hands is None or timeout is None:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.hands += max(0.0, timeout)
        return ready


class ClockLoop(asyncio.SelectorEventLoop):
    """A loop in real time until `stop_the_clock`. From then on its clock jumps to the next timer as soon as there is
    nothing to do, and stands still otherwise."""

    def __init__(self) -> None:
        self._hands = _Selector()
        super().__init__(self._hands)

    def time(self) -> float:
        return time.monotonic() if self._hands.hands is None else self._hands.hands

    def stop_the_clock(self) -> None:
        self._hands.hands = self.time()

    def hold_up(self, seconds: float) -> None:
        """As a callback of the loop that takes so long."""
        self._hands.hands = self.time() + seconds


def run(work: Callable[[ClockLoop], Coroutine[Any, Any, _T]]) -> _T:
    """What `work` gives in a loop of its own."""
    with asyncio.Runner(loop_factory=ClockLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ClockLoop)
        return runner.run(work(loop))
