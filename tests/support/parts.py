"""All that makes pictures, put together for tests: parts of our own between a scripted generator and a shelf."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import pytest

from promptcdn import problems
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.renditions import Renditions
from promptcdn.generators import NO_SOURCES, Made, Sources
from promptcdn.generators.worker.orders import Orders
from promptcdn.making import Making, Timings
from promptcdn.making.reconcile_spool import Reconciler
from promptcdn.money.budget import Budget
from promptcdn.problems import Problem, UpstreamFailed
from promptcdn.spool import Spool
from promptcdn.url.order import Order
from promptcdn.url.request import Resolved
from tests.support.fakes import (
    FakeBudget,
    FakeGenerator,
    FakeRemovals,
    FakeStore,
    ManualClock,
    name,
    order,
    picture,
)

ORDER = order()
MASTER, BINDING, VERDICT = name(ORDER.content_key), name(folder="bindings"), name(ORDER.content_key, "verdicts")


def of_its_own_url(order: Order) -> Order:
    """The same order by another URL."""
    return replace(order, as_asked_key=order.content_key)


GOOD = Made(picture(), seed_sent=7)
FILTERED = Made(b"", seed_sent=7, filtered=True)
HTML = Made(b"<html>", seed_sent=7)
TIMEOUT = UpstreamFailed(problems.UPSTREAM_TIMEOUT, "no answer in 120 s", charged=True)
UNREACHABLE = UpstreamFailed(problems.UPSTREAM_UNREACHABLE, "no route", charged=False)


class Parts:
    """All that is needed to make pictures; a second one on the same shelf is the process after a restart.

    The spool is a folder in the one that the test runs in, whose disk has `free_disk` bytes left.
    """

    def __init__(
        self,
        answers: Sequence[Made | Exception] = (),
        shelf: FakeStore | None = None,
        budget: Budget | None = None,
        generator: FakeGenerator | None = None,
        timings: Timings | None = None,
        orders: Mapping[str, Orders] | None = None,
    ) -> None:
        self.generator = generator or FakeGenerator(answers)
        self.shelf = shelf or FakeStore()
        self.purse = FakeBudget()
        self.hands = ManualClock()
        self.free_disk = 10**12
        self.spool = Spool(Path("spool"), free=lambda _: self.free_disk)
        self.bindings = Bindings(self.shelf, self.spool)
        self.renditions = Renditions(self.shelf, Memory(10**6), self.spool)
        self.making = Making(
            {self.generator.name: self.generator},
            budget or self.purse,
            self.spool,
            self.bindings,
            self.renditions,
            FakeRemovals(),
            self.hands.clock,
            timings=timings or Timings(store=0.05),
            orders=orders or {},
        )
        self.reconciler = Reconciler(self.spool, self.making, self.hands.clock)

    @property
    def spooled(self) -> list[str]:
        """The content keys of what is on the spool's disk."""
        return sorted(path.name for path in Path("spool/paid").glob("*"))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self.renditions.close()
        await self.spool.close()

    async def make(self, wanted: Order = ORDER) -> None:
        """By a URL of its own for each order."""
        await self.making.make(wanted if wanted == ORDER else of_its_own_url(wanted))

    async def refused(self, wanted: Order = ORDER) -> Problem:
        """Why no picture is made."""
        with pytest.raises(Problem) as problem:
            await self.make(wanted)
        return problem.value


class Toppler(FakeGenerator):
    """A generator during whose work the store goes down."""

    def __init__(self, shelf: FakeStore, answer: Made) -> None:
        super().__init__([answer])
        self._shelf = shelf

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        made = await super().generate(resolved, content_key, sources=sources)
        self._shelf.down = True
        return made


def toppled(answer: Made) -> Parts:
    """A workshop whose store goes down while it is paid for `answer`."""
    shelf = FakeStore()
    return Parts(shelf=shelf, generator=Toppler(shelf, answer))
