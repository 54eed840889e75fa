"""The core put together: a real disk store, a clock that is set by hand and a generator that counts."""

import asyncio
import io
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Self

from PIL import Image

from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.removals import Preparation
from promptcdn.catalog.renditions import Renditions
from promptcdn.cdn import Cdn, Rules, Seeded
from promptcdn.clock import Clock
from promptcdn.flights import Flight, Flights
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.guard.authorisation import Authorisation, Misses
from promptcdn.making import Making
from promptcdn.money.budget import NoBudget
from promptcdn.money.rates import NoRates
from promptcdn.problems import StoreUnavailable
from promptcdn.readers.answers import Answer, Asker, Look, Reply
from promptcdn.readers.clients import Client
from promptcdn.readers.conditions import NOTHING, Condition
from promptcdn.spool import Spool
from promptcdn.stores import Header, Name, Record
from promptcdn.stores.disk import DiskStore
from promptcdn.stores.negative import NegativeCache
from promptcdn.url.parse import parse
from promptcdn.url.request import Resolved
from promptcdn.url.resolving import Defaults
from tests.support.fakes import NOON
from tests.support.offers import offers


class Painter:
    """A generator of flat colours: counts its calls, may be held, and has words it refuses to paint."""

    paid = True

    def __init__(self, name: str = "painter") -> None:
        self.name = name
        self.calls: list[Resolved] = []
        self.sources: list[Sources] = []
        self.refused: set[int] = set()
        self.called = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        self.calls.append(resolved)
        self.sources.append(sources)
        self.called.set()
        await self.open.wait()
        if resolved.seed in self.refused or "forbidden" in resolved.prompt:
            return Made(b"", resolved.seed, filtered=True)
        file = io.BytesIO()
        Image.new("RGB", (resolved.width, resolved.height), "#" + content_key[:6]).save(file, "PNG")
        return Made(file.getvalue(), resolved.seed)

    async def close(self) -> None:
        """Nothing is open."""


async def _open(name: Name) -> None:
    del name


class Slow(DiskStore):
    """A store that takes its time, and says how many look-ups are under way."""

    delay = 0.0
    reading = 0
    down = False
    # What each look-up waits for first.
    gate: Callable[[Name], Awaitable[None]] = staticmethod(_open)

    async def get(self, name: Name) -> Record | None:
        self.reading += 1
        try:
            await self.gate(name)
            await asyncio.sleep(self.delay)
            self._require_up()
            return await super().get(name)
        finally:
            self.reading -= 1

    async def look(self, name: Name) -> Header | None:
        await self.gate(name)
        self._require_up()
        return await super().look(name)

    def _require_up(self) -> None:
        if self.down:
            raise StoreUnavailable("the store is down")


class Watched(Flights[None]):
    """Flights that count how often each was looked for; `elsewhere` are those of other replicas."""

    def __init__(self) -> None:
        super().__init__(8, 64)
        self.looks: Counter[str] = Counter()
        self.elsewhere: set[str] = set()

    async def under_way_elsewhere(self, key: str) -> bool:
        return key in self.elsewhere

    def under_way(self, key: str) -> Flight[None] | None:
        self.looks[key] += 1
        return super().under_way(key)


class House:
    """A service without its faces, on a folder that outlives it."""

    def __init__(
        self,
        folder: Path,
        painter: Painter | None = None,
        at: datetime = NOON,
        misses: Misses = "open",
        defaults: Defaults | None = None,
    ) -> None:
        self.now = at
        self.taken_down: set[str] = set()
        self.painter = painter or Painter()
        name = self.painter.name
        self.store = Slow(folder)
        store = NegativeCache(self.store)
        clock = Clock(lambda: self.now, self.seconds)
        self._spool = Spool(folder / "spool")
        self.bindings = bindings = Bindings(store, self._spool)
        self.renditions = Renditions(store, Memory(10**8), self._spool)
        self.flights = Watched()
        making = Making({name: self.painter}, NoBudget(), self._spool, bindings, self.renditions, self, clock)
        rules = Rules(defaults or offers(name, "e", size=(256, 256)), 8, Authorisation(misses))
        way = Seeded(rules, bindings, self.renditions, self.flights, self, making, NoRates(), clock)
        self.cdn = Cdn(way, rules, clock, random.Random(1))

    async def removed(self, content_key: str) -> bool:
        return content_key in self.taken_down

    async def purge(self, content_key: str) -> None:
        """What is stored of it is not looked at."""

    async def surely_removed(self, content_key: str) -> bool:
        return content_key in self.taken_down

    async def prepare(self, content_key: str, as_asked_key: str, *, lost: bool) -> Preparation:
        """Nobody else shows anything."""
        del content_key, as_asked_key
        return Preparation(after=int(lost))

    def seconds(self) -> float:
        return self.now.timestamp()

    async def ask(self, query: str, *, making: bool = True, condition: Condition = NOTHING) -> Reply:
        request = parse(query.encode())
        wait = 20 if request.control.wait is None else request.control.wait
        return await self.cdn.answer(
            request, Asker(self.seconds() + wait, Client(None), making=making, condition=condition)
        )

    async def get(self, query: str) -> Answer:
        answer = await self.ask(query)
        assert isinstance(answer, Answer)
        return answer

    async def look(self, query: str) -> Look:
        """What there is of a request's picture."""
        return await self.cdn.look(parse(query.encode()))

    @property
    def looking(self) -> bool:
        """Whether anybody reads the store."""
        return self.store.reading > 0

    async def landed(self) -> None:
        """Waits until nothing is being made."""
        if others := asyncio.all_tasks() - self._others - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=20)

    async def __aenter__(self) -> Self:
        # Of the test's runner, which lives on.
        self._others = asyncio.all_tasks()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        self.painter.open.set()
        await self.flights.drain(20)
        await self.renditions.close()
        await self._spool.close()
        await self.store.close()
