"""Settings → a running service: the rooms put together. A new generator or store has its one line here."""

import logging
import random
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from proxy.bindings import Bindings
from proxy.budget import Budget, SqliteBudget, Unlimited
from proxy.cdn import Cdn, Rules
from proxy.flights import Flights
from proxy.generators import Generator
from proxy.generators.sketch import Sketch
from proxy.generators.stability import Stability
from proxy.generators.stability.address import DEFAULT_HOST
from proxy.making import Clock, Making
from proxy.problems import StoreUnknown
from proxy.renditions import Renditions
from proxy.settings import BadSettings, Settings
from proxy.stores import Name, Store
from proxy.stores.absence import RememberedAbsence
from proxy.stores.buckets import Bucket, Unusable
from proxy.stores.disk import DiskStore
from proxy.stores.memory import Memory
from proxy.stores.s3 import S3Store

log = logging.getLogger("promptcdn")


@dataclass(frozen=True)
class Part:
    """Something that pictures need: whether it answers, and what there is to say of it."""

    name: str
    ready: bool
    detail: str


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

    async def readiness(self) -> tuple[Part, ...]:
        """Each part that pictures need, and whether it answers. Nothing is made, nothing is spent."""
        return (
            Part("service", not self.flights.draining, "stopping" if self.flights.draining else "answers"),
            await _store_part(self.store, self.settings.store_url),
            Part("generator", True, f"{self.generator.name}, engine {self.settings.defaults.engine}"),
            Part("budget", True, str(self.settings.limit(paid=self.generator.paid) or "unlimited")),
        )

    async def close(self) -> None:
        """Finishes what was paid for, then closes what it needed, in that order."""
        if self.flights.count:
            log.info("stopping: %d pictures are being made and will be kept", self.flights.count)
        await self.flights.drain(self.settings.grace)
        await self.renditions.close()
        await self.generator.close()
        await self.budget.close()
        await self.store.close()


def opened(settings: Settings) -> Service:
    """The service of these settings. Raises `BadSettings` where a folder or the generator cannot be used."""
    clock = Clock(lambda: datetime.now(UTC), time.monotonic)
    generator = _generator(settings)
    store = RememberedAbsence(opened_store(settings.store_url, settings.store_setting))
    budget = _budget(settings, generator)
    bindings = Bindings(store, generator.name)
    renditions = Renditions(store, Memory(settings.memory))
    flights: Flights[None] = Flights(settings.concurrency, settings.queue)
    making = Making(generator, budget, bindings, renditions, clock)
    rules = Rules(settings.defaults, settings.variants, settings.misses, settings.wait)
    cdn = Cdn(rules, bindings, renditions, flights, making, clock, random.SystemRandom())
    return Service(settings, cdn, clock, flights, renditions, generator, budget, store)


async def _store_part(store: Store, url: str) -> Part:
    """Asks for what cannot be there: a store that says so answers."""
    try:
        await store.get(Name("masters", secrets.token_hex(32)))
    except StoreUnknown as unknown:
        return Part("store", False, f"{url}: {unknown.detail}")
    return Part("store", True, url)


def _generator(settings: Settings) -> Generator:
    if settings.makes == "sketch":
        return Sketch()
    key = settings.stability_key.get_secret_value() if settings.stability_key else None
    try:
        return Stability(settings.stability_host or DEFAULT_HOST, key, settings.upstream_timeout)
    except (ValueError, ImportError) as wrong:
        raise BadSettings(str(wrong)) from wrong


def opened_store(url: str, setting: str) -> Store:
    """The store at `disk:PATH` or `s3://bucket/prefix`. Raises `BadSettings`, naming `setting`, where it is unusable.

    A bucket that does not answer is no reason not to start: it is connected to when it is back.
    """
    if not url.startswith("s3://"):
        folder = Path(url.removeprefix("disk:").strip())
        try:
            return DiskStore(folder)
        except OSError as error:
            raise BadSettings(f"{setting}: the folder {folder} cannot be used: {error.strerror}") from error
    bucket = Bucket.parse(url)
    try:
        bucket.open()
    except Unusable as unusable:
        raise BadSettings(f"{setting}: {unusable}") from unusable
    except StoreUnknown as unknown:
        log.warning("%s: %s", bucket, unknown.detail)
    return S3Store(bucket)


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
