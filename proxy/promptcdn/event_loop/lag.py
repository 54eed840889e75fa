"""How late the event loop is: a timer that is due again and again, and when it fires."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Seconds: between two measures of how late the event loop is."""

    between_measures: float = 0.25


class LagMeter:
    """Tells `report` again and again by how many seconds the loop was late: for so long nobody was answered."""

    def __init__(self, report: Callable[[float], None], timings: Timings = Timings()) -> None:
        self._report = report
        self._timings = timings
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Measures the loop that this is called in, until `close`."""
        self._wait(asyncio.get_running_loop())

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        due = loop.time() + self._timings.between_measures
        self._next = loop.call_at(due, self._measure, loop, due)

    def _measure(self, loop: asyncio.AbstractEventLoop, due: float) -> None:
        self._report(max(0.0, loop.time() - due))
        self._wait(loop)
