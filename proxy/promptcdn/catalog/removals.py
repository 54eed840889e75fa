"""Removals over a store: what the operator took down or purged, and how every process on the store hears of it.

A tombstone is an object beside the picture's: while it is there the picture is neither shown nor made. Each process
lists the tombstones every two seconds and answers from that list, so that a hit waits for nobody and a store that is
down changes nothing. A purge leaves notes, by which processes learn what to forget (`purges`).
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from promptcdn.catalog.purges import Purged, PurgeNote
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, InspectedStore, Name, Record

log = logging.getLogger("promptcdn")

REFRESH_SECONDS = 2.0
# Every process on the store has read a note by then, and forgotten what the note names.
HEARD_SECONDS = 2 * REFRESH_SECONDS + 1
_PATIENCE = 1.0
_LOOK_PATIENCE = 10.0
# Long after every process has heard of it.
_NOTE_SECONDS = 24 * 3600
_LEAST_PAUSE = 0.1
_NANOSECONDS = 10**9


@dataclass(frozen=True)
class Way:
    """What a new picture has to wait for: another one was there before, whose purge had the moment `after`
    (nanoseconds of the Unix clock, 0 for none), and every process on the store has forgotten that one in `seconds`."""

    after: int = 0
    seconds: float = 0.0


FREE = Way()


class Waiting(Protocol):
    """Pictures that are paid for and wait here for the store: the spool."""

    def holds(self, content_key: str) -> bool:
        """Whether it waits: then it was made after the store was last seen, so that nobody has taken it down."""

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        """Gives up an answer that was ordered before the purge of that moment (nanoseconds of the Unix clock)."""


class NoSpool:
    """Where there is no spool."""

    def holds(self, content_key: str) -> bool:
        del content_key
        return False

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        """There is nothing to give up."""


class Removals:
    """`forget` is called with a key whose objects were deleted by whichever process on the store, after `purged` has
    heard of the purge."""

    def __init__(
        self,
        store: InspectedStore,
        forget: Callable[[str], None],
        waiting: Waiting | None = None,
        purged: Purged | None = None,
    ) -> None:
        self._store = store
        self._forget = forget
        self._waiting = waiting or NoSpool()
        self._purged = purged or Purged()
        self._removed: frozenset[str] | None = None
        self._notes: dict[str, PurgeNote] | None = None
        # Of this process: it has forgotten already, and what it makes after them is not to be forgotten.
        self._own_notes: dict[str, PurgeNote] = {}
        # What was taken down or put back here since the list began to be read: the list may not have it yet.
        self._since: dict[str, bool] = {}
        self._listing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._sweeps: set[asyncio.Task[None]] = set()
        # Listing blocks: not in the threads that look-ups need. Tombstones and notes are listed at the same time.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="removals")

    async def removed(self, content_key: str) -> bool:
        """Whether the picture was taken down. Raises `StoreUnavailable` before a first list could be read."""
        if self._removed is None:
            if self._waiting.holds(content_key):
                return False
            await self._read_together()
        if self._removed is None:
            raise StoreUnavailable("it is not known yet what was taken down")
        return content_key in self._removed

    async def surely_removed(self, content_key: str) -> bool:
        """As `removed`, by the store itself and not by a list of two seconds ago: for what costs money."""
        if await self.removed(content_key):
            return True
        try:
            async with asyncio.timeout(_LOOK_PATIENCE):
                return await self._store.look(Name("tombstones", content_key)) is not None
        except TimeoutError:
            raise StoreUnavailable(f"the store took longer than {_LOOK_PATIENCE:g} s") from None

    async def start(self) -> None:
        """Reads the list, and keeps reading it until `close`. A store that does not answer is asked again."""
        self._watch = asyncio.create_task(self._keep_watching())
        await self._read_together()

    async def close(self) -> None:
        tasks = [task for task in (self._watch, self._reading, *self._sweeps) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._threads.shutdown()

    async def take_down(self, content_key: str, reason: str, now: int) -> tuple[Name, ...]:
        """Leaves a tombstone with `reason`, and purges the picture; gives the names of what was deleted."""
        note = json.dumps({"reason": reason}).encode()
        # The tombstone first: who looks in between finds a picture that may not be shown.
        await self._store.put(Name("tombstones", content_key), Record(note, "application/json", now, {}))
        self._mark(content_key, removed=True)
        log.warning("taken down: %s: %s", content_key, reason)
        return await self.purge(content_key, now)

    async def put_back(self, content_key: str) -> bool:
        """Takes the tombstone away: the picture may be made again as it was. False where there was none."""
        tombstone = Name("tombstones", content_key)
        if await self._store.look(tombstone) is None:
            return False
        await self._store.delete(tombstone)
        self._mark(content_key, removed=False)
        log.warning("put back: %s", content_key)
        return True

    async def purge(self, content_key: str, now: int) -> tuple[Name, ...]:
        """Deletes master, renditions and verdict; every process on the store forgets them. The binding stays.

        Gives the names of what was deleted.
        """
        names = await self.of(content_key)
        moment = await self._clear(names, content_key, now, lost=False)
        await self._waiting.drop_ordered_before(content_key, moment)
        log.warning("purged: %s: %d objects", content_key, len(names))
        return names

    async def make_way(self, content_key: str, now: float, *, lost: bool) -> Way:
        """The way for a picture that is to be made, in place of one that was there or not.

        `lost`: a URL is bound to it, and its picture is gone. `now` in Unix seconds. Raises `StoreUnavailable`.
        """
        last = self._last_moment(content_key)
        if lost and (not last or last / _NANOSECONDS + HEARD_SECONDS < now):
            # Since that purge another one may have been made, and shown. No master is deleted: where there is one by
            # now, another process made it.
            names = await self._names("renditions", content_key)
            return Way(await self._clear(names, content_key, int(now), lost=True), HEARD_SECONDS)
        if not last:
            return FREE
        # Clocks of machines differ: nobody waits longer than it takes.
        return Way(last, min(HEARD_SECONDS, max(0.0, last / _NANOSECONDS + HEARD_SECONDS - now)))

    async def swept(self) -> None:
        """Waits until what other processes stored during purges of this one is deleted too."""
        await asyncio.gather(*self._sweeps, return_exceptions=True)

    async def unbind(self, as_asked_key: str, folders: tuple[Folder, ...], now: int) -> tuple[Name, ...]:
        """Deletes a URL's binding: the next one to ask for it is bound anew, by today's defaults."""
        names = tuple(Name(folder, as_asked_key) for folder in folders)
        there = await self._deleted(tuple([name for name in names if await self._store.look(name) is not None]))
        await self._note(as_asked_key, now, (), lost=True)
        self._forget(as_asked_key)
        return there

    async def of(self, content_key: str) -> tuple[Name, ...]:
        """Every object of a picture but its bindings and its tombstone."""
        folders: tuple[Folder, ...] = ("masters", "renditions", "verdicts")
        return tuple([name for folder in folders for name in await self._names(folder, content_key)])

    async def _deleted(self, names: tuple[Name, ...]) -> tuple[Name, ...]:
        for name in names:
            await self._store.delete(name)
        return names

    async def _clear(self, names: tuple[Name, ...], content_key: str, now: int, *, lost: bool) -> int:
        """Deletes these objects of a picture, and has every process forget the pictures that they show. Gives the
        moment of the note that says so."""
        headers = [await self._store.look(name) for name in names]
        pictures = tuple(sorted({header.picture for header in headers if header is not None}))
        # Before anything is deleted. 1: a rendition is being encoded, or read for a stand-in. 2: what is stored is
        # deleted. 3: it would be stored again.
        moment = await self._note(content_key, now, pictures, lost=lost)
        self._forget(content_key)
        await self._deleted(names)
        self._forget(content_key)
        self._go_on(self._sweep(content_key))
        return moment

    def _go_on(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside everything else, until `close`."""
        task = asyncio.create_task(work)
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    async def _sweep(self, content_key: str) -> None:
        """Deletes, once all have heard of a purge, what was stored of the picture by those who had not."""
        await asyncio.sleep(HEARD_SECONDS)
        await self._delete_late(content_key)

    def _mark(self, content_key: str, *, removed: bool) -> None:
        known = self._removed or frozenset()
        self._removed = known | {content_key} if removed else known - {content_key}
        self._since[content_key] = removed

    async def _note(self, key: str, now: int, pictures: tuple[str, ...], *, lost: bool) -> int:
        """Leaves notes for all processes, one for each picture, and gives their moment."""
        notes = PurgeNote.each(await self._names("purges"))
        for name, old in notes.items():
            if now - old.moment / _NANOSECONDS > _NOTE_SECONDS:
                await self._store.delete(name)
        # Later than all before it, whatever the clock says: what was made after those is older than this one.
        before = max((note.moment for note in notes.values() if note.key == key), default=0)
        moment = max(now * _NANOSECONDS + time.time_ns() % _NANOSECONDS, before + 1)
        body = json.dumps({"pictures": pictures, "lost": lost}).encode()
        for picture in pictures or (None,):
            note = PurgeNote(key, moment, picture, lost)
            # Before the write: a list that is being read now may have it already, or not yet.
            self._own_notes[note.name.leaf] = note
            await self._store.put(note.name, Record(body, "application/json", now, {}))
        self._notes = {**(self._notes or {}), **self._own_notes} if self._notes is not None else None
        self._purged.hear((self._notes or self._own_notes).values())
        return moment

    async def _keep_watching(self) -> None:
        loop, took = asyncio.get_running_loop(), 0.0
        while True:
            # From the beginning of one list to that of the next: a slow store is not listed more seldom.
            await asyncio.sleep(max(_LEAST_PAUSE, REFRESH_SECONDS - took))
            begun = loop.time()
            await self._refresh()
            took = loop.time() - begun

    async def _read_together(self) -> None:
        """Waits a second for the one reading that all share who need to know; it goes on if it takes longer."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._refresh())
        await asyncio.wait({self._reading}, timeout=_PATIENCE)

    async def _refresh(self) -> None:
        async with self._listing:
            self._since.clear()
            try:
                removed, notes = await asyncio.gather(self._names("tombstones"), self._names("purges"))
            except StoreUnavailable:
                return  # what was known holds
            by_leaf = {name.leaf: note for name, note in PurgeNote.each(notes).items()}
            await self._hear(frozenset(name.leaf for name in removed), by_leaf)

    async def _hear(self, listed: frozenset[str], notes: Mapping[str, PurgeNote]) -> None:
        """At the first time there is nothing to forget: memory is empty."""
        marked = frozenset(key for key, removed in self._since.items() if removed)
        removed = (listed | marked) - (frozenset(self._since) - marked)
        new = removed - self._removed if self._removed is not None else frozenset()
        self._removed = removed
        before = self._notes
        heard = () if before is None else [note for leaf, note in notes.items() if leaf not in before]
        self._notes = {**notes, **self._own_notes}
        self._purged.hear(self._notes.values())
        for content_key in new:
            log.warning("taken down by another process: %s", content_key)
            self._forget(content_key)
        for note in heard:
            self._forget(note.key)
        if new or heard:
            # Not while the next list waits: a takedown is heard of in time, however many purges there are.
            self._go_on(self._obey(new, heard))

    async def _obey(self, new: frozenset[str], heard: Iterable[PurgeNote]) -> None:
        """Deletes what this process stored of removed pictures before it heard of their removal."""
        for note in heard:
            if not note.lost:
                await self._waiting.drop_ordered_before(note.key, note.moment)
        for content_key in new | {note.key for note in heard}:
            await self._delete_late(content_key)

    async def _delete_late(self, content_key: str) -> None:
        """What was stored of a picture by a process that had not heard of its purge, or of a takedown."""
        try:
            for name in await self.of(content_key):
                header = await self._store.look(name)
                is_old = header is not None and self._purged.has(content_key, header.picture, header.lineage)
                if is_old or content_key in (self._removed or ()):
                    await self._store.delete(name)
        except StoreUnavailable as unknown:
            log.warning("what was stored of %s after its removal may still be there: %s", content_key, unknown)

    async def _names(self, folder: Folder, leaf: str = "") -> tuple[Name, ...]:
        def listed() -> tuple[Name, ...]:
            return tuple(name for name, _ in self._store.listed(folder, leaf))

        return await asyncio.get_running_loop().run_in_executor(self._threads, listed)

    def _last_moment(self, key: str) -> int:
        """Of the last purge of a picture that is known here, in nanoseconds of the Unix clock; 0 for none."""
        return max((note.moment for note in (self._notes or {}).values() if note.key == key), default=0)
