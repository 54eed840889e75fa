"""Renditions of stored masters: from memory, from the store, or encoded once for all who wait.

A rendition is tied to its master by the master's digest: what was made of another master is never shown.
"""

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import cachetools

from promptcdn import problems
from promptcdn.catalog.encodes import Encoder, as_sent, rendition_name
from promptcdn.catalog.forgetting import Forgotten
from promptcdn.catalog.masters import Masters
from promptcdn.catalog.memory_cache import Memory
from promptcdn.catalog.read_ahead import Ahead, Source
from promptcdn.catalog.survivors import Survivors
from promptcdn.flights import Flight, Flights
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.pictures import sizing
from promptcdn.pictures.sizing import Variant
from promptcdn.problems import Problem, StoreUnavailable
from promptcdn.readers.rendition import Rendition
from promptcdn.spool import Paid, Spool
from promptcdn.stores import Header, Name, Record, Store
from promptcdn.url.engines import Size
from promptcdn.url.request import Delivery

log = logging.getLogger("promptcdn")

_READS, _READS_QUEUED = 64, 4096
_ENCODES_QUEUED, _ODD_ENCODES_QUEUED = 256, 64
_TRIES_CACHED = 20_000

# What ends the sentence that refuses one more.
_READING = "reads of stored pictures are under way or queued"
_ENCODING = "pictures are being resized or converted, or are queued for that,"
# What begins the sentence for whoever waited too long.
_ENCODING_LATE = "the picture is being resized or converted"


@dataclass(frozen=True)
class Timings:
    """How renditions are timed, in seconds.

    read            a request waits so long for what is read, restored or encoded
    just_stored     a new master is held in memory so long: whoever waits for it reads it back at once, and must not
                    miss it because that read fails
    between_tries   a rendition that the store did not take is tried again so seldom, while people look at it
    """

    read: float = 30.0
    just_stored: float = 5.0
    between_tries: float = 2.0


TIMINGS = Timings()

# The stored PNG is its own whole rendition.
_MASTER = Variant("png")
_ANY_SIZE = (1, 1)

_T = TypeVar("_T")


@dataclass(frozen=True)
class Found:
    """A rendition, the label of its variant, and where it was."""

    rendition: Rendition
    variant: str
    place: Literal["memory", "store"]


class Renditions:
    """Masters and what is made of them: read, encoded once for all who wait, remembered."""

    def __init__(
        self,
        store: Store,
        memory: Memory,
        spool: Spool,
        observer: Observer = NO_OBSERVER,
        timings: Timings = TIMINGS,
    ) -> None:
        self._store = store
        self.memory = memory
        self._spool = spool
        self._observer = observer
        self._timings = timings
        self._tried: cachetools.TTLCache[str, None] = cachetools.TTLCache(_TRIES_CACHED, timings.between_tries)
        self._forgotten = Forgotten()
        # Encoding frees the interpreter's lock, and a core is left for answering hits.
        cores = max(1, (os.cpu_count() or 1) - 1)
        self._threads = ThreadPoolExecutor(cores, thread_name_prefix="pictures")
        self._encodes: Flights[Rendition | None] = Flights(
            cores, _ENCODES_QUEUED, observer=observer, work=_ENCODING, late=_ENCODING_LATE
        )
        # Free sizes have a queue of their own: a flood of them does not hold up what is stored once and for all.
        self._odd_encodes: Flights[Rendition | None] = Flights(
            1, _ODD_ENCODES_QUEUED, observer=observer, work=_ENCODING, late=_ENCODING_LATE
        )
        self._reads: Flights[Source | None] = Flights(
            _READS, _READS_QUEUED, observer=observer, work=_READING, late=problems.READING
        )
        self._looks: Flights[None] = Flights(1, _READS_QUEUED, work=_READING, late=problems.READING)
        self._restorations: Flights[bool] = Flights(
            _READS, _READS_QUEUED, observer=observer, work=_READING, late=problems.READING
        )
        self._masters = Masters(store, spool, self._forgotten, self._in_thread, timings.just_stored)
        self._survivors = Survivors(store, memory, self._in_thread)
        self._encoder = Encoder(store, spool, self._forgotten, self._in_thread, observer)

    async def find(
        self,
        content_key: str,
        delivery: Delivery,
        size: Size | None = None,
        *,
        encode: bool = True,
        patience: float | None = None,
        new: bool = False,
        ahead: Ahead | None = None,
        made: bool = False,
    ) -> Found | None:
        """The picture as delivered, if it was ever made; without `encode` only where it is ready to be sent.

        `size` is the master's, where the caller knows it. An encode is awaited for `patience` seconds, or as long as a
        read. `new`: the URL is bound to nothing, so that there is nothing where there is no master, which is one look
        instead of two. `ahead` is used if it reads just this picture. `made`: it was made a moment ago, so that no
        rendition is looked for while memory has the master. Raises `StoreUnavailable`, and `Problem` for an encode
        that takes longer.
        """
        if size is None and sizing.needs_size(delivery) and (size := await self._size(content_key)) is None:
            return None
        variant = sizing.variant(delivery, size or _ANY_SIZE)
        with self._observer.step("memory"):
            cached = self.memory.get(content_key, variant.label)
        if cached is not None:
            if not cached.stored:
                self._look_again(content_key, variant)
            return Found(cached, variant.label, "memory")
        if ahead is not None and not ahead.is_of(content_key, variant, encode=encode):
            ahead = None
        if new and ahead is None and await self.header(content_key) is None:
            return None
        source = self._just_stored(content_key, variant) if made else None
        rendition = await self._looked_up(content_key, variant, ahead, encode=encode, patience=patience, source=source)
        return None if rendition is None else Found(rendition, variant.label, "store")

    def read_ahead(self, content_key: str, delivery: Delivery, size: Size, *, encode: bool) -> Ahead | None:
        """Begins to read what `find` may be asked for next; `None` where memory has it, or reads are queued.

        Nothing is remembered of it before `find` is given it.
        """
        variant = sizing.variant(delivery, size)
        if self.memory.get(content_key, variant.label) is not None or self._reads.busy:
            return None
        since = self._forgotten.now
        flight, joined = self._join(content_key, variant, encode=encode)
        return Ahead(content_key, variant, encode, since, flight, joined)

    async def has(self, content_key: str) -> bool:
        """Whether the picture's master is there now, or waits in the spool. Raises `StoreUnavailable`."""
        return await self._masters.has(content_key)

    async def survives(self, content_key: str) -> bool:
        """Whether the master is there, or something from which `restore` makes one. Raises `StoreUnavailable`."""
        return await self.has(content_key) or await self._survivors.any(content_key)

    async def header(self, content_key: str) -> Header | None:
        """What the master says of itself, its bytes unread; cached. Raises `StoreUnavailable`."""
        return await self._masters.header(content_key)

    async def worked(self, content_key: str, work: Callable[[bytes], _T]) -> _T | None:
        """What `work`, in a thread, makes of the master's file; `None` where there is no master. Raises
        `StoreUnavailable`."""
        master = await self._masters.get(content_key)
        return None if master is None else await self._in_thread(lambda: work(master.body))

    async def validated(self, paid: Paid) -> Record:
        """The master that a generator's answer comes to. Raises `UpstreamFailed` where it may not be kept."""
        return await self._masters.validated(paid)

    async def keep(self, content_key: str, master: Record) -> None:
        """Stores a master for ever. Raises `StoreUnavailable`."""
        await self._masters.keep(content_key, master)

    def forget(self, content_key: str) -> None:
        """Drops what memory has of a picture, and what is being read or encoded of it: its objects are deleted."""
        self._forgotten.mark(content_key)
        self.memory.drop(content_key)
        self._masters.forget(content_key)

    def settled(self, content_key: str) -> None:
        """The picture is in the store, and does not wait any more: what memory has of the waiting is dropped."""
        if self._masters.settled(content_key):
            self.memory.drop(content_key)

    @step("restore")
    async def restore(self, content_key: str, resolved: Mapping[str, Any] | None = None, *, anew: bool = False) -> bool:
        """Whether the master is there from now on: where it was lost, a rendition that is left stands in for it.

        `resolved` is the request of the picture, where the caller knows it. `anew` is for whoever pays where there is
        none: what others began to look for earlier is not believed. Raises `StoreUnavailable`.
        """
        if anew:
            return await self._restored(content_key, resolved)
        flight, _ = self._restorations.join(content_key, lambda: self._restored(content_key, resolved))
        return await flight.outcome(self._timings.read)

    async def close(self) -> None:
        flights = self._reads, self._encodes, self._odd_encodes, self._restorations, self._looks
        await asyncio.gather(*(each.drain(self._timings.read) for each in flights))
        self._threads.shutdown()

    def _just_stored(self, content_key: str, variant: Variant) -> Source | None:
        """The master that was stored here a moment ago, as the source of a variant."""
        return _source(self._masters.just_stored(content_key), ready=variant == _MASTER)

    async def _looked_up(
        self,
        content_key: str,
        variant: Variant,
        ahead: Ahead | None = None,
        *,
        encode: bool = True,
        patience: float | None = None,
        source: Source | None = None,
    ) -> Rendition | None:
        """Made of `source`, or of what the store or the spool has; remembered."""
        since = self._forgotten.now if ahead is None else ahead.since
        source = source or await self._read_together(content_key, variant, ahead, encode=encode)
        if source is None:
            return None
        rendition = await self._rendition(
            content_key, source, variant, self._timings.read if patience is None else patience, since
        )
        # 1: this reads or encodes a picture. 2: the picture is purged. 3: nothing of it may be kept or answered.
        if rendition is None or self._forgotten.since(since, content_key):
            return None
        self.memory.put(variant.label, rendition)
        return rendition

    def _look_again(self, content_key: str, variant: Variant) -> None:
        """Begins another look for a rendition that memory has and the store had not, unless its master waits."""

        async def look() -> None:
            await self._looked_up(content_key, variant)

        what = f"{content_key}.{variant.label}"
        if what not in self._tried and not self._spool.holds(content_key):
            self._tried[what] = None
            with contextlib.suppress(Problem):
                self._looks.join(what, look)

    async def _size(self, content_key: str) -> Size | None:
        """Of the master, in pixels."""
        header = await self.header(content_key)
        return None if header is None else (header.resolved["width"], header.resolved["height"])

    async def _restored(self, content_key: str, resolved: Mapping[str, Any] | None) -> bool:
        if await self.has(content_key):
            return True
        since = self._forgotten.now
        master = await self._survivors.stand_in(content_key, resolved)
        if master is None or self._forgotten.since(since, content_key):
            return False
        log.warning("the master of %s was lost: its rendition %s stands in", content_key, master.lineage.stand_in)
        await self.keep(content_key, master)
        if not self._forgotten.since(since, content_key):
            return True
        # 1: the rendition is read. 2: a purge deletes it. 3: what was made of it is stored, and would undo the purge.
        there = await self._store.look(Name("masters", content_key))
        if there is not None and there.picture == master.picture:
            await self._store.delete(Name("masters", content_key))
        return False

    async def _read_together(
        self, content_key: str, variant: Variant, ahead: Ahead | None, *, encode: bool
    ) -> Source | None:
        """What the one read gives that all share who look for one picture at once."""
        if ahead is not None:
            flight, joined = ahead.flight, ahead.joined
        else:
            flight, joined = self._join(content_key, variant, encode=encode)
        source = await flight.outcome(self._timings.read)
        if source is None and joined:
            # 1: another's read finds nothing. 2: the picture is stored. 3: this one joins that read, so it looks again.
            flight, _ = self._join(content_key, variant, encode=encode)
            source = await flight.outcome(self._timings.read)
        return source

    def _join(self, content_key: str, variant: Variant, *, encode: bool) -> tuple[Flight[Source | None], bool]:
        """The read of a picture that is under way, or a new one; and whether it was under way."""
        key = f"{content_key}.{variant.label}" + ("" if encode else " ready")
        return self._reads.join(key, lambda: self._read(content_key, variant, encode=encode))

    async def _read(self, content_key: str, variant: Variant, *, encode: bool) -> Source | None:
        """What is stored as that variant, else the master. Unknown is not absent: then the spool may have it."""
        try:
            return await self._read_once(content_key, variant, encode=encode)
        except StoreUnavailable:
            if (stored := self._just_stored(content_key, variant)) is not None:
                return stored
            await self._spool.refresh()
            if not self._spool.holds(content_key):
                raise
            return await self._read_once(content_key, variant, encode=encode)

    async def _read_once(self, content_key: str, variant: Variant, *, encode: bool) -> Source | None:
        if variant == _MASTER:
            return _source(await self._masters.get(content_key), ready=True)
        # A store that did not take the master need not be asked for what was made of it.
        if variant.kept and not self._spool.holds(content_key):
            # Both at once: each is a round trip to a bucket.
            record, master = await asyncio.gather(
                self._store.get(rendition_name(content_key, variant)), self.header(content_key)
            )
            if record is not None and await self._is_shown(content_key, variant, record, master):
                return Source(record, ready=True)
            if master is None:
                return None
        return _source(await self._masters.get(content_key), ready=False) if encode else None

    async def _is_shown(self, content_key: str, variant: Variant, rendition: Record, master: Header | None) -> bool:
        """Whether a stored rendition was made of the master that is stored; one that was not is deleted.

        Where the master was lost, a rendition that no purge was meant for is what is left of the picture.
        """
        if master is None:
            return await self._survivors.any(content_key)
        if rendition.header.is_made_of(master):
            return True
        log.warning("a rendition of another master is deleted: %s.%s", content_key, variant.label)
        await self._store.delete(rendition_name(content_key, variant))
        return False

    @step("rendition")
    async def _rendition(
        self, content_key: str, source: Source, variant: Variant, patience: float, since: int
    ) -> Rendition | None:
        """`source` as that variant; `None` where the picture was purged after `since`, when `source` was read.

        Encodes have a queue of their own: no look-up waits behind them.
        """
        if source.ready:
            return as_sent(content_key, source.record, stored=not self._spool.holds(content_key))
        encodes = self._encodes if variant.kept else self._odd_encodes
        # A queue of masters that wait to be encoded would be memory without a bound: whoever has to wait reads it anew.
        master = None if encodes.busy else source.record
        flight, _ = encodes.join(
            f"{content_key}.{variant.label}", lambda: self._encode(content_key, variant, master, since)
        )
        return await flight.outcome(patience)

    async def _encode(self, content_key: str, variant: Variant, master: Record | None, since: int) -> Rendition | None:
        """A variant of a master; if it is kept, what another encoder stored before is what is served.

        `None` where the picture was purged after `since`: then nothing of it stays in the store.
        """
        master = master or await self._masters.get(content_key)
        if master is None:
            return None
        return await self._encoder.encoded(content_key, variant, master, since, self._masters.take_pixels(master))

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _source(record: Record | None, *, ready: bool) -> Source | None:
    return None if record is None else Source(record, ready)
