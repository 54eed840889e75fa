"""Peers of our own parts, small enough to see through, and the values that tests hand around."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from PIL import Image

from promptcdn.catalog.removals import Preparation
from promptcdn.clock import Clock
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.money.budget import NoBudget, Reservation
from promptcdn.money.costs import Cost
from promptcdn.problems import CounterUnavailable, StoreUnavailable
from promptcdn.spool import Paid
from promptcdn.stores import Folder, Header, Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved

_T = TypeVar("_T")

KEY = "0123456789abcdef" * 4
# What pictures of a trained model are marked with, like those of a generator that this version does not know.
MARK = "trainedAlgorithmicMedia"
# The name and the extension of a picture format that the service does not have. Who adds it takes another one here.
NO_FORMAT = "bmp"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def name(key: str = KEY, folder: Folder = "masters") -> Name:
    return Name(folder, key)


def record(body: bytes = b"a picture") -> Record:
    return Record(body, "image/png", 1_795_435_200, {"generator": "painter", "prompt": "a lighthouse", "seed": 7})


def order(as_asked_key: str = KEY, **changes: Any) -> Order:
    """The order of the URL with that key."""
    return Order.of(as_asked_key, replace(Resolved("painter", "e", "a lighthouse", 7, 64, 64, 30, 7.0), **changes))


def paid(body: bytes | None = None, as_asked_key: str = KEY, seed: int = 7, **answer: Any) -> Paid:
    """A generator's answer to the order with that seed, a good one by default."""
    made = Made(picture() if body is None else body, seed, **answer)
    return Paid(order(as_asked_key, seed=seed), made, 1_795_435_200)


def picture(size: tuple[int, int] = (64, 64), format_: str = "PNG", colour: str = "teal", **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, format_, **options)
    return file.getvalue()


def within(folder: Path, work: Callable[[DiskStore], Awaitable[_T]]) -> _T:
    """What `work` gives with a store on `folder`, which is closed behind it."""

    async def lived() -> _T:
        store = DiskStore(folder)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(lived())


@asynccontextmanager
async def opened_store(folder: Path) -> AsyncIterator[DiskStore]:
    """A store on `folder`, which is closed behind the block."""
    store = DiskStore(folder)
    try:
        yield store
    finally:
        await store.close()


class FakeStore:
    """A store in a dict: says what it was asked, may be down or full, and may keep its callers waiting.

    `fails_at` is the call (1 is the first) that alone finds it down.
    """

    def __init__(self) -> None:
        self.objects: dict[Name, Record] = {}
        self.got: list[Name] = []
        self.written: list[Name] = []
        self.down = False
        self.full = False
        self.fails_at = 0
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def get(self, name: Name) -> Record | None:
        self.got.append(name)
        self._require_up()
        found = self.objects.get(name)
        self.asked.set()
        await self.open.wait()
        return found

    async def look(self, name: Name) -> Header | None:
        found = await self.get(name)
        return None if found is None else found.header

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        self._require_up()
        return tuple(name for name in self.objects if name.folder == folder and name.leaf.startswith(leaf))

    async def delete(self, name: Name) -> None:
        self._require_up()
        self.objects.pop(name, None)

    async def put(self, name: Name, record: Record) -> Record:
        self.written.append(name)
        self._require_up()
        if self.full:
            raise StoreUnavailable("the shelf is full")
        return self.objects.setdefault(name, record)

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def calls(self) -> int:
        """How often it was asked for anything."""
        return len(self.got) + len(self.written)

    def _require_up(self) -> None:
        if self.down or 0 < self.fails_at == self.calls:
            raise StoreUnavailable("the shelf is down")


class FakeRemovals:
    """An operator who took nothing down."""

    async def removed(self, content_key: str) -> bool:  # noqa: ARG002 - the same for all
        return False

    async def purge(self, content_key: str) -> None:
        """Nobody asks for it."""

    async def surely_removed(self, content_key: str) -> bool:  # noqa: ARG002 - the same for all
        return False

    async def prepare(self, content_key: str, as_asked_key: str, *, lost: bool) -> Preparation:
        """Nobody else shows anything."""
        del content_key, as_asked_key
        return Preparation(after=int(lost))


class FakeGenerator:
    """A generator that answers what it is told to, in that order, and counts."""

    name = "painter"
    paid = True

    def __init__(self, answers: Sequence[Made | Exception]) -> None:
        self._answers = list(answers)
        self.calls = 0
        self.sources: list[Sources] = []

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        del resolved, content_key
        self.calls += 1
        self.sources.append(sources)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Nothing is open."""


class FakeBudget(NoBudget):
    """A budget without a limit that says what is spent, and whose counter may be out of reach."""

    def __init__(self) -> None:
        self.spent = 0
        self.down = False

    async def reserve(self, resolved: Resolved, now: datetime) -> Reservation:
        self._require_up()
        self.spent += 1
        return Reservation(now, Cost(resolved.engine, 1, 0))

    async def give_back(self, reservation: Reservation) -> None:
        del reservation
        self._require_up()
        self.spent -= 1

    def _require_up(self) -> None:
        if self.down:
            raise CounterUnavailable("the purse is out of reach")


class ManualClock:
    """A clock whose hands are moved by the test."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.clock = Clock(lambda: NOON + timedelta(seconds=self.seconds), lambda: 1000.0 + self.seconds)
