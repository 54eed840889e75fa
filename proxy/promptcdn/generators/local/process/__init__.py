"""The process that draws: started when a picture is ordered, started again when it has ended, one picture at a time.

running   one process
frames    policy: what is said between the service and the process
answers   policy: what its answer or its end means
messages  policy: which of its own messages are logged
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from promptcdn.event_loop import AnswerTimeout
from promptcdn.generators.local.process import answers
from promptcdn.generators.local.process.frames import Garbled
from promptcdn.generators.local.process.running import Ended, Launch, Running
from promptcdn.generators.local.timings import TIMINGS, Timings
from promptcdn.problems import UPSTREAM_UNREACHABLE, UpstreamFailed

log = logging.getLogger(__name__)


class ModelProcess:
    """At most one process, with the model that was drawn with last.

    One that ends by itself is started again for the next picture, after a pause that doubles each time.
    """

    def __init__(self, timings: Timings = TIMINGS, clock: Callable[[], float] = time.monotonic) -> None:
        self._timings = timings
        self._clock = clock
        self._turn = asyncio.Lock()
        self._running: Running | None = None
        self._loading: asyncio.Task[Running] | None = None
        self._launch: Launch | None = None
        self._failures = 0
        self._not_before = float("-inf")

    @property
    def pid(self) -> int | None:
        """Of the process that has loaded its model."""
        return self._running.pid if self._running else None

    async def draw(self, launch: Launch, order: Mapping[str, Any], files: Mapping[str, bytes], seconds: float) -> bytes:
        """The picture's file, within so many seconds. Raises `UpstreamFailed`."""
        ends = self._clock() + seconds
        try:
            async with asyncio.timeout(seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise answers.waiting("the model drew other pictures all the time: this one was not begun") from None
        try:
            try:
                return await self._begun(launch, order, files, seconds, ends)
            except Ended:  # before it has begun: it had ended between two pictures
                return await self._begun(launch, order, files, seconds, ends)
        except Ended:
            raise answers.waiting("the model's process ends before it begins to draw") from None
        finally:
            self._turn.release()

    async def close(self) -> None:
        """Ends the process; a picture under way is lost."""
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.gather(self._loading, return_exceptions=True)
        if self._running is not None:
            await self._running.end(self._timings.end)
        self._running = self._loading = None

    async def _begun(
        self, launch: Launch, order: Mapping[str, Any], files: Mapping[str, bytes], seconds: float, ends: float
    ) -> bytes:
        """The picture, begun where enough of its `seconds` is left. Raises `UpstreamFailed`; `Ended` where the process
        ended before it has begun."""
        running = await self._ready(launch, ends)
        left = ends - self._clock()
        if left < seconds / 2:  # the deadline would end the process, and the next picture would wait for another one
            raise answers.waiting("the model is ready now, and too little time is left for this picture", 0.0)
        return await self._drawn(running, order, files, left)

    async def _ready(self, launch: Launch, ends: float) -> Running:
        """The process with that model. Loading goes on where there is no time left to wait for it."""
        if self._running is not None and not self._running.alive:
            self._tell(await self._running.ended())
            await self.close()
        if self._launch != launch:
            await self.close()
        self._launch = launch
        if self._running is not None:
            return self._running
        if self._loading is None:
            if (left := self._not_before - self._clock()) > 0:
                raise answers.waiting("the model's process ended, and is started again after a pause", left)
            self._loading = asyncio.create_task(self._loaded(launch))
        await asyncio.wait({self._loading}, timeout=max(0.0, ends - self._clock()))
        if not self._loading.done():
            raise answers.waiting("the model is still being loaded")
        loading, self._loading = self._loading, None
        try:
            self._running = loading.result()
        except UpstreamFailed as failure:
            pause = self._pause()
            raise UpstreamFailed(failure.kind, failure.detail, charged=False, pause=pause) from None
        return self._running

    async def _loaded(self, launch: Launch) -> Running:
        """A new process, once it has loaded its model. Raises `UpstreamFailed`."""
        try:
            running = await Running.started(launch)
        except OSError as error:
            detail = f"the model's process cannot be started: {error.strerror}"
            raise UpstreamFailed(UPSTREAM_UNREACHABLE, detail, charged=False) from None
        try:
            await self._greeted(running, launch)
        except BaseException:
            running.kill()
            await running.ended()
            raise
        return running

    async def _greeted(self, running: Running, launch: Launch) -> None:
        """Waits until the model is loaded. Raises `UpstreamFailed`."""
        began = self._clock()
        try:
            async with AnswerTimeout(self._timings.load):
                said, _ = await running.answer()
        except Ended:
            raise answers.ended(await running.ended(), loading=True) from None
        except TimeoutError:
            detail = f"the model was not loaded within {self._timings.load:.0f} s"
            raise UpstreamFailed(UPSTREAM_UNREACHABLE, detail, charged=False) from None
        except Garbled:
            raise answers.garbled() from None
        if said.get("event") != "ready":
            raise answers.failure(said, loading=True)
        log.info("loaded the model in %s in %.1f s", launch.folder, self._clock() - began)

    async def _drawn(
        self, running: Running, order: Mapping[str, Any], files: Mapping[str, bytes], seconds: float
    ) -> bytes:
        try:
            async with AnswerTimeout(seconds):
                said, made = await running.ask(order, files)
        except Ended as ended:
            code = await self._lost(running)
            if not ended.begun:
                self._tell(code)
                raise
            self._pause()
            raise answers.ended(code, loading=False) from None
        except TimeoutError:
            await self._lost(running)
            raise answers.late() from None
        except Garbled as garbled:
            log.warning("the model's process answered what nobody understands: %s", garbled)
            await self._lost(running)
            self._pause()
            raise answers.garbled() from None
        except BaseException:  # cancelled: the process would go on drawing what nobody waits for
            await self._lost(running)
            raise
        self._failures = 0
        if said.get("event") == "picture" and "picture" in made:
            return made["picture"]
        raise answers.failure(said, loading=False)

    @staticmethod
    def _tell(code: int) -> None:
        log.warning("the model's process %s between two pictures: another one is started", answers.how(code))

    async def _lost(self, running: Running) -> int:
        """Ends a process that is of no use any more. Gives its exit code."""
        self._running = None
        running.kill()
        return await running.ended()

    def _pause(self) -> float:
        """The next start waits for so many seconds, longer after each process that has failed."""
        pause: float = min(self._timings.first_pause * 2**self._failures, self._timings.longest_pause)
        self._failures += 1
        self._not_before = self._clock() + pause
        return pause
