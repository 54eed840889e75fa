"""Whether each part that pictures need answers. Nothing is made, nothing is spent."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from promptcdn.checks import Finding
from promptcdn.flights import Flights
from promptcdn.generators import InspectedGenerator
from promptcdn.making import Clock
from promptcdn.money import budgets as limits
from promptcdn.money.budget import Free, SqliteBudget
from promptcdn.money.budget.redis import SharedBudget
from promptcdn.problems import StoreUnknown
from promptcdn.replicas.connection import Link, RedisDown
from promptcdn.settings import Settings
from promptcdn.spool import Spool
from promptcdn.stores import InspectedStore, Name
from promptcdn.stores import durability as survival

# Less than the time-outs of those who probe.
PATIENCE_SECONDS = 2.0


@dataclass
class Readiness:
    """Looks at every part at once; all who ask meanwhile share the look, so that probes are no load."""

    settings: Settings
    clock: Clock
    flights: Flights[None]
    store: InspectedStore
    generator: InspectedGenerator
    budget: SharedBudget | SqliteBudget | Free
    spool: Spool
    link: Link | None
    _looking: asyncio.Task[tuple[Finding, ...]] | None = field(default=None, init=False)

    async def parts(self) -> tuple[Finding, ...]:
        """What was found, part by part."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def spooled(self) -> Finding:
        """What waits for the store; not good where what is paid for could be lost."""
        found = self.spool.finding(self.clock.utc().timestamp())
        return found if self.generator.paid else replace(found, good=True)

    @property
    def caveats(self) -> str:
        """What the budget's count does not outlive or cover; empty where there is nothing to say."""
        limited = self.settings.limits(paid=self.generator.paid).each
        alone = limited and self.link is None and self.settings.store_url.startswith("s3:")
        return "; ".join(filter(None, (self.budget.forgets, survival.ALONE if alone else "")))

    async def _look(self) -> tuple[Finding, ...]:
        stopping = self.flights.draining
        looks = {"store": self._store, "budget": self._budget}
        if self.link is not None:
            looks["redis"] = self._redis
        return (
            Finding("service", not stopping, "stopping" if stopping else "answers"),
            self._generator(),
            self.spooled(),
            *await asyncio.gather(*(_within_patience(part, look) for part, look in looks.items())),
        )

    def _generator(self) -> Finding:
        detail = f"{self.generator.name}, engine {self.settings.defaults.engine}"
        refuses = self.generator.refuses
        return Finding("generator", not refuses, "; ".join(filter(None, (detail, refuses))))

    async def _store(self) -> Finding:
        """Asks for what cannot be there: a store that says so answers."""
        url = self.settings.store_url
        try:
            await self.store.get(Name("masters", secrets.token_hex(32)))
        except StoreUnknown as unknown:
            return Finding("store", False, f"{url}: {unknown.cause}")
        return Finding("store", True, url)

    async def _budget(self) -> Finding:
        try:
            left = await self.budget.left(self.clock.utc())
        except StoreUnknown as unknown:
            return Finding("budget", False, unknown.detail)
        return Finding("budget", True, "; ".join(filter(None, (limits.said(left), self.caveats))))

    async def _redis(self) -> Finding:
        assert self.link is not None
        try:
            await self.link.call(lambda redis: redis.ping())
        except RedisDown as down:
            return Finding("redis", False, f"{down}; pictures that are there go on")
        return Finding("redis", True, "answers")


async def _within_patience(part: str, look: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await look()
    except TimeoutError:
        return Finding(part, False, f"no answer within {PATIENCE_SECONDS:g} s")
