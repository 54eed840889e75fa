"""Whether each part that pictures need answers. Nothing is made, nothing is spent."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from promptcdn.catalog.removals import Removals
from promptcdn.checks import Check
from promptcdn.clock import Clock
from promptcdn.event_loop import AnswerTimeout
from promptcdn.flights import Flights
from promptcdn.generators import InspectedGenerator
from promptcdn.money.budget import Budget, limits
from promptcdn.problems import CounterUnavailable, StoreUnavailable
from promptcdn.replicas.connection import RedisConnection, RedisDown
from promptcdn.settings import Settings
from promptcdn.spool import Spool
from promptcdn.stores import InspectedStore, Name, durability

if TYPE_CHECKING:
    from promptcdn.stores.disk_cache import DiskCache


@dataclass
class Readiness:
    """Looks at every part at once; all who ask meanwhile share the look, so that probes are no load.

    A part has `patience` seconds to answer: less than the time-outs of those who probe.
    """

    settings: Settings
    clock: Clock
    flights: Flights[None]
    store: InspectedStore
    removals: Removals
    generators: Mapping[str, InspectedGenerator]
    budget: Budget
    spool: Spool
    connection: RedisConnection | None
    disk_cache: "DiskCache | None" = None
    patience: float = 2.0
    _looking: asyncio.Task[tuple[Check, ...]] | None = field(default=None, init=False)

    async def parts(self) -> tuple[Check, ...]:
        """What was found of each part."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def spooled(self) -> Check:
        """The paid pictures that wait for the store; not good where one could be lost."""
        found = self.spool.check(self.clock.utc().timestamp())
        return found if self.settings.paid else replace(found, good=True)

    @property
    def caveats(self) -> str:
        """What the budget's count does not outlive or cover; empty where there is nothing to say."""
        limited = self.settings.budget_limits.each
        alone = limited and self.connection is None and self.settings.store_url.startswith("s3:")
        return "; ".join(filter(None, (self.budget.forgets, durability.COUNTED_ALONE if alone else "")))

    async def _look(self) -> tuple[Check, ...]:
        stopping = self.flights.draining
        looks = {"store": self._store, "budget": self._budget}
        if self.connection is not None:
            looks["redis"] = self._redis
        return (
            Check("service", not stopping, "shutting down" if stopping else "answers"),
            *self._each_generator(),
            self.spooled(),
            *(() if self.disk_cache is None else (self.disk_cache.check,)),
            *await asyncio.gather(*(self._within_patience(part, look) for part, look in looks.items())),
        )

    def _each_generator(self) -> Iterator[Check]:
        """Of the default one the part is `generator`, of another one its name stands beside that."""
        for declared in self.settings.generators:
            refuses = self.generators[declared.name].refuses
            detail = f"{declared.name}, engine {', '.join(self.settings.offered_by(declared))}"
            is_default = declared.name == self.settings.defaults.default.generator
            part = "generator" if is_default else f"generator {declared.name}"
            yield Check(part, not refuses, "; ".join(filter(None, (detail, refuses))))

    async def _store(self) -> Check:
        """Asks for an object that cannot be there: a store that says so answers.

        Without the list of what was taken down no picture is shown, and a store that takes nothing is of no use either.
        """
        url, nothing = self.settings.store_url, secrets.token_hex(32)
        try:
            await self.store.get(Name("masters", nothing))
            await self.removals.removed(nothing)
            await self.store.require_writable()
        except StoreUnavailable as unknown:
            return Check("store", False, f"{url}: {unknown.cause}")
        return Check("store", True, url)

    async def _budget(self) -> Check:
        try:
            usages = await self.budget.usage(self.clock.utc())
        except CounterUnavailable as unknown:
            return Check("budget", False, unknown.detail)
        return Check("budget", True, "; ".join(filter(None, (limits.summary(usages), self.caveats))))

    async def _redis(self) -> Check:
        assert self.connection is not None
        try:
            await self.connection.call(lambda redis: redis.ping())
        except RedisDown as down:
            return Check("redis", False, f"{down}; stored pictures are answered as always")
        return Check("redis", True, "answers")

    async def _within_patience(self, part: str, look: Callable[[], Awaitable[Check]]) -> Check:
        try:
            async with AnswerTimeout(self.patience):
                return await look()
        except TimeoutError:
            return Check(part, False, f"no answer within {self.patience:g} s")
