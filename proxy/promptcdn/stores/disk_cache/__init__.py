"""A bounded disk in front of a bucket: what this replica read of late, without a way to the bucket.

It holds copies of what is written once: masters, renditions, bindings. It obeys removals by the lists of tombstones and
of notes of purges, which the service reads every two seconds *through* this store: a key that stands in one of them is
not on this disk, and neither read from it nor written to it. A note stays in the list for a day, so after a longer
silence, or where that is not known, the disk is emptied (`Timings.unheard`).

files          the folder, its bounds and what makes room
removed_keys   what the lists of removals speak of
"""

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar
from weakref import WeakValueDictionary

from promptcdn.checks import Check
from promptcdn.event_loop import AnswerTimeout
from promptcdn.stores import Corrupt, Folder, Header, InspectedStore, Name, Record, decoded, encoded
from promptcdn.stores.disk_cache.files import Files
from promptcdn.stores.disk_cache.removed_keys import RemovedKeys

log = logging.getLogger("promptcdn")

# Below the data folder.
FOLDER = "disk-cache"
_KEPT: tuple[Folder, ...] = ("masters", "renditions", "bindings", "sketch-bindings")
# Each object in them says by its name which key it is about.
_REMOVALS: tuple[Folder, ...] = ("tombstones", "purges")
_READERS = 4
# What is read while so many files wait to be written is not kept: memory is bounded.
_WRITES_QUEUED = 32
# By so many seconds a clock may be set back without harm.
_CLOCK_SKEW = 300

_T = TypeVar("_T")
Result = Literal["hit", "miss", "corrupt"]


@dataclass(frozen=True)
class Timings:
    """In seconds.

    unheard   after so long without a list of removals nothing on the disk is believed; notes are kept for twice as long
    stamp     the moment of the last list is written to the disk so seldom
    patience  the disk may take so long for one read, which then goes to the bucket
    rest      for so long nothing is read from a disk that took longer
    """

    unheard: float = 12 * 3600
    stamp: float = 60.0
    patience: float = 0.5
    rest: float = 10.0


class _Changes:
    """How often an object was deleted, while anybody reads it."""

    count = 0


class DiskCache:
    """A bucket with a disk before it."""

    def __init__(
        self,
        store: InspectedStore,
        store_id: Callable[[], str | None],
        files: Files,
        clock: Callable[[], float] = time.time,
        timings: Timings = Timings(),
    ) -> None:
        """`store_id` gives the id of `store`, `None` while that is not known to be the right one: what the disk has of
        another store is not believed. `clock` gives Unix seconds."""
        self._store = store
        self._store_id = store_id
        self.files = files
        self._clock = clock
        self._timings = timings
        self._removed = RemovedKeys(_REMOVALS)
        # When the lists began to be read that were read last.
        self._heard: dict[Folder, float] = {}
        # The id of the store whose objects are on the disk; empty while nothing there is believed.
        self._of = ""
        self._stamped = float("-inf")
        self._reads_from = float("-inf")
        self._writes = False
        self._closing = False
        self.state = "the removals are not read yet"
        self.reads: dict[Result, int] = {"hit": 0, "miss": 0, "corrupt": 0}
        self._changes: WeakValueDictionary[Name, _Changes] = WeakValueDictionary()
        self._queue = threading.Semaphore(_WRITES_QUEUED)
        self._readers = ThreadPoolExecutor(_READERS, thread_name_prefix="disk-cache")
        # One thread for all that changes the folder.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="disk-cache-writes")

    async def get(self, name: Name) -> Record | None:
        if not self._believes(name):
            return await self._store.get(name)
        if (found := await self._read(name, _file(name), decoded)) is not None:
            return found
        changes = self._changes.setdefault(name, _Changes())
        began, record = changes.count, await self._store.get(name)
        if record is not None:
            self._keep(name, _file(name), lambda: encoded(record), changes, began)
        elif name.folder == "masters":
            # Deleted by hand: nothing may say any more that it is there.
            self._in_writer(partial(self.files.remove, _head(name)))
        return record

    async def look(self, name: Name) -> Header | None:
        if name.folder != "masters" or not self._believes(name):
            return await self._store.look(name)
        if (found := await self._read(name, _head(name), Header.parse)) is not None:
            return found
        changes = self._changes.setdefault(name, _Changes())
        began, header = changes.count, await self._store.look(name)
        if header is not None:
            self._keep(name, _head(name), lambda: _line(header), changes, began)
        return header

    async def put(self, name: Name, record: Record) -> Record:
        if name.folder in _REMOVALS:
            # Before the write: whoever lists from now on may meet it.
            self._removed.add(name.folder, _key(name))
            self._in_writer(partial(self.files.remove_keys, (_key(name),)))
        changes = self._changes.setdefault(name, _Changes())
        began, winner = changes.count, await self._store.put(name, record)
        if name.folder == "masters":
            self._keep(name, _head(name), lambda: _line(winner.header), changes, began)
        elif name.folder in _KEPT:
            self._keep(name, _file(name), lambda: encoded(winner), changes, began)
        return winner

    async def delete(self, name: Name) -> None:
        await self._store.delete(name)
        if changes := self._changes.get(name):
            changes.count += 1
        if name.folder in _KEPT:
            self._in_writer(partial(self.files.remove, _file(name)))
        if name.folder == "masters":
            self._in_writer(partial(self.files.remove, _head(name)))

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        return await self._store.names(folder, leaf)

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        if folder not in _REMOVALS or leaf:
            yield from self._store.listed(folder, leaf)
            return
        began, moment, keys = self._removed.begin(), self._clock(), set()
        for name, size in self._store.listed(folder):
            keys.add(_key(name))
            yield name, size
        new = self._removed.take_over(folder, frozenset(keys), began)
        if new is not None:
            self._hear(folder, new, moment)

    @property
    def corrupt(self) -> int:
        return self._store.corrupt

    async def checks(self) -> tuple[Check, ...]:
        return await self._store.checks()

    async def require_writable(self) -> None:
        await self._store.require_writable()

    async def close(self) -> None:
        self._closing = True
        self._of, self.state = "", "the service is stopping"
        self.files.stop()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self._writer.shutdown)
        self._readers.shutdown(wait=False)
        self.files.close()
        await self._store.close()

    @property
    def check(self) -> Check:
        """Whether the disk is used. Never bad: without it the bucket is read."""
        return Check("disk cache", True, f"{self.state}; {_sum(self.files)}")

    def _believes(self, name: Name) -> bool:
        """Whether the disk is asked for such an object, and may get it."""
        return self._of != "" and name.folder in _KEPT and _key(name) not in self._removed

    async def _read(self, name: Name, file: str, parse: Callable[[bytes], _T]) -> _T | None:
        """What the disk has, if it is whole, and if its key was not removed while it was read."""
        if time.monotonic() < self._reads_from:
            return None
        of = self._of
        result, found = await self._read_in_time(file, parse)
        if result == "corrupt":
            self._in_writer(partial(self.files.remove, file))
        elif found is not None and (self._of != of or _key(name) in self._removed):
            result, found = "miss", None
        self.reads[result] += 1
        return found

    async def _read_in_time(self, file: str, parse: Callable[[bytes], _T]) -> tuple[Result, _T | None]:
        def read() -> tuple[Result, _T | None]:
            data = self.files.read(file)
            try:
                return ("miss", None) if data is None else ("hit", parse(data))
            except Corrupt:
                return "corrupt", None

        try:
            async with AnswerTimeout(self._timings.patience):
                return await asyncio.get_running_loop().run_in_executor(self._readers, read)
        except TimeoutError:
            self._reads_from = time.monotonic() + self._timings.rest
            log.warning("the disk cache does not answer: for %g s the bucket alone is read", self._timings.rest)
            return "miss", None

    def _keep(self, name: Name, file: str, data: Callable[[], bytes], changes: _Changes, began: int) -> None:
        """Writes a file behind the request, unless its object was deleted or removed since it `began` to be read."""
        if not self._writes or not self._queue.acquire(blocking=False):
            return
        of = self._of

        def may_stay() -> bool:
            return self._of == of != "" and changes.count == began and _key(name) not in self._removed

        def write() -> None:
            try:
                # 1: it is written. 2: its key is removed, and its files are taken away. 3: a file that came after that
                # would outlive the note of the purge.
                if may_stay() and self.files.write(file, data()) and not may_stay():
                    self.files.remove(file)
            finally:
                self._queue.release()

        if not self._in_writer(write):
            self._queue.release()

    def _in_writer(self, work: Callable[[], object]) -> bool:
        """Runs `work` in the one thread that changes the folder, if this process has the folder. Whether it has."""
        if not self._of or self._closing:
            return False
        self._writer.submit(work)
        return True

    def _hear(self, folder: Folder, new: frozenset[str], moment: float) -> None:
        """A whole list of removals was read, which began at that moment; in the thread that lists."""
        self._heard[folder] = moment
        if new:
            self._in_writer(partial(self.files.remove_keys, new))
        if len(self._heard) == len(_REMOVALS) and not self._closing:
            # The id is asked for here: a whole list was read, so the store was the right one just now.
            self._writer.submit(self._begin_or_go_on, self._store_id(), min(self._heard.values()))

    def _begin_or_go_on(self, store_id: str | None, heard: float) -> None:
        """Believes the disk from now on, if it is this store's and no list of removals was missed for long."""
        try:
            if store_id is None:
                return
            if self._of and self.files.is_gone():
                log.warning("the folder of the disk cache was deleted; it begins anew")
                self._of = ""
                self.files.close()
            if not self.files.lock():
                self._wait("another process of this machine has it")
                return
            of, moment = _stamp(self.files.stamp())
            missed = not -_CLOCK_SKEW <= heard - moment <= self._timings.unheard
            begins = self._of != store_id
            if of != store_id or missed:
                self._of = ""
                self.files.clear()
                begins = True
            if begins or heard - self._stamped >= self._timings.stamp:
                # The stamp needs room, and others may have filled the disk.
                self.files.make_room()
                self.files.stamp(f"{store_id} {int(heard)}\n")
                self._stamped = heard
            if begins:
                self._of, self.state = store_id, "is used"
                self.files.sum_up(self._removed.__contains__)
                self._writes = True
        except OSError as error:
            self._of = ""
            self._wait(f"its folder cannot be used: {error.strerror}")
            # What was cleared may hold the room that the next try needs.
            self.files.free_room()

    def _wait(self, why: str) -> None:
        """Says once why the disk is not used; the next list is the next try."""
        state = f"not used: {why}"
        if state != self.state:
            log.warning("the disk cache is %s; the bucket is read", state)
        self.state = state


def finding(data_folder: Path, size: int) -> Check:
    """What `promptcdn doctor` has to say of a disk cache of that size. Blocking, for seconds where it is large."""
    files = Files(data_folder / FOLDER, size)
    files.sum_up_only()
    room = files.bytes + files.room()
    advice = ""
    if room < size:
        most = max(0, room) // 10**6
        advice = f"make room, or set PROMPTCDN_DISK_CACHE to less: the disk has room for {most} MB of it"
    return Check("disk cache", not advice, _sum(files), advice)


def _sum(files: Files) -> str:
    return f"{files.bytes // 10**6} of {files.size // 10**6} MB in {files.count} files"


def _key(name: Name) -> str:
    """The content key, or as-asked key, that an object is about."""
    return name.leaf.partition(".")[0]


def _file(name: Name) -> str:
    """The name of an object's file: it begins with the key."""
    return f"{name.leaf}~{name.folder}"


def _head(name: Name) -> str:
    """The name of the file that has an object's header alone."""
    return f"{name.leaf}~head"


def _line(header: Header) -> bytes:
    return json.dumps(header.members(), ensure_ascii=False).encode()


def _stamp(line: str) -> tuple[str, float]:
    """The store's id, and when its removals were read last; a moment long ago where the line is none of ours."""
    of, _, moment = line.strip().partition(" ")
    return (of, float(moment)) if moment.isdigit() else ("", float("-inf"))
