"""A store that is used only while it is the one that is known by its id.

Until then, and when another one is found in its place, nothing is known of it: it neither has an object nor lacks one,
and takes none. What was absent is believed once the id was seen after the look.
"""

import asyncio
import logging
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from promptcdn.checks import Check
from promptcdn.problems import StoreUnavailable
from promptcdn.replicas.connection import RedisConnection, RedisDown
from promptcdn.stores import Folder, Header, IdentifiableStore, Name, Record, permissions
from promptcdn.stores.identity import Known, objection

log = logging.getLogger("promptcdn")

# How often a store that was not the right one is looked at again, and how long the start waits for a first look.
_LOOKS_APART = 1.0
_START_SECONDS = 1.0
_REDIS_KEY = "promptcdn:store"
# Both give what Redis has afterwards.
_SET = "redis.call('SET', KEYS[1], ARGV[1]) return ARGV[1]"
_SET_NEW = "redis.call('SET', KEYS[1], ARGV[1], 'NX') return redis.call('GET', KEYS[1])"

# For everybody. What the operator is to do, the log and `doctor` say.
_STRANGE = (
    "the store is not the one that is known here: nothing is made until the operator of this service sees to that"
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Told:
    """What came of telling an id: what Redis has from now on, empty where that is not known, and who was not told."""

    shared: str
    untold: str


class StoreIds:
    """Where the id of the store is remembered: the operator's setting, a file in the data folder, the shared Redis."""

    def __init__(self, setting: str, data_dir: Path, connection: RedisConnection | None) -> None:
        """`setting` is empty where the operator says nothing."""
        self._setting = setting
        self._file = data_dir / "store-id"
        self._connection = connection
        # A data folder that hangs must hold up neither the loop nor its default threads.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-id")

    @property
    def shared(self) -> bool:
        """Whether there is a Redis to remember it."""
        return self._connection is not None

    async def read(self) -> Known:
        """What each of them says."""
        own, unread = "", ""
        try:
            own = await self._in_thread(self._read)
        except (OSError, UnicodeError):
            unread = "the data folder does not say"
        shared = ""
        if self._connection is not None:
            try:
                shared = str(await self._connection.call(lambda redis: redis.get(_REDIS_KEY)) or "")
            except RedisDown:
                unread = "Redis does not say"
        return Known(self._setting, shared, own, unread)

    async def tell(self, store_id: str, known: Known, *, replace: bool) -> Told:
        """Tells Redis and the data folder, as far as they do not know it by `known`.

        Another id in Redis is replaced only where the operator said so; otherwise nothing is told to the data folder
        either.
        """
        untold, shared = [], known.shared
        if self._connection is not None and shared != store_id:
            try:
                shared = await self._connection.script(_SET if replace else _SET_NEW, [_REDIS_KEY], store_id)
            except RedisDown as down:
                shared = ""
                untold.append(str(down))
        if known.own != store_id and shared in ("", store_id):
            try:
                await self._in_thread(lambda: self._write(store_id))
            except OSError as error:
                untold.append(f"the data folder ({error.strerror})")
        return Told(shared, ", ".join(untold))

    def close(self) -> None:
        self._thread.shutdown()

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read(self) -> str:
        try:
            return self._file.read_text("ascii").strip()
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def _write(self, store_id: str) -> None:
        """A whole file or the one before; nobody else's to read."""
        permissions.make_folder(self._file.parent)
        descriptor, temporary = tempfile.mkstemp(dir=self._file.parent)  # mode 0600
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{store_id}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(self._file)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@dataclass(frozen=True)
class _Look:
    """A look at the store's id: when it began, and what came of it."""

    began: float
    unknown: StoreUnavailable | None = None


class KnownStore:
    """Any store, as long as it is the one that is known."""

    def __init__(self, store: IdentifiableStore, ids: StoreIds, trust: float = 0.0) -> None:
        """An id seen less than `trust` seconds ago is believed, but not before a picture is paid for: that it has no
        master is believed only once the id was seen after the look."""
        self._store = store
        self._ids = ids
        self._trust = trust
        self._id: str | None = None
        self._right = False
        self._objected = ""
        self._keeps = False
        self._untold = ""
        # Whether Redis may know of another store: it did not answer when it was to be told of this one.
        self._unshared = False
        self._watch: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._last = _Look(float("-inf"))
        # Of its own: whatever else is slow, this is what an answer waits for last.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="identity")

    async def start(self) -> None:
        """Sees which store this is, and remembers it. One that is new gets an id; one that is silent is seen later.

        Until `close` a store that is not known to be the right one is looked at each second, whether or not somebody
        asks it for something: `listed` does not look by itself.
        """
        self._keeps = True
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(_START_SECONDS):
                await self.see()
        self._watch = asyncio.create_task(self._keep_watching())

    async def see(self) -> None:
        """Raises `StoreUnavailable` where this is not the store that is known. Writes nothing before `start`."""
        await self._require(time.monotonic())

    async def adopt(self) -> str:
        """The id of the store, which is the right one from now on. Raises `StoreUnavailable`."""
        found = await self._in_thread(self._store.identity)
        if found is None:
            found = await self._in_thread(self._store.identify)
        told = await self._ids.tell(found, Known(), replace=True)
        if told.untold:
            raise StoreUnavailable(f"its id {found} could not be remembered: {told.untold}")
        return found

    @property
    def corrupt(self) -> int:
        return self._store.corrupt

    async def get(self, name: Name) -> Record | None:
        return await self._looked_up(name.folder, lambda: self._store.get(name))

    async def look(self, name: Name) -> Header | None:
        return await self._looked_up(name.folder, lambda: self._store.look(name))

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        return await self._looked_up(folder, lambda: self._store.names(folder, leaf))

    async def put(self, name: Name, record: Record) -> Record:
        """Written only if the store was the right one a moment ago, and believed only once its id was seen after it:
        nothing is lost in a store that came in between."""
        self._keeps = True
        await self._require(time.monotonic() - max(self._trust, _LOOKS_APART))
        winner = await self._store.put(name, record)
        await self._require(time.monotonic())
        return winner

    async def delete(self, name: Name) -> None:
        await self._require(time.monotonic() - self._trust)
        await self._store.delete(name)

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        if not self._right:
            raise StoreUnavailable(
                _STRANGE if self._objected else "it is not known yet which store this is", self._objected
            )
        yield from self._store.listed(folder, leaf)
        if self._store.identity() != self._id:
            self._right = False
            raise StoreUnavailable("another store is in the place of the one that was known")

    async def checks(self) -> tuple[Check, ...]:
        first, *others = await self._store.checks()
        try:
            await self.see()
        except StoreUnavailable:
            if self._objected:
                others.append(Check("store", False, self._objected, "docs/stores.md says what an identity is for"))
        else:
            first = replace(first, detail=f"{first.detail}; {f'its id is {self._id}' if self._id else 'new'}")
        return (first, *others)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        self._thread.shutdown()
        self._ids.close()
        await self._store.close()

    async def _keep_watching(self) -> None:
        while True:
            await asyncio.sleep(_LOOKS_APART)
            if not self._right:
                with suppress(StoreUnavailable):
                    await self._require(time.monotonic() - _LOOKS_APART)

    async def _looked_up(self, folder: Folder, look_up: Callable[[], Awaitable[_T]]) -> _T:
        if not self._right:
            await self._require(time.monotonic() - _LOOKS_APART)
        found = await look_up()
        if not found:
            await self._require(time.monotonic() - (0 if folder == "masters" else self._trust))
        return found

    async def _require(self, since: float) -> None:
        """Raises `StoreUnavailable` unless a look that began then or later saw the right store. All who wait share it."""
        async with self._looking:
            if self._last.began < since or (self._last.unknown is None and not self._right):
                began = time.monotonic()
                try:
                    await self._see()
                except StoreUnavailable as unknown:
                    self._last = _Look(began, unknown)
                else:
                    self._last = _Look(began)
            if self._last.unknown is not None:
                raise self._last.unknown.again()

    async def _see(self) -> None:
        found = await self._in_thread(self._store.identity)
        if self._right and found is not None and found == self._id and not self._unshared:
            return
        known = await self._ids.read()
        # Where a data folder is gone together with the store in it, this process still knows.
        self._object(objection(replace(known, own=known.own or self._id or ""), found))
        if self._keeps:
            if found is None:
                found = await self._in_thread(self._store.identify)
            await self._keep(found, known)
        self._id, self._right = found, True

    def _object(self, to_it: str) -> None:
        """Says once what is wrong, and once that it is right again. Raises `StoreUnavailable`."""
        self._right = self._right and not to_it
        before, self._objected = self._objected, to_it
        if to_it:
            if to_it != before:
                log.error("the store: %s", to_it)
            raise StoreUnavailable(_STRANGE, to_it)
        if before:
            log.warning("the store is the one that is known: new pictures are made again")

    async def _keep(self, found: str, known: Known) -> None:
        """Remembers the store. Raises `StoreUnavailable` where Redis turns out to know of another one.

        Redis may have been silent when it was read, and have another id by the time it is told of this one.
        """
        told = await self._ids.tell(found, known, replace=bool(known.setting))
        self._object(objection(replace(known, shared=told.shared), found))
        self._unshared = self._ids.shared and told.shared != found
        if told.untold and told.untold != self._untold:
            log.warning("the store's id %s is not remembered: %s", found, told.untold)
        self._untold = told.untold

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
