"""Renditions of stored masters: from memory, from the store, or encoded once for all who wait."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import cachetools

from proxy import pictures, sizing
from proxy.admission import Seen
from proxy.caching import Rendition
from proxy.engines import Size
from proxy.flights import Flights
from proxy.observer import UNOBSERVED, Observer
from proxy.problems import Problem, StoreUnknown
from proxy.request import Delivery
from proxy.sizing import Variant
from proxy.stores import Name, Record, Store
from proxy.stores.memory import Memory

log = logging.getLogger(__name__)

_READS, _READS_WAITING = 64, 4096
_ENCODES_WAITING = 256
_PATIENCE = 30.0
_SIZES_REMEMBERED = 100_000
_UNSTORED_BYTES = 64 * 1024 * 1024

# The stored PNG is its own whole rendition.
_MASTER = Variant("png")
_ANY_SIZE = (1, 1)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Found:
    """A rendition and where it was."""

    rendition: Rendition
    place: Literal["memory", "store"]


@dataclass(frozen=True)
class _Source:
    """What a read gave: the rendition itself, or if it is not `ready` the master that it is made of."""

    record: Record
    ready: bool


class Renditions:
    """Masters and what is made of them: read, encoded once for all who wait, remembered."""

    def __init__(self, store: Store, memory: Memory, observer: Observer = UNOBSERVED) -> None:
        self._store = store
        self._memory = memory
        self._observer = observer
        # Paid pictures that the store did not take yet.
        self._unstored: cachetools.LRUCache[str, Record] = cachetools.LRUCache(_UNSTORED_BYTES, _weight)
        # A permalink names no size, and a master is large to read for it.
        self._sizes: cachetools.LRUCache[str, Size] = cachetools.LRUCache(_SIZES_REMEMBERED)
        # Encoding frees the interpreter's lock, and a core is left for answering hits.
        cores = max(1, (os.cpu_count() or 1) - 1)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="pictures")
        self._encodes: Flights[Rendition] = Flights(cores, _ENCODES_WAITING)
        self._reads: Flights[_Source | None] = Flights(_READS, _READS_WAITING)
        self._keeps: Flights[None] = Flights(1, _READS_WAITING)

    async def find(
        self, content_key: str, delivery: Delivery, master: Size | None = None, *, encode: bool = True
    ) -> Found | None:
        """The picture as delivered, if it was ever made; without `encode` only where it is ready to be sent.

        `master` is its size where the caller knows it. Raises `StoreUnknown`.
        """
        if master is None and sizing.needs_size(delivery) and (master := await self._size(content_key)) is None:
            return None
        made = sizing.variant(delivery, master or _ANY_SIZE)
        if (remembered := self._memory.get(content_key, made.label)) is not None:
            if not remembered.stored:
                self._store_again(content_key)
            return Found(remembered, "memory")
        source = await self._read_together(content_key, made, encode=encode)
        if source is None:
            return None
        rendition = await self._rendition(content_key, source, made)
        self._memory.put(made.label, rendition)
        if not rendition.stored:
            self._store_again(content_key)
        return Found(rendition, "store")

    async def has(self, content_key: str) -> bool:
        """Whether the picture was ever made. Raises `StoreUnknown`."""
        return await self._master(content_key) is not None

    async def keep(self, content_key: str, master: Record) -> bool:
        """Stores a master for ever; whether the store took it. If not, memory holds it for as long as it can."""
        try:
            await self._store.put(Name("masters", content_key), master)
        except StoreUnknown as unknown:
            log.error("the paid picture %s is in memory only: %s", content_key, unknown.detail)  # noqa: TRY400
            self._unstored[content_key] = master
            return False
        return True

    @property
    def shared(self) -> tuple[Flights[Any], ...]:
        """The flights in which reads and encodes are shared."""
        return self._reads, self._encodes

    def forget(self, content_key: str) -> None:
        """Drops what memory has of a picture: its objects were deleted."""
        self._memory.drop(content_key)
        self._sizes.pop(content_key, None)

    async def examine(self, data: bytes) -> Seen | None:
        """What decoding `data` shows, off the event loop."""
        return await self._in_thread(lambda: pictures.seen(data))

    async def clean(self, data: bytes, generator: str) -> bytes:
        """The PNG to store for a picture that was examined, off the event loop."""
        return await self._in_thread(lambda: pictures.master(data, generator))

    async def close(self) -> None:
        await self._reads.drain(_PATIENCE)
        await self._encodes.drain(_PATIENCE)
        await self._keeps.drain(_PATIENCE)
        self._threads.shutdown()

    def _store_again(self, content_key: str) -> None:
        """Begins another try to store a paid picture that is in memory only; then it is read from the store."""

        async def again() -> None:
            master = self._unstored.get(content_key)
            if master is not None and await self.keep(content_key, master):
                self._unstored.pop(content_key, None)
                self._memory.drop(content_key)

        if content_key in self._unstored:
            with contextlib.suppress(Problem):
                self._keeps.join(content_key, again)

    async def _size(self, content_key: str) -> Size | None:
        """Of the master, in pixels."""
        if (known := self._sizes.get(content_key)) is not None:
            return known
        source = await self._read_together(content_key, _MASTER, encode=True)
        if source is None:
            return None
        size = self._sizes[content_key] = (source.record.resolved["width"], source.record.resolved["height"])
        return size

    async def _read_together(self, content_key: str, made: Variant, *, encode: bool) -> _Source | None:
        """What the one read gives that all share who look for one picture at once."""

        async def read() -> tuple[_Source | None, bool]:
            key = f"{content_key}.{made.label}" + ("" if encode else " ready")
            flight, joined = self._reads.join(key, lambda: self._read(content_key, made, encode=encode))
            return await flight.outcome(_PATIENCE), joined

        source, joined = await read()
        if source is None and joined:
            # 1: another's read finds nothing. 2: the picture is stored. 3: this one joins that read, so it looks again.
            source, _ = await read()
        return source

    async def _read(self, content_key: str, made: Variant, *, encode: bool) -> _Source | None:
        """What is stored as that variant, else the master."""
        if made == _MASTER:
            return _source(await self._master(content_key), ready=True)
        # A store that did not take the master need not be asked for what was made of it.
        if made.kept and content_key not in self._unstored:
            record = await self._store.get(_rendition_name(content_key, made))
            if record is not None:
                return _Source(record, ready=True)
        return _source(await self._master(content_key), ready=False) if encode else None

    async def _rendition(self, content_key: str, source: _Source, made: Variant) -> Rendition:
        """`source` as that variant. Encodes have a queue of their own: no look-up waits behind them."""
        if source.ready:
            return _rendition(content_key, source.record, stored=content_key not in self._unstored)
        flight, _ = self._encodes.join(
            f"{content_key}.{made.label}", lambda: self._encode(content_key, source.record, made)
        )
        return await flight.outcome(_PATIENCE)

    async def _master(self, content_key: str) -> Record | None:
        unstored = self._unstored.get(content_key)
        return unstored or await self._store.get(Name("masters", content_key))

    async def _encode(self, content_key: str, master: Record, made: Variant) -> Rendition:
        """A variant of a master; if it is kept, what another encoder stored before is what is served."""
        generator = str(master.resolved["generator"])
        body = await self._in_thread(lambda: pictures.encoded(master.body, made, generator))
        record = Record(body, pictures.MEDIA_TYPES[made.format], master.made_at, master.resolved)
        self._observer.encoded(record.media_type)
        if content_key in self._unstored:
            return _rendition(content_key, record, stored=False)
        if not made.kept:
            return _rendition(content_key, record)
        try:
            winner = await self._store.put(_rendition_name(content_key, made), record)
        except StoreUnknown:
            return _rendition(content_key, record, stored=False)
        return _rendition(content_key, winner)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _source(record: Record | None, *, ready: bool) -> _Source | None:
    return None if record is None else _Source(record, ready)


def _rendition_name(content_key: str, made: Variant) -> Name:
    return Name("renditions", f"{content_key}.{made.label}")


def _rendition(content_key: str, record: Record, *, stored: bool = True) -> Rendition:
    return Rendition(content_key, record.body, record.media_type, record.made_at, stored)


def _weight(record: Record) -> int:
    return len(record.body)
