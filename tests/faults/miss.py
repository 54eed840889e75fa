"""One miss of a service in this process, in which one call fails, and what must hold whatever it was.

The first asker is told what the table of outcomes knows, within the time they wait; a picture that was paid for is
answered; whoever asks again gets it; and a new start finds it, for nothing.
"""

import asyncio
import itertools
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Self

import httpx2
import pytest
from starlette.types import Message

from promptcdn.clock import Clock
from promptcdn.faces.app import create_app
from promptcdn.settings import load
from promptcdn.wiring import opened
from tests.faults.stage import counted, paid
from tests.support.nth_call import Failure, Hanging
from tests.upstream.control import Control
from tests.upstream.kinds import Kind

WAIT = 0.5
STATUSES = {200, 502, 503, 504}
# What one waits for a look-up beside the picture, and a second.
BESIDE = 2.5

Failing = Callable[[Failure, Path], AbstractContextManager[None]]


class Running:
    """A service in this process, with its lifespan as a server would run it."""

    def __init__(self, clock: Clock) -> None:
        self._app = create_app(opened(load(), clock))
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._began = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._lifespan = asyncio.create_task(self._live())
        await self._told.put({"type": "lifespan.startup"})
        await self._began.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._told.put({"type": "lifespan.shutdown"})
        await self._lifespan

    async def get(self, wait: float = WAIT) -> httpx2.Response:
        transport = httpx2.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://promptcdn") as client:
            return await client.get(f"/?prompt=a&seed=7&wait={wait:g}")

    async def _live(self) -> None:
        await self._app({"type": "lifespan", "asgi": {}}, self._told.get, self._heard)

    async def _heard(self, message: Message) -> None:
        assert message["type"] in ("lifespan.startup.complete", "lifespan.shutdown.complete"), message
        self._began.set()


@dataclass
class Miss:
    """One miss and what came of it. `counts`: its pictures cost money, and the budget counts them."""

    folder: Path
    upstream: Control
    failure: Failure
    hanging: Hanging | None = None
    wait: float = WAIT
    counts: bool = True
    hours: int = 0
    objections: list[str] = field(default_factory=list)

    def require(self, holds: bool, what: str) -> None:
        if not holds:
            self.objections.append(f"{self.failure.happened}: {what}")

    async def run(self, failing: Failing) -> None:
        with failing(self.failure, self.folder):
            async with Running(self._clock()) as service:
                with self.failure:
                    first = await self._first(service)
                calls = paid(self.upstream).total()
                if self.hanging is not None:
                    self.hanging.let_go()
                self.hours += 1  # every cooldown is over
                second = await service.get(self.wait)
        self._judge(first, second, calls)
        before = paid(self.upstream).total()
        async with Running(self._clock()) as service:
            third = await service.get(self.wait)
        self.require(third.content == second.content, "a new start shows another picture")
        self.require(paid(self.upstream).total() == before, "a new start paid again")

    async def _first(self, service: Running) -> httpx2.Response | None:
        """The answer; `None` where it does not come in time."""
        try:
            async with asyncio.timeout(self.wait + BESIDE):
                return await service.get(self.wait)
        except TimeoutError:
            return None

    def _judge(self, first: httpx2.Response | None, second: httpx2.Response, calls: int) -> None:
        total = paid(self.upstream).total()
        self.require(second.status_code == 200, f"then {said(second)}")
        if self.counts:
            self.require(counted(self.folder) >= total, f"{total} paid and {counted(self.folder)} counted")
        if first is None:
            self.require(False, f"no answer within {self.wait + BESIDE:g} s")
            return
        self.require(first.status_code in STATUSES, said(first))
        self.require("cache-control" in first.headers, "caches are told nothing")
        by_generator = (self.failure.happened or "").startswith(("Stability", "AsyncHTTPTransport"))
        if first.status_code == 200:
            self.require(total == 1, f"answered, and paid {total} times")
            self.require(first.content == second.content, "answered with two pictures")
        elif calls and not by_generator and self.hanging is None:
            self.require(False, f"paid for, and answered {said(first)}")
        self.require(total <= 1 + by_generator, f"paid {total} times")

    def _clock(self) -> Clock:
        return Clock(lambda: datetime.now(UTC), lambda: monotonic() + 3600 * self.hours)


def said(answer: httpx2.Response) -> str:
    """An answer in a few words."""
    return " ".join([str(answer.status_code), answer.headers["cache-control"], answer.headers.get("cache-status", "")])


@dataclass(frozen=True)
class Misses:
    """Misses of an upstream of one kind, in each of which one call more goes well, until no call is left that could
    fail; an error that says all that was wrong in any."""

    folder: Path
    kind: Kind
    settings: Mapping[str, str]
    monkeypatch: pytest.MonkeyPatch
    figures: Callable[..., None]
    wait: float

    def __call__(self, failing: Failing, hanging: Callable[[], Hanging] | None = None) -> None:
        objections: list[str] = []
        happened = 0
        for number in itertools.count(1):
            miss = self._run(number, failing, hanging and hanging())
            objections += miss.objections
            if miss.failure.happened is None:
                break
            happened += 1
        assert happened > 0, "no call failed"
        self.figures(calls_that_failed=happened, objections=len(objections))
        assert not objections, "\n".join(objections)

    def _run(self, number: int, failing: Failing, hanging: Hanging | None) -> Miss:
        folder = self.folder / str(number)
        with self.kind.start() as upstream:
            called = self.kind.settings(upstream, folder)
            for name, value in {**self.settings, **called, "PROMPTCDN_DATA_DIR": f"{folder}/data"}.items():
                self.monkeypatch.setenv(name, value)
            miss = Miss(folder, upstream, Failure(number), hanging, self.wait, counts=self.kind.paid)
            # A loop of its own: nothing that one miss leaves behind goes on beside the next one.
            asyncio.run(miss.run(failing))
        return miss
