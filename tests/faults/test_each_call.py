"""A miss in which one call fails: each in turn, until the miss has no more calls that could.

Whatever fails, the first asker is told what the table of outcomes knows, within the time they wait; a picture that was
paid for is answered; whoever asks again gets it; and a new start finds it, for nothing.
"""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Self

import httpx2
import pytest
from starlette.types import Message

from promptcdn import clock, problems
from promptcdn.clock import Clock
from promptcdn.faces.app import create_app
from promptcdn.generators import Made
from promptcdn.generators.stability import Stability
from promptcdn.money.budget.sqlite import SqliteBudget
from promptcdn.money.rates.sqlite import SqliteRates
from promptcdn.problems import StoreUnavailable, UpstreamFailed
from promptcdn.settings import load
from promptcdn.stores import Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.negative import NegativeCache, Timings
from promptcdn.wiring import opened
from tests.faults.conftest import Figures
from tests.faults.stage import OVER_REST, SMALL, counted, paid
from tests.support.fakes import picture
from tests.support.nth_call import (
    Failure,
    Hanging,
    Instead,
    answering_late,
    failing_files,
    failing_methods,
    garbled_files,
    raising,
    raising_late,
)
from tests.upstream import Upstream
from tests.upstream.control import Control
from tests.upstream.stability_rest import StabilityRest

pytestmark = pytest.mark.anyio

WAIT = 0.5
# The engines of the REST API draw a megapixel, which takes longer to decode and to encode.
WAIT_OVER_REST = 3.0
STATUSES = {200, 502, 503, 504}
# What one waits for a look-up beside the picture, and a second.
BESIDE = 2.5

STORE_CALLS: list[tuple[type, str]] = [(DiskStore, call) for call in ("get", "look", "names", "put", "delete")]
MONEY_CALLS: list[tuple[type, str]] = [(SqliteBudget, "reserve"), (SqliteBudget, "give_back"), (SqliteRates, "charge")]
GENERATE = (Stability, "generate")

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
    """One miss and what came of it."""

    folder: Path
    upstream: Control
    failure: Failure
    hanging: Hanging | None = None
    wait: float = WAIT
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
        self.require(counted(self.folder) >= total, f"{total} paid and {counted(self.folder)} counted")
        if first is None:
            self.require(False, f"no answer within {self.wait + BESIDE:g} s")
            return
        self.require(first.status_code in STATUSES, said(first))
        self.require("cache-control" in first.headers, "caches are told nothing")
        by_generator = (self.failure.happened or "").startswith("Stability")
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


in_each_protocol = pytest.mark.parametrize("each", ["grpc", "rest"], indirect=True)


@pytest.fixture
def each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Figures, request: pytest.FixtureRequest
) -> Callable[..., None]:
    """Runs misses, in each of which one call more goes well; fails with all that was wrong in any."""
    over_rest = getattr(request, "param", "grpc") == "rest"
    for name, value in {**(OVER_REST if over_rest else SMALL), "PROMPTCDN_BUDGET": "1000/day"}.items():
        monkeypatch.setenv(name, value)
    # Hanging look-ups are given up sooner, or a hundred of them take a quarter of an hour.
    monkeypatch.setattr(NegativeCache.__init__, "__defaults__", (Timings(patience=0.3), Context))

    def run(failing: Failing, hanging: Callable[[], Hanging] | None = None) -> None:
        objections: list[str] = []
        happened = 0
        for number in itertools.count(1):
            folder = tmp_path / str(number)
            monkeypatch.setenv("PROMPTCDN_DATA_DIR", str(folder / "data"))
            with StabilityRest() if over_rest else Upstream() as upstream:
                monkeypatch.setenv("STABILITY_HOST", upstream.url)
                miss = Miss(
                    folder, upstream, Failure(number), hanging and hanging(), WAIT_OVER_REST if over_rest else WAIT
                )
                # A loop of its own: nothing that one miss leaves behind goes on beside the next one.
                asyncio.run(miss.run(failing))
            objections += miss.objections
            if miss.failure.happened is None:
                break
            happened += 1
        assert happened > 0, "no call failed"
        figures(calls_that_failed=happened, objections=len(objections))
        assert not objections, "\n".join(objections)

    return run


def test_a_miss_survives_an_error_in_each_system_call(each: Callable[..., None]) -> None:
    """A miss survives an error in each call of the operating system."""
    each(failing_files)


def test_a_miss_survives_a_garbled_file_at_each_read_and_sync(each: Callable[..., None]) -> None:
    """A miss survives a file that is garbled at each read and each sync."""
    each(garbled_files)


DOWN = StoreUnavailable("out of reach")
UNREACHABLE = UpstreamFailed(problems.UPSTREAM_UNREACHABLE, "no route", charged=False)
CUT = UpstreamFailed(problems.UPSTREAM_GARBLED, "the stream broke off", charged=True)


def calls(store: Instead, money: Instead, generate: Instead) -> Failing:
    """What becomes of the n-th call between parts of the service."""
    instead: dict[tuple[type, str], Instead] = {GENERATE: generate}
    instead |= dict.fromkeys(STORE_CALLS, store) | dict.fromkeys(MONEY_CALLS, money)
    return lambda failure, _folder: failing_methods(failure, instead)


@in_each_protocol
def test_a_miss_survives_an_error_in_each_call_between_parts(each: Callable[..., None]) -> None:
    """A miss survives an error in each call of store, counters and generator."""
    each(calls(raising(DOWN), raising(DOWN), raising(UNREACHABLE)))


@in_each_protocol
def test_a_miss_survives_each_lost_answer_between_parts(each: Callable[..., None]) -> None:
    """A miss survives the lost answer of each call of store, counters and generator."""
    each(calls(raising_late(DOWN), raising_late(DOWN), raising_late(CUT)))


def test_a_miss_survives_a_hang_of_each_call_between_parts(each: Callable[..., None]) -> None:
    """A miss survives a hang of each call of store, budget and generator."""
    hanging: list[Hanging] = []

    def next_one() -> Hanging:
        hanging.append(Hanging())
        return hanging[-1]

    def hang(failure: Failure, _folder: Path) -> AbstractContextManager[None]:
        instead: dict[tuple[type, str], Instead]
        instead = dict.fromkeys([*STORE_CALLS, (SqliteBudget, "reserve"), GENERATE], hanging[-1])
        return failing_methods(failure, instead)

    each(hang, next_one)


@pytest.mark.parametrize(
    "made",
    [Made(b"", 7), Made(b"<!doctype html>", 7), Made(picture((64, 64)), 7), Made(picture((256, 256)), 7, seed_echo=8)],
    ids=["nothing", "a page", "another size", "another seed"],
)
def test_a_miss_survives_nonsense_from_the_generator(each: Callable[..., None], made: Made) -> None:
    each(lambda failure, _: failing_methods(failure, {GENERATE: answering_late(made)}))


async def test_a_rendition_that_was_refused_once_is_stored_later(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rendition that the store refused once is stored when the store takes it again."""
    for name, value in {**SMALL, "PROMPTCDN_DATA_DIR": str(tmp_path), "STABILITY_HOST": upstream.url}.items():
        monkeypatch.setenv(name, value)
    put = DiskStore.put
    refused: list[Name] = []

    async def refusing(store: DiskStore, name: Name, record: Record) -> Record:
        if name.folder == "renditions" and not refused:
            refused.append(name)
            raise DOWN
        return await put(store, name, record)

    monkeypatch.setattr(DiskStore, "put", refusing)
    async with Running(clock.SYSTEM) as service:
        first = await service.get()
        assert first.status_code == 200
        assert refused
        for _ in range(200):
            if "immutable" in (answer := await service.get()).headers["cache-control"]:
                break
            # Hits in memory leave the event loop no time for anything else.
            await asyncio.sleep(0.05)
        assert "immutable" in answer.headers["cache-control"]
        assert answer.content == first.content
    assert paid(upstream).total() == 1
