"""The work of a worker: orders are taken, drawn and brought, until a signal, an idle time, or the one order."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from random import SystemRandom
from typing import Any

from promptcdn import problems
from promptcdn.cli.operators.work.client import Client, Refused, Unreachable
from promptcdn.cli.operators.work.drawing import Drawer
from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators import Made
from promptcdn.generators.worker.jobs import PICTURE_MAX
from promptcdn.problems import UpstreamFailed

log = logging.getLogger("promptcdn")

# The generator is ill, and not the order: another worker may draw it.
_ILL = (
    problems.UPSTREAM_UNREACHABLE,
    problems.UPSTREAM_BUSY,
    problems.UPSTREAM_UNAUTHORIZED,
    problems.UPSTREAM_UNPAID,
)
_jitter = SystemRandom().random


@dataclass(frozen=True)
class Timings:
    """How the work is timed, in seconds.

    first_pause, longest_pause  between two tries where the service, or the generator, is not well: doubling
    beats                       how often a worker says within the length of a lease that it lives
    given_back                  for saying that an order is given back, when the work ends
    """

    first_pause: float = 1.0
    longest_pause: float = 60.0
    beats: float = 3.0
    given_back: float = 5.0


TIMINGS = Timings()


@dataclass(frozen=True)
class Ends:
    """When the work ends: after one order, or after so many seconds without any. `grace` is how many seconds a picture
    under way has after a signal."""

    once: bool = False
    idle: float | None = None
    grace: float = 25.0


class Shift:
    """So many orders at once, one after the other."""

    def __init__(self, client: Client, drawer: Drawer, at_once: int, ends: Ends, timings: Timings = TIMINGS) -> None:
        self._client = client
        self._drawer = drawer
        self._at_once = 1 if ends.once else at_once
        self._ends = ends
        self._timings = timings
        self._stopping = asyncio.Event()
        self._giving_up = asyncio.Event()
        self._drawn = self._undrawn = 0
        self._busy = 0
        # How long the last pause was because the generator was not well.
        self._ill = 0.0
        self._last = time.monotonic()

    async def run(self) -> bool:
        """Works until it is to end; whether every order was drawn. Raises `Refused`."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._stop)
        log.info("the worker draws with %s for %s, and waits for orders", self._drawer.name, self._client.where)
        if size := self._drawer.needed_size:
            log.warning("it draws no 1024x1024: set PROMPTCDN_SIZE=%s on the service for URLs without a size", size)
        try:
            async with asyncio.TaskGroup() as hands:
                for _ in range(self._at_once):
                    hands.create_task(self._work())
        except* Refused as refused:
            raise refused.exceptions[0] from None
        finally:
            await self._client.close()
            await self._drawer.close()
        log.info("the worker ends: %d pictures drawn, %d orders not drawn", self._drawn, self._undrawn)
        return not self._undrawn

    def _stop(self) -> None:
        """After a signal: no new order; after the second one, or the grace, what is under way is given back."""
        if self._stopping.is_set():
            self._giving_up.set()
            return
        self._stopping.set()
        asyncio.get_running_loop().call_later(self._ends.grace, self._giving_up.set)

    async def _work(self) -> None:
        pause = self._timings.first_pause
        while not self._ended():
            try:
                order = await self._next()
            except Unreachable as away:
                log.warning("%s: trying again in %.0f s", away, wait := max(pause, away.pause or 0.0))
                await self._paused(wait)
                pause = min(2 * pause, self._timings.longest_pause)
                continue
            pause = self._timings.first_pause
            if order is not None:
                await self._take(order)
                if self._ends.once:
                    self._stopping.set()

    async def _next(self) -> dict[str, Any] | None:
        """An order. A signal to stop ends the waiting."""
        asking = asyncio.create_task(self._client.next(self._drawer.can))
        await self._first_of(asking, self._stopping, self._left_of_idle())
        if not asking.done():
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, Unreachable):
                return await asking
            return None
        return await asking

    async def _take(self, order: Mapping[str, Any]) -> None:
        """Draws an order, and brings its picture or says why there is none."""
        self._busy += 1
        began = time.monotonic()
        drawing = asyncio.create_task(self._drawer.draw(order))
        beating = asyncio.create_task(self._beat(order, drawing))
        try:
            await self._first_of(drawing, self._giving_up)
            if not drawing.done():
                drawing.cancel()
                await self._give_back(order)
                return
            if not drawing.cancelled() and await self._end(order, drawing):
                self._drawn += 1
                self._ill = 0.0
                log.info("drew %s in %.1f s", order["order"][:16], time.monotonic() - began)
            else:
                self._undrawn += 1
        finally:
            beating.cancel()
            drawing.cancel()
            await asyncio.gather(beating, drawing, return_exceptions=True)
            self._busy -= 1
            self._last = time.monotonic()

    async def _end(self, order: Mapping[str, Any], drawing: "asyncio.Task[Made]") -> bool:
        """Tells the service what came of an order; whether it has the picture."""
        try:
            made = drawing.result()
        except UpstreamFailed as failure:
            log.warning("the order %s was not drawn: %s", order["order"][:16], failure.detail)
            if failure.kind in _ILL:
                await self._give_back(order)
                self._ill = min(2 * self._ill or self._timings.first_pause, self._timings.longest_pause)
                await self._paused(min(max(self._ill, failure.pause or 0.0), self._timings.longest_pause))
            else:
                await self._surely(self._client.fail, order["order"], reason=f"{failure.kind.title}: {failure.detail}")
            return False
        except Exception as broken:  # whatever a generator's library raises, the next order may be drawn
            log.exception("the order %s was not drawn", order["order"][:16])
            await self._surely(self._client.fail, order["order"], reason=f"{type(broken).__name__} in the worker")
            return False
        if made.filtered:
            await self._surely(self._client.fail, order["order"], filtered=True)
            return True
        if len(made.picture) > PICTURE_MAX:  # a proxy in between may only break the connection
            reason = f"the picture's file has {len(made.picture)} bytes, and may have {PICTURE_MAX}"
            log.warning("the order %s was not drawn: %s", order["order"][:16], reason)
            await self._surely(self._client.fail, order["order"], reason=reason)
            return False
        told, why = await self._surely(self._client.deliver, order["order"], made.picture) or ("lost", "")
        if told not in ("taken", "late"):
            log.warning("the picture of %s was not taken: %s %s", order["order"][:16], told, why)
        return told in ("taken", "late")

    async def _surely(self, tell: Any, *what: Any, **how: Any) -> Any:
        """What the service answers, however often it has to be told; `None` where the work ends meanwhile."""
        pause = self._timings.first_pause
        while True:
            try:
                return await tell(*what, **how)
            except Unreachable as away:
                log.warning("%s: a picture waits to be taken", away)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause * (1 + _jitter())):
                        await self._giving_up.wait()
                if self._giving_up.is_set():
                    return None
                pause = min(2 * pause, self._timings.longest_pause)

    async def _beat(self, order: Mapping[str, Any], drawing: "asyncio.Task[Made]") -> None:
        """Says that the order is being drawn, until it is another worker's."""
        while True:
            await asyncio.sleep(float(order.get("lease", 30.0)) / self._timings.beats)
            with contextlib.suppress(Unreachable, Refused):
                if await self._client.alive(order["order"]) == "lost":
                    log.warning("the order %s is another worker's by now", order["order"][:16])
                    drawing.cancel()
                    return

    async def _give_back(self, order: Mapping[str, Any]) -> None:
        with contextlib.suppress(Unreachable, TimeoutError):
            async with AnswerTimeout(self._timings.given_back):
                await self._client.fail(order["order"], given_back=True)
        log.info("gave the order %s back", order["order"][:16])

    async def _paused(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds * (1 + _jitter() / 4)):
                await self._stopping.wait()

    def _ended(self) -> bool:
        if self._left_of_idle() == 0:
            self._stopping.set()
        return self._stopping.is_set()

    def _left_of_idle(self) -> float | None:
        """Seconds until there was no order for too long; `None` where that does not end the work."""
        if self._ends.idle is None or self._busy:
            return None
        return max(0.0, self._last + self._ends.idle - time.monotonic())

    @staticmethod
    async def _first_of(task: "asyncio.Task[Any]", event: asyncio.Event, seconds: float | None = None) -> None:
        """Waits for the first of the three."""
        waiting = asyncio.create_task(event.wait())
        await asyncio.wait({task, waiting}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
