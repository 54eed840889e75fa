"""Renditions of stored masters: from memory, from the store, or encoded once for all who wait."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeVar

import cachetools

from proxy import pictures
from proxy.admission import Seen
from proxy.caching import Rendition
from proxy.flights import Flights
from proxy.problems import Problem, StoreUnknown
from proxy.request import Format
from proxy.stores import Name, Record, Store
from proxy.stores.memory import Memory

log = logging.getLogger(__name__)

_READS, _READS_WAITING = 64, 4096
_ENCODES_WAITING = 256
_PATIENCE = 30.0
_UNSTORED_BYTES = 64 * 1024 * 1024

_T = TypeVar("_T")


@dataclass(frozen=True)
class Found:
    """A rendition and where it was."""

    rendition: Rendition
    place: Literal["memory", "store"]


class Renditions:
    """Masters and what is made of them. The stored PNG master is its own full-size PNG rendition."""

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store = store
        self._memory = memory
        # Paid pictures that the store did not take yet.
        self._unstored: cachetools.LRUCache[str, Record] = cachetools.LRUCache(_UNSTORED_BYTES, _weight)
        # Encoding frees the interpreter's lock, and a core is left for answering hits.
        cores = max(1, (os.cpu_count() or 1) - 1)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="pictures")
        self._encodes: Flights[Rendition] = Flights(cores, _ENCODES_WAITING)
        self._reads: Flights[Record | None] = Flights(_READS, _READS_WAITING)
        self._keeps: Flights[None] = Flights(1, _READS_WAITING)

    async def find(self, content_key: str, format_: Format) -> Found | None:
        """The picture in that format, if it was ever made. Raises `StoreUnknown`."""
        if (remembered := self._memory.get(content_key, format_)) is not None:
            if not remembered.stored:
                self._store_again(content_key)
            return Found(remembered, "memory")
        # All who look for one picture at once share one read of it.
        record, joined = await self._read_together(content_key, format_)
        if record is None and joined:
            # 1: another's read finds nothing. 2: the picture is stored. 3: this one joins that read, so it looks again.
            record, _ = await self._read_together(content_key, format_)
        if record is None:
            return None
        rendition = await self._rendition(content_key, record, format_)
        self._memory.put(format_, rendition)
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

    async def _read_together(self, content_key: str, format_: Format) -> tuple[Record | None, bool]:
        """The outcome of the one read that is under way, and whether another began it."""
        read, joined = self._reads.join(f"{content_key}.{format_}", lambda: self._read(content_key, format_))
        return await read.outcome(_PATIENCE), joined

    async def _read(self, content_key: str, format_: Format) -> Record | None:
        """What is stored in that format, else the master."""
        # A store that did not take the master need not be asked for what was made of it.
        if format_ != "png" and content_key not in self._unstored:
            record = await self._store.get(Name("renditions", f"{content_key}.{format_}"))
            if record is not None:
                return record
        return await self._master(content_key)

    async def _rendition(self, content_key: str, record: Record, format_: Format) -> Rendition:
        """`record` in that format. Encodes have a queue of their own: no look-up waits behind them."""
        if record.media_type == pictures.MEDIA_TYPES[format_]:
            return _rendition(content_key, record, stored=content_key not in self._unstored)
        flight, _ = self._encodes.join(f"{content_key}.{format_}", lambda: self._encode(content_key, record, format_))
        return await flight.outcome(_PATIENCE)

    async def _master(self, content_key: str) -> Record | None:
        unstored = self._unstored.get(content_key)
        return unstored or await self._store.get(Name("masters", content_key))

    async def _encode(self, content_key: str, master: Record, format_: Format) -> Rendition:
        """Another format of a master, stored once: what another encoder made before is what is served."""
        generator = str(master.resolved["generator"])
        body = await self._in_thread(lambda: pictures.encoded(master.body, format_, generator))
        record = Record(body, pictures.MEDIA_TYPES[format_], master.made_at, master.resolved)
        if content_key in self._unstored:
            return _rendition(content_key, record, stored=False)
        try:
            winner = await self._store.put(Name("renditions", f"{content_key}.{format_}"), record)
        except StoreUnknown:
            return _rendition(content_key, record, stored=False)
        return _rendition(content_key, winner)

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _rendition(content_key: str, record: Record, *, stored: bool = True) -> Rendition:
    return Rendition(content_key, record.body, record.media_type, record.made_at, stored)


def _weight(record: Record) -> int:
    return len(record.body)
