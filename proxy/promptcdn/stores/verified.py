"""A store that is used only while its id is the one that is remembered.

Until that id was seen, and when another store or none is found in its place, nothing is known of it: it neither has an
object nor lacks one, and takes none. That an object is absent is believed once the id was seen after the look.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import TypeVar

from promptcdn.checks import Check
from promptcdn.event_loop import AnswerTimeout
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Header, IdentifiableStore, Name, Record, StoreMissing
from promptcdn.stores.identity import Objection, RememberedIds, objection
from promptcdn.stores.store_ids import StoreIds

log = logging.getLogger("promptcdn")

# For everybody, whatever is wrong. What it is, and what the operator is to do, the log and `doctor` say.
_UNAVAILABLE = "the store of this service is not available: no new picture is made until its operator has mended it"

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """In seconds: how often a store that is not known to be the right one is looked at again, how long the start waits
    for the first look, and how long an id that was seen is believed, but not before a picture is paid for: that it has
    no master is believed only once the id was seen after the look."""

    between_looks: float = 1.0
    first_look: float = 1.0
    trust: float = 0.0


@dataclass(frozen=True)
class _Look:
    """A look at the store's id: when it began, and what came of it."""

    began: float
    unknown: StoreUnavailable | None = None


class _Calls(Enum):
    """What may fail by itself: a bucket that is full is read, one that may not be listed has objects.

    Each with the log's words for a failure, whose cause is a sentence, and for its end.
    """

    READS = (
        "the store does not answer: %s Nothing new is made until the store answers",
        "the store answers again: new pictures are made",
    )
    WRITES = "the store takes nothing: %s What is paid for waits in the spool", "the store takes new pictures again"
    LISTS = (
        "the store cannot be listed: %s Until it can, nobody knows here what other processes take down;"
        " a service that has not read that list yet shows no stored picture",
        "the store can be listed again",
    )


class _Outages:
    """Says once in the log that the store does not answer, and once that it does again."""

    def __init__(self, patience: float) -> None:
        """A store that does not answer for less than `patience` seconds is not worth a line."""
        self._patience = patience
        # Whoever starts a service waits to see that it works: then the first failure is worth a line.
        self.starting = False
        # By kind of call, and by folder where one may fail and another not.
        self._since: dict[tuple[_Calls, str], float] = {}
        # The cause in words. What fails by the same cause is one outage, and worth one line.
        self._logged: dict[tuple[_Calls, str], str] = {}

    def seen(self, calls: _Calls, unavailable: StoreUnavailable, folder: str = "") -> StoreUnavailable:
        """The store did not answer. Gives an error whose text anybody may read; its `cause` is for the operator."""
        failing = calls, folder
        since = self._since.setdefault(failing, time.monotonic())
        known = failing in self._logged or unavailable.cause in self._logged.values()
        if not known and (self.starting or time.monotonic() - since >= self._patience):
            self._logged[failing] = unavailable.cause
            log.error(calls.value[0], _sentence(unavailable.cause))
        return StoreUnavailable(_UNAVAILABLE, unavailable.cause)

    def over(self, calls: _Calls, folder: str = "") -> None:
        """The store answered."""
        self._since.pop((calls, folder), None)
        if self._logged.pop((calls, folder), None) is not None:
            log.warning(calls.value[1])


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


class VerifiedStore:
    """Any store, as long as it is the right one."""

    def __init__(self, store: IdentifiableStore, ids: StoreIds, timings: Timings = Timings()) -> None:
        self._store = store
        self._ids = ids
        self._timings = timings
        self._id: str | None = None
        self._right = False
        # Whether the store looks at its id by itself.
        self._looks = False
        self._objection: Objection | None = None
        self._outages = _Outages(timings.between_looks)
        self._keeps = False
        self._unremembered = ""
        # Whether Redis may know of another store: it did not answer when the id of this one was to be written to it.
        self._unshared = False
        self._watch: asyncio.Task[None] | None = None
        self._looking = asyncio.Lock()
        self._last = _Look(float("-inf"))
        # Of its own: whatever else is slow, this is what an answer waits for last.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="identity")

    async def start(self) -> None:
        """Sees which store this is, and remembers it. One that is new gets an id; one that is silent is seen later.

        Until `close` a store that is not known to be the right one, or whose id Redis may not have, is looked at each
        second, whether or not somebody asks it for something: `listed` does not look by itself, and hits look at
        nothing.
        """
        self._keeps = True
        self._outages.starting = True
        with suppress(StoreUnavailable, TimeoutError):
            async with AnswerTimeout(self._timings.first_look):
                await self.see()
        self._outages.starting = False
        self._watch = asyncio.create_task(self._keep_watching())

    async def see(self) -> None:
        """Raises `StoreUnavailable` where this is not the right store, or none. Writes nothing before `start`."""
        await self._require(time.monotonic())

    @property
    def id(self) -> str | None:
        """The id of the store; `None` while it is not known to be the right one."""
        return self._id if self._right else None

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
        await self._require(time.monotonic() - max(self._timings.trust, self._timings.between_looks))
        winner = await self._answered(lambda: self._store.put(name, record), _Calls.WRITES)
        await self._require_looked_at(0.0)
        return winner

    async def require_writable(self) -> None:
        """Tried out only where the store is the right one: nothing is written into another."""
        await self._require(time.monotonic() - max(self._timings.trust, self._timings.between_looks))
        await self._answered(self._store.require_writable, _Calls.WRITES)

    async def delete(self, name: Name) -> None:
        await self._require(time.monotonic() - self._timings.trust)
        await self._answered(lambda: self._store.delete(name))

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        if not self._right:
            raise StoreUnavailable(
                _UNAVAILABLE, str(self._objection or "whether this is the right store is not known yet")
            )
        try:
            yield from self._store.listed(folder, leaf)
            found = self._store.identity()
        except StoreUnavailable as unavailable:
            self._right = self._right and not isinstance(unavailable, StoreMissing)
            raise self._outages.seen(_Calls.LISTS, unavailable, folder or "") from unavailable
        self._outages.over(_Calls.LISTS, folder or "")
        if found != self._id:
            self._right = False
            raise StoreUnavailable(_UNAVAILABLE, "another store is in the place of the right one")

    async def checks(self) -> tuple[Check, ...]:
        first, *others = await self._store.checks()
        try:
            await self.see()
        except StoreUnavailable:
            if self._objection is not None:
                first = replace(first, good=False, detail=self._objection.why, advice=self._objection.advice)
        else:
            new = "it has no id yet: promptcdn serve gives it one" if first.good else ""
            its_id = f"its id is {self._id}" if self._id else new
            first = replace(first, detail="; ".join(filter(None, (first.detail, its_id))))
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
            await asyncio.sleep(self._timings.between_looks)
            if not self._right or self._unshared:
                with suppress(StoreUnavailable):
                    await self._require(time.monotonic() - self._timings.between_looks)

    async def _looked_up(self, folder: Folder, look_up: Callable[[], Awaitable[_T]]) -> _T:
        if not self._right:
            await self._require(time.monotonic() - self._timings.between_looks)
        found = await self._answered(look_up)
        if not found:
            await self._require_looked_at(0.0 if folder == "masters" else self._timings.trust)
        return found

    async def _require_looked_at(self, trust: float) -> None:
        """Raises `StoreUnavailable` unless this was the right store after the call that has just ended, or at most so
        many seconds before that."""
        if not self._looks or self._unshared:
            await self._require(time.monotonic() - trust)

    async def _answered(self, ask: Callable[[], Awaitable[_T]], calls: _Calls = _Calls.READS) -> _T:
        """What the store answers. Raises `StoreUnavailable`, which tells strangers nothing of what is wrong."""
        try:
            answer = await ask()
        except StoreMissing as gone:
            await self._require(time.monotonic())
            raise StoreUnavailable(_UNAVAILABLE, gone.cause) from gone
        except StoreUnavailable as unavailable:
            raise self._outages.seen(calls, unavailable) from unavailable
        self._outages.over(calls)
        return answer

    async def _require(self, since: float) -> None:
        """Raises `StoreUnavailable` unless a look that began then or later saw the right store. All share one look."""
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
        try:
            found, missing = await self._asked(self._store.identity), ""
        except StoreMissing as gone:
            found, missing = None, gone.cause
        if self._right and found is not None and found == self._id and not self._unshared:
            return
        ids = await self._ids.read()
        # Where a data folder is gone together with the store in it, this process still knows.
        self._object(objection(replace(ids, own=ids.own or self._id or ""), found, missing))
        if self._keeps:
            if found is None:
                found = await self._asked(self._store.identify, _Calls.WRITES)
            await self._keep(found, ids)
        elif missing:
            raise StoreUnavailable(_UNAVAILABLE, f"{missing}. Is its disk mounted? promptcdn serve makes a new store")
        self._id, self._right = found, True
        self._looks = found is not None and self._store.expect(found)

    def _object(self, to_it: Objection | None) -> None:
        """Says once what is wrong, and once that it is right again. Raises `StoreUnavailable`."""
        self._right = self._right and to_it is None
        before, self._objection = self._objection, to_it
        if to_it is not None:
            # Commands do not keep the store, and print the error that they get.
            if self._keeps and to_it != before:
                log.error("the store: %s", to_it)
            raise StoreUnavailable(_UNAVAILABLE, str(to_it))
        if before is not None:
            log.warning("the store is the right one again: new pictures are made")

    async def _keep(self, found: str, ids: RememberedIds) -> None:
        """Remembers the store. Raises `StoreUnavailable` where Redis turns out to know of another one.

        Redis may have been silent when it was read, and have another id by the time this one is written to it.
        """
        written = await self._ids.remember(found, ids, replace=bool(ids.setting))
        self._object(objection(replace(ids, shared=written.shared), found))
        self._unshared = self._ids.shared and written.shared != found
        if written.failed and written.failed != self._unremembered:
            log.warning("the store's id %s is not remembered: %s", found, written.failed)
        self._unremembered = written.failed

    async def _asked(self, work: Callable[[], _T], calls: _Calls = _Calls.READS) -> _T:
        """What the store says of its identity. Raises `StoreMissing` and `StoreUnavailable`."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except StoreMissing:
            raise
        except StoreUnavailable as unavailable:
            raise self._outages.seen(calls, unavailable) from unavailable
        self._outages.over(calls)
        return answer
