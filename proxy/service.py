"""Settings → a running service: the rooms put together. A new generator or store has its one line here."""

import asyncio
import logging
import random
import re
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from proxy.bindings import Bindings
from proxy.budget import SqliteBudget, Unlimited
from proxy.cdn import Cdn, Rules
from proxy.denylist import DenyList
from proxy.findings import Finding
from proxy.flights import Flights
from proxy.generators import Generator, InspectedGenerator
from proxy.generators.sketch import Sketch
from proxy.generators.stability import Stability
from proxy.generators.stability.address import DEFAULT_HOST
from proxy.making import Clock, Making
from proxy.problems import StoreUnknown
from proxy.renditions import Renditions
from proxy.settings import STORE_URL, BadSettings, Settings
from proxy.stores import InspectedStore, Name
from proxy.stores.absence import RememberedAbsence
from proxy.stores.buckets import Bucket, Unusable
from proxy.stores.disk import DiskStore
from proxy.stores.memory import Memory
from proxy.stores.s3 import S3Store

log = logging.getLogger("promptcdn")


class DenyFile:
    """The list in the operator's file, as it was when it was last read without fault."""

    def __init__(self, path: Path) -> None:
        """Raises `BadSettings` where the file cannot be read, or has a line that is no rule."""
        self._path = path
        self._one_reader = threading.Lock()
        self._list = self._read()

    def denied(self, *texts: str) -> str | None:
        """The rule that one of the texts breaks; it is logged, and the texts are not."""
        rule = self._list.denied(*texts)
        if rule is not None:
            log.info("denied by the rule %s", rule)
        return rule

    def read_again(self) -> None:
        """Takes the file's list as it is now. Blocks; any thread may call it. A broken file changes nothing."""
        with self._one_reader:
            try:
                self._list = self._read()
            except BadSettings as wrong:
                # One line: the file is at fault, and a traceback would be of our code.
                log.error("%s; the rules of before stay", wrong)  # noqa: TRY400
            else:
                log.info("%s: read again, rules: %d", self._path, self._list.rules)

    def _read(self) -> DenyList:
        setting = f'PROMPTCDN_DENY="{self._path}"'
        try:
            return DenyList.parse(self._path.read_text("utf-8-sig"))
        except OSError as error:
            raise BadSettings(f"{setting}: the file cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise BadSettings(f"{setting}: the file is not UTF-8") from error
        except ValueError as wrong:
            raise BadSettings(f"{setting}: {wrong}") from wrong


@dataclass(frozen=True)
class Service:
    """Everything that is open while the service runs."""

    settings: Settings
    cdn: Cdn
    clock: Clock
    flights: Flights[None]
    renditions: Renditions
    generator: InspectedGenerator
    budget: SqliteBudget | Unlimited
    store: InspectedStore
    deny: DenyFile | None

    async def readiness(self) -> tuple[Finding, ...]:
        """Each part that pictures need, and whether it answers. Nothing is made, nothing is spent."""
        return (
            Finding("service", not self.flights.draining, "stopping" if self.flights.draining else "answers"),
            await _store_part(self.store, self.settings.store_url),
            Finding("generator", True, f"{self.generator.name}, engine {self.settings.defaults.engine}"),
            await self._budget_finding(),
        )

    async def _budget_finding(self) -> Finding:
        try:
            left = await self.budget.left(self.clock.utc())
        except StoreUnknown as unknown:
            return Finding("budget", False, unknown.detail)
        return Finding("budget", True, "unlimited" if left is None else f"{left} pictures left")

    def stop(self) -> None:
        """The signal came: no new pictures, and those who wait are sent away. `close` finishes what has begun."""
        if not self.flights.draining and self.flights.count:
            log.info("stopping: %d pictures are waiting or being made", self.flights.count)
        self.flights.stop()

    def read_again(self) -> None:
        """The signal came to take the deny-list's file as it is now. Returns at once; requests go on meanwhile."""
        if self.deny is not None:
            asyncio.get_running_loop().run_in_executor(None, self.deny.read_again)

    async def close(self) -> None:
        """Finishes what was paid for within the grace since the signal, then closes what it needed, in that order."""
        await self.flights.drain(self.settings.grace)
        await self.renditions.close()
        await self.generator.close()
        await self.budget.close()
        await self.store.close()


def opened(settings: Settings) -> Service:
    """The service of these settings. Raises `BadSettings` where a folder or the generator cannot be used."""
    deny = DenyFile(settings.deny) if settings.deny else None
    clock = Clock(lambda: datetime.now(UTC), time.monotonic)
    generator = _generator(settings)
    kept = opened_store(settings.store_url, settings.store_setting)
    store = RememberedAbsence(kept)
    budget = _budget(settings, generator)
    bindings = Bindings(store, generator.name)
    renditions = Renditions(store, Memory(settings.memory))
    flights: Flights[None] = Flights(settings.concurrency, settings.queue)
    making = Making(generator, budget, bindings, renditions, clock)
    rules = Rules(settings.defaults, settings.variants, settings.misses, settings.wait, deny or DenyList())
    cdn = Cdn(rules, bindings, renditions, flights, making, clock, random.SystemRandom())
    return Service(settings, cdn, clock, flights, renditions, generator, budget, kept, deny)


async def _store_part(store: InspectedStore, url: str) -> Finding:
    """Asks for what cannot be there: a store that says so answers."""
    try:
        await store.get(Name("masters", secrets.token_hex(32)))
    except StoreUnknown as unknown:
        return Finding("store", False, f"{url}: {unknown.detail}")
    return Finding("store", True, url)


def _generator(settings: Settings) -> InspectedGenerator:
    if settings.makes == "sketch":
        return Sketch()
    key = settings.stability_key.get_secret_value() if settings.stability_key else None
    try:
        return Stability(settings.stability_host or DEFAULT_HOST, key, settings.upstream_timeout)
    except (ValueError, ImportError) as wrong:
        raise BadSettings(str(wrong)) from wrong


def opened_store(url: str, setting: str) -> InspectedStore:
    """The store at `disk:PATH` or `s3://bucket/prefix`. Raises `BadSettings`, naming `setting`, where it is unusable.

    A bucket that does not answer is no reason not to start: it is connected to when it is back.
    """
    if re.fullmatch(STORE_URL, url) is None:
        raise BadSettings(f'{setting}="{url}": say it like disk:PATH or s3://bucket/prefix')
    if url.startswith("disk:"):
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


def _budget(settings: Settings, generator: Generator) -> SqliteBudget | Unlimited:
    limit = settings.limit(paid=generator.paid)
    if limit is None:
        return Unlimited()
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return SqliteBudget(folder / "budget.sqlite3", limit)
    except OSError as error:
        raise BadSettings(f"PROMPTCDN_DATA_DIR: the folder {folder} cannot be used: {error.strerror}") from error
