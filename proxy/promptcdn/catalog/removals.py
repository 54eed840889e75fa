"""Removals over a store: what the operator took down or purged, and how every process on the store learns of that.

A tombstone is an object beside the picture's: while it is there the picture is neither shown nor made. Each process
lists the tombstones every two seconds and answers from that list, so that a hit waits for nobody and a store that is
down changes nothing. A purge leaves notes, by which processes learn what to forget (`purges`).
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from promptcdn.catalog.purges import Purged, PurgeNote
from promptcdn.clock import SYSTEM, Clock
from promptcdn.event_loop import AnswerTimeout
from promptcdn.observer import NO_OBSERVER, Observer, step
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, InspectedStore, Name, Record

log = logging.getLogger("promptcdn")

_NANOSECONDS = 10**9


@dataclass(frozen=True)
class Timings:
    """How removals are timed, in seconds.

    refresh      from the beginning of one list of removals to that of the next
    margin       what a list may take longer than that
    first_list   a request waits so long for the first list
    look         the store has so long to say whether one picture was taken down
    least_pause  between two lists, however long they take
    keep_notes   a note of a purge is kept for so long, which is long after every process has read it
    """

    refresh: float = 2.0
    margin: float = 1.0
    first_list: float = 1.0
    look: float = 10.0
    least_pause: float = 0.1
    keep_notes: float = 24 * 3600

    @property
    def propagation(self) -> float:
        """So long after a purge every process on the store has read its note, and forgotten what the note names."""
        return 2 * self.refresh + self.margin


TIMINGS = Timings()


@dataclass(frozen=True)
class Preparation:
    """What a new picture has to know of the one before it under the same key.

    The purge of that one had the moment `after` (nanoseconds of the Unix clock, 0 where there was none). Every process
    on the store has forgotten it in `wait` seconds.
    """

    after: int = 0
    wait: float = 0.0


NONE_BEFORE = Preparation()


class Removals(Protocol):
    """What the operator took down or purged."""

    async def removed(self, content_key: str) -> bool:
        """Whether this picture may be neither shown nor made. Raises `StoreUnavailable` while that is not known."""

    async def surely_removed(self, content_key: str) -> bool:
        """As `removed`, by the store itself and not by the last list: for what costs money. Raises
        `StoreUnavailable`."""

    async def purge(self, content_key: str) -> object:
        """Deletes what is stored of a picture. Raises `StoreUnavailable`."""

    async def prepare(self, content_key: str, as_asked_key: str, *, lost: bool) -> Preparation:
        """What a picture that is made next for a URL has to know of the one before it, under the same key or another.

        `lost`: a URL is bound to the key, and its picture is gone. Raises `StoreUnavailable`.
        """


class Waiting(Protocol):
    """Pictures that are paid for and wait here for the store: the spool."""

    def holds(self, content_key: str) -> bool:
        """Whether a picture waits: then it was made after the store last answered, so that nobody has taken it down."""

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        """Gives up an answer that was ordered before the purge of that moment (nanoseconds of the Unix clock)."""


class NoSpool:
    """Where there is no spool."""

    def holds(self, content_key: str) -> bool:
        del content_key
        return False

    async def drop_ordered_before(self, content_key: str, moment: int) -> None:
        """There is nothing to give up."""


class StoreRemovals:
    """The removals that the objects of a store say.

    `forget` is called with each key whose objects were deleted, by whichever process on the store; `purged` knows of
    the purge before that.
    """

    def __init__(
        self,
        store: InspectedStore,
        forget: Callable[[str], None],
        waiting: Waiting | None = None,
        purged: Purged | None = None,
        clock: Clock = SYSTEM,
        observer: Observer = NO_OBSERVER,
        timings: Timings = TIMINGS,
    ) -> None:
        self._store = store
        self._forget = forget
        self._waiting = waiting or NoSpool()
        self._purged = purged or Purged()
        self._clock = clock
        self._observer = observer
        self._timings = timings
        self._removed: frozenset[str] | None = None
        self._notes: dict[str, PurgeNote] | None = None
        # Of this process: it has forgotten already, and what it makes after them is not to be forgotten.
        self._own_notes: dict[str, PurgeNote] = {}
        # What was taken down or put back here since the list began to be read: the list may not have it yet.
        self._since: dict[str, bool] = {}
        # Why the list could not be read, for the operator.
        self._unread = "it is being read"
        self._listing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._sweeps: set[asyncio.Task[None]] = set()
        # Listing blocks: not in the threads that look-ups need. Tombstones and notes are listed at the same time.
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="removals")

    @step("tombstone")
    async def removed(self, content_key: str) -> bool:
        """Whether the picture was taken down. Raises `StoreUnavailable` before a first list could be read."""
        if self._removed is None:
            if self._waiting.holds(content_key):
                return False
            await self._read_together()
        if self._removed is None:
            unread = "the list of pictures that were taken down could not be read yet"
            raise StoreUnavailable(unread, f"{unread}: {self._unread}")
        return content_key in self._removed

    def known_removed(self, content_key: str) -> bool:
        """Whether the picture was taken down, by what is known without asking the store."""
        return self._removed is not None and content_key in self._removed

    async def surely_removed(self, content_key: str) -> bool:
        """As `removed`, by the store itself and not by a list of two seconds ago: for what costs money."""
        if await self.removed(content_key):
            return True
        try:
            async with AnswerTimeout(self._timings.look):
                return await self._store.look(Name("tombstones", content_key)) is not None
        except TimeoutError:
            raise StoreUnavailable(f"the store did not answer within {self._timings.look:g} s") from None

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

    async def take_down(self, content_key: str, reason: str) -> tuple[Name, ...]:
        """Leaves a tombstone with `reason`, and purges the picture; gives the names of what was deleted."""
        body = json.dumps({"reason": reason}).encode()
        tombstone = Record(body, "application/json", int(self._clock.unix()), {})
        # The tombstone first: who looks in between finds a picture that may not be shown.
        await self._store.put(Name("tombstones", content_key), tombstone)
        self._mark(content_key, removed=True)
        log.warning("the picture %s was taken down: %s", content_key, reason)
        return await self.purge(content_key)

    async def put_back(self, content_key: str) -> bool:
        """Takes the tombstone away: the picture may be made again as it was. False where there was none."""
        tombstone = Name("tombstones", content_key)
        if await self._store.look(tombstone) is None:
            return False
        await self._store.delete(tombstone)
        self._mark(content_key, removed=False)
        log.warning("the takedown of the picture %s was undone", content_key)
        return True

    async def purge(self, content_key: str) -> tuple[Name, ...]:
        """Deletes master, renditions and verdict; every process on the store forgets them. The binding stays.

        Gives the names of what was deleted.
        """
        names = await self.of(content_key)
        moment = await self._clear(names, content_key, lost=False)
        await self._waiting.drop_ordered_before(content_key, moment)
        log.warning("the picture %s was purged: %d objects were deleted", content_key, len(names))
        return names

    async def prepare(self, content_key: str, as_asked_key: str, *, lost: bool) -> Preparation:
        now, last, propagation = self._clock.unix(), self._last_moment(content_key), self._timings.propagation
        if lost and (not last or last / _NANOSECONDS + propagation < now):
            # Since that purge another one may have been made, and shown. No master is deleted: where there is one by
            # now, another process made it.
            names = await self._names("renditions", content_key)
            return Preparation(await self._clear(names, content_key, lost=True), propagation)
        # Where a URL was bound anew, others may show what it was bound to before.
        latest = max(last, self._last_moment(as_asked_key))
        if not latest:
            return NONE_BEFORE
        # Clocks of machines differ: nobody waits longer than it takes.
        return Preparation(last, min(propagation, max(0.0, latest / _NANOSECONDS + propagation - now)))

    async def swept(self) -> None:
        """Waits until what other processes stored during purges of this one is deleted too."""
        await asyncio.gather(*self._sweeps, return_exceptions=True)

    async def unbind(self, as_asked_key: str, folders: tuple[Folder, ...]) -> tuple[Name, ...]:
        """Deletes a URL's binding: the next request for the URL binds it anew, by today's defaults."""
        names = tuple(Name(folder, as_asked_key) for folder in folders)
        found = await self._deleted(tuple([name for name in names if await self._store.look(name) is not None]))
        await self._note(as_asked_key, (), lost=True)
        self._forget(as_asked_key)
        return found

    async def of(self, content_key: str) -> tuple[Name, ...]:
        """Every object of a picture but its bindings and its tombstone."""
        folders: tuple[Folder, ...] = ("masters", "renditions", "verdicts")
        return tuple([name for folder in folders for name in await self._names(folder, content_key)])

    async def _deleted(self, names: tuple[Name, ...]) -> tuple[Name, ...]:
        for name in names:
            await self._store.delete(name)
        return names

    async def _clear(self, names: tuple[Name, ...], content_key: str, *, lost: bool) -> int:
        """Deletes these objects of a picture, and has every process forget the pictures that they show. Gives the
        moment of the note that says so."""
        headers = [await self._store.look(name) for name in names]
        pictures = tuple(sorted({header.picture for header in headers if header is not None}))
        # Before anything is deleted. 1: a rendition is being encoded, or read for a stand-in. 2: what is stored is
        # deleted. 3: it would be stored again.
        moment = await self._note(content_key, pictures, lost=lost)
        self._forget(content_key)
        await self._deleted(names)
        self._forget(content_key)
        self._detach(self._sweep(content_key))
        return moment

    def _detach(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside everything else, until `close`."""
        task = asyncio.create_task(work)
        self._sweeps.add(task)
        task.add_done_callback(self._sweeps.discard)

    async def _sweep(self, content_key: str) -> None:
        """Deletes, once all processes know of a purge, what was stored of the picture by those that did not."""
        await asyncio.sleep(self._timings.propagation)
        await self._delete_late(content_key)

    def _mark(self, content_key: str, *, removed: bool) -> None:
        before = self._removed or frozenset()
        self._removed = before | {content_key} if removed else before - {content_key}
        self._since[content_key] = removed

    async def _note(self, key: str, pictures: tuple[str, ...], *, lost: bool) -> int:
        """Leaves notes for all processes, one for each picture, and gives their moment."""
        now, notes = self._clock.unix(), PurgeNote.each(await self._names("purges"))
        for name, old in notes.items():
            if now - old.moment / _NANOSECONDS > self._timings.keep_notes:
                await self._store.delete(name)
        # Later than all before it, whatever the clock says: what was made after those is older than this one.
        before = max((note.moment for note in notes.values() if note.key == key), default=0)
        moment = max(int(now * _NANOSECONDS), before + 1)
        body = json.dumps({"pictures": pictures, "lost": lost}).encode()
        for picture in pictures or (None,):
            note = PurgeNote(key, moment, picture, lost)
            # Before the write: a list that is being read now may have it already, or not yet.
            self._own_notes[note.name.leaf] = note
            await self._store.put(note.name, Record(body, "application/json", int(now), {}))
        self._notes = {**(self._notes or {}), **self._own_notes} if self._notes is not None else None
        self._purged.update((self._notes or self._own_notes).values())
        return moment

    async def _keep_watching(self) -> None:
        took = 0.0
        while True:
            # From the beginning of one list to that of the next: a slow store is not listed more seldom.
            await asyncio.sleep(max(self._timings.least_pause, self._timings.refresh - took))
            begun = self._clock.monotonic()
            await self.refresh()
            took = self._clock.monotonic() - begun

    async def _read_together(self) -> None:
        """Waits a second for the one reading that all share who need to know; it goes on if it takes longer."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self.refresh())
        with contextlib.suppress(TimeoutError):
            async with AnswerTimeout(self._timings.first_list):
                await asyncio.wait({self._reading})

    async def refresh(self) -> None:
        """Reads the list now, and forgets what it says was removed. What was known holds where it cannot be read."""
        async with self._listing:
            self._since.clear()
            try:
                removed, notes = await asyncio.gather(self._names("tombstones"), self._names("purges"))
            except StoreUnavailable as unavailable:
                self._unread = unavailable.cause
                return
            by_leaf = {name.leaf: note for name, note in PurgeNote.each(notes).items()}
            self._receive(frozenset(name.leaf for name in removed), by_leaf)

    def _receive(self, listed: frozenset[str], notes: Mapping[str, PurgeNote]) -> None:
        """Takes over a list. At the first one there is nothing to forget: memory is empty."""
        marked = frozenset(key for key, removed in self._since.items() if removed)
        removed = (listed | marked) - (frozenset(self._since) - marked)
        new = removed - self._removed if self._removed is not None else frozenset()
        self._removed = removed
        for leaf in notes:
            # The store has it from now on, and drops it in time.
            self._own_notes.pop(leaf, None)
        before = self._notes
        received = () if before is None else [note for leaf, note in notes.items() if leaf not in before]
        self._notes = {**notes, **self._own_notes}
        self._purged.update(self._notes.values())
        for content_key in new:
            log.warning("the picture %s was taken down by another process", content_key)
            self._forget(content_key)
        for note in received:
            self._forget(note.key)
        if new or received:
            # Not while the next list waits: a takedown is known in time, however many purges there are.
            self._detach(self._obey(new, received))

    async def _obey(self, new: frozenset[str], received: Iterable[PurgeNote]) -> None:
        """Deletes what this process stored of removed pictures before it knew of their removal."""
        for note in received:
            if not note.lost:
                await self._waiting.drop_ordered_before(note.key, note.moment)
        for content_key in new | {note.key for note in received}:
            await self._delete_late(content_key)

    async def _delete_late(self, content_key: str) -> None:
        """Deletes what was stored of a picture by a process that did not know of its purge, or of a takedown."""
        try:
            for name in await self.of(content_key):
                header = await self._store.look(name)
                is_old = header is not None and self._purged.has(content_key, header.picture, header.lineage)
                if is_old or content_key in (self._removed or ()):
                    await self._store.delete(name)
        except StoreUnavailable as unavailable:
            log.warning("objects of %s, stored after its removal, may still be there: %s", content_key, unavailable)

    async def _names(self, folder: Folder, leaf: str = "") -> tuple[Name, ...]:
        def listed() -> tuple[Name, ...]:
            return tuple(name for name, _ in self._store.listed(folder, leaf))

        return await asyncio.get_running_loop().run_in_executor(self._threads, listed)

    def _last_moment(self, key: str) -> int:
        """Of the last purge of a picture that is known here, in nanoseconds of the Unix clock; 0 for none."""
        return max((note.moment for note in (self._notes or {}).values() if note.key == key), default=0)
