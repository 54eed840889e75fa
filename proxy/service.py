"""Settings → a running service: the rooms put together. A new generator or store has its one line here."""

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from proxy.bindings import Bindings
from proxy.budget import Budget, SqliteBudget, Unlimited
from proxy.cdn import Cdn, Rules
from proxy.flights import Flights
from proxy.generators import Generator
from proxy.generators.sketch import Sketch
from proxy.generators.stability import Stability
from proxy.generators.stability.address import DEFAULT_HOST
from proxy.making import Clock, Making
from proxy.renditions import Renditions
from proxy.settings import BadSettings, Settings
from proxy.stores import Store
from proxy.stores.absence import RememberedAbsence
from proxy.stores.disk import DiskStore
from proxy.stores.memory import Memory


@dataclass(frozen=True)
class Service:
    """Everything that is open while the service runs."""

    settings: Settings
    cdn: Cdn
    clock: Clock
    flights: Flights[None]
    renditions: Renditions
    generator: Generator
    budget: Budget
    store: Store

    async def close(self) -> None:
        """Finishes what was paid for, then closes what it needed, in that order."""
        await self.flights.drain(self.settings.grace)
        await self.renditions.close()
        await self.generator.close()
        await self.budget.close()
        await self.store.close()


def opened(settings: Settings) -> Service:
    """The service of these settings. Raises `BadSettings` where a folder or the generator cannot be used."""
    clock = Clock(lambda: datetime.now(UTC), time.monotonic)
    generator = _generator(settings)
    store = RememberedAbsence(_store(settings))
    budget = _budget(settings, generator)
    bindings = Bindings(store, generator.name)
    renditions = Renditions(store, Memory(settings.memory))
    flights: Flights[None] = Flights(settings.concurrency, settings.queue)
    making = Making(generator, budget, bindings, renditions, clock)
    rules = Rules(settings.defaults, settings.variants, settings.misses, settings.wait)
    cdn = Cdn(rules, bindings, renditions, flights, making, clock, random.SystemRandom())
    return Service(settings, cdn, clock, flights, renditions, generator, budget, store)


def _generator(settings: Settings) -> Generator:
    if settings.makes == "sketch":
        return Sketch()
    key = settings.stability_key.get_secret_value() if settings.stability_key else None
    try:
        return Stability(settings.stability_host or DEFAULT_HOST, key, settings.upstream_timeout)
    except (ValueError, ImportError) as wrong:
        raise BadSettings(str(wrong)) from wrong


def _store(settings: Settings) -> Store:
    folder = settings.store_folder
    try:
        return DiskStore(folder)
    except OSError as error:
        name = "PROMPTCDN_STORE" if settings.store else "PROMPTCDN_DATA_DIR"
        raise BadSettings(f"{name}: the folder {folder} cannot be used: {error.strerror}") from error


def _budget(settings: Settings, generator: Generator) -> Budget:
    limit = settings.limit(paid=generator.paid)
    if limit is None:
        return Unlimited()
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return SqliteBudget(folder / "budget.sqlite3", limit)
    except OSError as error:
        raise BadSettings(f"PROMPTCDN_DATA_DIR: the folder {folder} cannot be used: {error.strerror}") from error
