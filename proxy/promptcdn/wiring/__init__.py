"""Settings → a running service: its parts put together.

stores   the store, and what stands before it
"""

import asyncio
import logging
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from promptcdn import __version__
from promptcdn.catalog.bindings import Bindings
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.purges import Purged, UnpurgedStore
from promptcdn.catalog.removals import StoreRemovals
from promptcdn.catalog.renditions import Renditions
from promptcdn.catalog.sources import SourcePictures
from promptcdn.cdn import Cdn, Rules, Seeded
from promptcdn.clock import SYSTEM, Clock
from promptcdn.flights import DetachedTasks, Flights
from promptcdn.generators import InspectedGenerator
from promptcdn.generators.care.breakers import LocalBreaker, RedisBreaker
from promptcdn.generators.declaration import Declaration, Given
from promptcdn.guard.authorisation import Authorisation, Denies, NoDenyList
from promptcdn.making import Making
from promptcdn.making.cooldowns import Cooldowns
from promptcdn.making.reconcile_spool import Reconciler
from promptcdn.money.budget import Budget, NoBudget
from promptcdn.money.budget.limits import BudgetLimits
from promptcdn.money.costs import Prices
from promptcdn.money.rates import NoRates, Rates
from promptcdn.pictures.placeholders import Placeholders
from promptcdn.problems import BadSettings
from promptcdn.readers.clients import TrustedProxies
from promptcdn.replicas.connection import RedisConnection
from promptcdn.replicas.leases import Leases, Nested, RedisLeases
from promptcdn.settings import Settings
from promptcdn.spool import Spool
from promptcdn.stores import InspectedStore, permissions, volumes
from promptcdn.stores.lock_files import LockFiles
from promptcdn.stores.negative import NegativeCache
from promptcdn.stores.verified import VerifiedStore
from promptcdn.telemetry import Telemetry, metrics, money
from promptcdn.telemetry.observed import ObservedGenerator
from promptcdn.telemetry.readiness import Readiness
from promptcdn.telemetry.tracing import Tracing
from promptcdn.wiring.stores import folder_of, stores

if TYPE_CHECKING:
    from promptcdn.generators.worker.work import Work
    from promptcdn.guard.deny_file import DenyFile
    from promptcdn.making.deliveries import Deliveries
    from promptcdn.stores.disk_cache import DiskCache

log = logging.getLogger("promptcdn")

# Requests for `/info` that look into the store at once: nobody waits for a picture there.
_INFOS = 64


@dataclass(frozen=True, kw_only=True)
class Service:
    """All parts of a running service."""

    settings: Settings
    cdn: Cdn
    clock: Clock
    detached: DetachedTasks = field(default_factory=DetachedTasks)
    infos: DetachedTasks = field(default_factory=lambda: DetachedTasks(_INFOS))
    flights: Flights[None]
    leases: Leases
    connection: RedisConnection | None
    bindings: Bindings
    renditions: Renditions
    removals: StoreRemovals
    placeholders: Placeholders = field(default_factory=Placeholders)
    generators: Mapping[str, InspectedGenerator]
    budget: Budget
    rates: Rates
    trusted: TrustedProxies
    store: InspectedStore
    verified: VerifiedStore
    disk_cache: "DiskCache | None"
    deny: "DenyFile | None"
    spool: Spool
    reconciler: Reconciler
    deliveries: "Deliveries | None"
    telemetry: Telemetry
    readiness: Readiness

    @property
    def prices(self) -> Prices:
        """What a new picture costs, whether or not there is a budget."""
        return self.settings.price_list

    async def start(self) -> None:
        """Starts what runs beside requests: hearing what others remove and spend, storing what the spool has."""
        self.telemetry.start()
        await self.verified.start()
        await self.removals.start()
        await self.budget.start()
        await self.rates.start()
        self.reconciler.start()
        if self.deliveries is not None:
            self.deliveries.work.start()

    def stop(self) -> None:
        """After a signal to stop: no new pictures, and those who wait are answered. `close` ends what is under way."""
        if not self.flights.draining and self.flights.count:
            log.info("shutting down: %d new pictures are being made or wait to be made", self.flights.count)
        if self.deliveries is not None:
            self.deliveries.stop()
        self.flights.stop()

    def read_again(self) -> None:
        """After a signal to read the deny-list's file again. Returns at once; requests go on meanwhile."""
        if self.deny is not None:
            asyncio.get_running_loop().run_in_executor(None, self.deny.read_again)

    async def close(self) -> None:
        """Finishes pictures under way within the grace since the signal, then closes all parts, in that order."""
        if self.deliveries is not None:
            self.deliveries.stop()
        await self.flights.drain(self.settings.grace)
        await self.detached.close()
        await self.infos.close()
        await self.readiness.close()
        await self.reconciler.close()
        if self.deliveries is not None:
            await self.deliveries.close()
        await self.renditions.close()
        await self.placeholders.close()
        for generator in self.generators.values():
            await generator.close()
        await self.budget.close()
        await self.rates.close()
        await self.leases.close()
        if self.connection is not None:
            await self.connection.close()
        await self.removals.close()
        await self.spool.close()
        await self.store.close()
        await self.telemetry.close()


def opened(settings: Settings, clock: Clock = SYSTEM, tracing: Tracing | None = None) -> Service:
    """The service of these settings, traced by `tracing`. Raises `BadSettings` where a part cannot be used."""
    return _opened(settings, clock, Telemetry(tracing), None, False)


def opened_to_read(settings: Settings, scratch: Path, *, any_bucket: bool = False) -> Service:
    """The same for a command that makes nothing: what is not there yet is made in the folder `scratch`, and nowhere
    else. With `any_bucket` one that cannot be used is for `checks` to tell. Raises `BadSettings`."""
    return _opened(settings, SYSTEM, Telemetry(None), scratch, any_bucket)


def _opened(settings: Settings, clock: Clock, telemetry: Telemetry, scratch: Path | None, any_bucket: bool) -> Service:
    deny, connection = _deny_file(settings), redis_connection(settings)
    generators = _generators(settings, connection, telemetry)
    verified, cache, kept = stores(settings, clock, connection, telemetry, scratch is None, any_bucket)
    store, memory = NegativeCache(kept, task_context=telemetry.task_context), Memory(settings.memory)
    spool = _spool(settings, clock, scratch)
    leases, budget = _leases(settings, connection), _budget(settings, clock, connection, scratch)
    rates, bindings = NoRates() if scratch else _rates(settings, connection), Bindings(store, spool, telemetry)
    renditions = Renditions(UnpurgedStore(store, purged := Purged()), memory, spool, telemetry)
    removals = StoreRemovals(kept, _forgetting(bindings, renditions), spool, purged, clock, telemetry)
    flights, rules = _flights(settings, leases, telemetry), _rules(settings, deny or NoDenyList())
    paying = generators, budget, spool, bindings, renditions, removals, clock, telemetry
    cooldowns, work = Cooldowns(connection), _work(settings, connection, clock)
    making = Making(*paying, cooldowns=cooldowns, doubt=store.doubt, orders=work.orders if work else {})
    seeded = Seeded(rules, bindings, renditions, flights, removals, making, rates, clock, telemetry)
    service = Service(
        settings=settings,
        cdn=Cdn(seeded, rules, clock, random.SystemRandom()),
        clock=clock,
        flights=flights,
        leases=leases,
        connection=connection,
        bindings=bindings,
        renditions=renditions,
        removals=removals,
        generators=generators,
        budget=budget,
        rates=rates,
        trusted=TrustedProxies.parse(settings.trusted_proxies),
        store=kept,
        verified=verified,
        disk_cache=cache,
        deny=deny,
        spool=spool,
        reconciler=Reconciler(spool, making, clock),
        deliveries=_deliveries(work, making, spool, SourcePictures(renditions, removals), clock, telemetry),
        telemetry=telemetry,
        readiness=Readiness(settings, clock, flights, kept, removals, generators, budget, spool, connection, cache),
    )
    return _watched(service, making)


def _watched(service: Service, making: Making) -> Service:
    """The service, once each metric that has a value of its own is read from its part."""
    flights, watch = service.flights, service.telemetry.watch
    watch(metrics.BUILD, lambda: {(__version__, name): 1 for name in service.generators})
    watch(metrics.FLIGHTS, lambda: {(name,): load.running for name, load in flights.load.items()})
    watch(metrics.QUEUE, lambda: {(name,): load.waiting for name, load in flights.load.items()})
    watch(metrics.WAITING, lambda: service.detached.count + service.infos.count)
    watch(metrics.FLIGHTS_BEGUN, lambda: flights.begun)
    watch(metrics.FLIGHTS_JOINED, lambda: flights.joined)
    watch(metrics.IN_COOLDOWN, lambda: making.on_cooldown)
    watch(metrics.MEMORY, lambda: service.renditions.memory.bytes)
    watch(metrics.EVICTIONS, lambda: service.renditions.memory.evictions)
    watch(metrics.BREAKER, lambda: {(name,): int(bool(each.refuses)) for name, each in service.generators.items()})
    watch(metrics.REDIS, lambda: int(service.connection is not None and service.connection.down))
    watch(metrics.SPOOL, lambda: service.spool.depth)
    watch(metrics.CORRUPT, lambda: service.store.corrupt)
    if (cache := service.disk_cache) is not None:
        watch(metrics.DISK_CACHE_READS, lambda: {(result,): count for result, count in cache.reads.items()})
        watch(metrics.DISK_CACHE, lambda: cache.files.bytes)
        watch(metrics.DISK_CACHE_FILES, lambda: cache.files.count)
        watch(metrics.DISK_CACHE_EVICTIONS, lambda: cache.files.evictions)
    if service.deliveries is not None:
        from promptcdn.telemetry import work  # late: for those who have workers

        names = [name for name, _ in service.settings.worker_tokens.secrets]
        work.watch(service.telemetry, service.deliveries.work, names)
    money.watch(service.telemetry, service.budget, service.clock)
    return service


def _spool(settings: Settings, clock: Clock, scratch: Path | None) -> Spool:
    """The spool in the data folder, once no other user of the machine may look into that."""
    if scratch is None:
        permissions.shut(settings.data_dir, "locks", "replica", "store-id")
    spool, store = _where(settings, scratch, "spool") / "spool", folder_of(settings.store_url)
    beside = store is not None and volumes.same_disk(spool, store)
    return Spool(spool, clock, on_the_stores_disk=beside)


def _where(settings: Settings, scratch: Path | None, *names: str) -> Path:
    """The data folder, or `scratch` where one of these is not there."""
    folder = settings.data_dir
    return folder if scratch is None or all((folder / name).exists() for name in names) else scratch


def _deny_file(settings: Settings) -> "DenyFile | None":
    if settings.deny is None:
        return None
    from promptcdn.guard.deny_file import DenyFile  # late: re2, for those who have a list

    return DenyFile(settings.deny)


def _rules(settings: Settings, deny: Denies) -> Rules:
    return Rules(settings.defaults, settings.variants, Authorisation(settings.misses, settings.signing_keys, deny))


def _forgetting(bindings: Bindings, renditions: Renditions) -> Callable[[str], None]:
    """A function that forgets a picture or a binding whose objects were deleted."""

    def forget(key: str) -> None:
        renditions.forget(key)
        bindings.forget(key)

    return forget


def _flights(settings: Settings, leases: Leases, telemetry: Telemetry) -> Flights[None]:
    """New pictures, with a lane for each generator."""
    lanes = {each.name: settings.at_once(each) for each in settings.generators}
    return Flights(settings.concurrency.for_all, settings.queue, leases, telemetry, lanes=lanes)


def _generators(
    settings: Settings, connection: RedisConnection | None, telemetry: Telemetry
) -> dict[str, InspectedGenerator]:
    """Those in use by name, the default first."""
    return {
        each.name: ObservedGenerator(opened_generator(each, settings, connection), telemetry)
        for each in settings.generators
    }


def opened_generator(
    declared: Declaration, settings: Settings, connection: RedisConnection | None = None
) -> InspectedGenerator:
    """A generator of these settings. Raises `BadSettings` where one of them cannot be right."""
    breaker = RedisBreaker(connection, declared.name) if connection else LocalBreaker()
    seconds, engine = settings.upstream_timeout.of(declared.name), settings.offered_by(declared)[0]
    given = Given(settings.values(declared), seconds, breaker, engine, declared.paid)
    try:
        return declared.opened(given)
    except (ValueError, ImportError) as wrong:
        raise BadSettings(str(wrong)) from wrong


def _work(settings: Settings, connection: RedisConnection | None, clock: Clock) -> "Work | None":
    """The orders for workers, where a generator in use has such."""
    by_orders = [each.name for each in settings.generators if each.by_orders]
    if not by_orders:
        return None
    from promptcdn.generators.worker.work import opened  # late: for those who have workers

    start = settings.worker_start.get_secret_value() if settings.worker_start else ""
    seconds, most = settings.upstream_timeout.of, settings.worker_starts
    return opened(by_orders, connection, seconds, clock, start, most, settings.data_dir)


def _deliveries(
    work: "Work | None", making: Making, spool: Spool, sources: SourcePictures, clock: Clock, telemetry: Telemetry
) -> "Deliveries | None":
    if work is None:
        return None
    from promptcdn.making.deliveries import Deliveries  # late: for those who have workers

    return Deliveries(work, making, spool, sources, clock, telemetry)


def redis_connection(settings: Settings) -> RedisConnection | None:
    """To the Redis that all replicas share, if there is one."""
    if settings.redis_url is None:
        return None
    try:
        return RedisConnection(settings.redis_url.get_secret_value())
    except ValueError:  # its text may show the password
        raise BadSettings("PROMPTCDN_REDIS_URL: this is not the URL of a Redis server") from None


def _leases(settings: Settings, connection: RedisConnection | None) -> Leases:
    """Who makes a picture, where several processes could."""
    machine = LockFiles(settings.data_dir / "locks")
    if connection is None:
        return machine
    return Nested(machine, RedisLeases(connection, alone=not settings.budget_limits.each))


def _budget(settings: Settings, clock: Clock, connection: RedisConnection | None, scratch: Path | None) -> Budget:
    chosen = settings.budget_limits
    prices = settings.price_list
    if not chosen.each and not settings.paid:
        return NoBudget()
    from promptcdn.money.budget.sqlite import SqliteBudget  # late: for those who count

    counted = ("budget.sqlite3", "replica") if connection else ("budget.sqlite3",)
    with _made(_where(settings, scratch, *counted)) as folder:
        file = folder / "budget.sqlite3"
        if connection is None:
            return SqliteBudget(file, chosen, prices)
        from promptcdn.money.budget.redis import RedisBudget  # late: for those who have a Redis

        local = SqliteBudget(file, BudgetLimits(), prices)
        return RedisBudget(connection, local, chosen, prices, volumes.replica_id(folder), clock.utc)


def _rates(settings: Settings, connection: RedisConnection | None) -> Rates:
    rate = settings.rate
    if rate is None:
        return NoRates()
    from promptcdn.money.rates.sqlite import SqliteRates  # late: for those who count

    with _made(settings.data_dir) as folder:
        local = SqliteRates(folder / "rates.sqlite3", rate)
        if connection is None:
            return local
        from promptcdn.money.rates.redis import RedisRates  # late: for those who have a Redis

        return RedisRates(connection, rate, local)


@contextmanager
def _made(data_folder: Path) -> Iterator[Path]:
    """The folder of the counters. Raises `BadSettings` where it, or what is done in it, cannot be used."""
    try:
        permissions.make_folder(data_folder)
        yield data_folder
    except OSError as error:
        raise BadSettings(f"PROMPTCDN_DATA_DIR: the folder {data_folder} cannot be used: {error.strerror}") from error
