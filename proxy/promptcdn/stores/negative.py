"""A store that remembers for a moment what is not there, and waits only so long for what it does not know.

Junk look-ups cost the real store nothing, and one that hangs is unknown instead of a request that hangs with it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar, get_args

import cachetools

from promptcdn.event_loop import AnswerTimeout
from promptcdn.problems import StoreUnavailable
from promptcdn.stores import Folder, Header, Name, Record, Store

REMEMBERED_NAMES = 50_000

_T = TypeVar("_T")


@dataclass(frozen=True)
class Timings:
    """In seconds: how long a name is remembered as absent, and how long a look-up may take. What is paid for is stored
    however long that takes."""

    remembered: float = 2.0
    patience: float = 10.0


class NegativeCache:
    """Any store, asked at most once in two seconds for a name that it lacks. Own writes are seen at once."""

    def __init__(self, store: Store, timings: Timings = Timings()) -> None:
        self._store = store
        self._patience, seconds = timings.patience, timings.remembered
        self._written: cachetools.TTLCache[Name, None] = cachetools.TTLCache(REMEMBERED_NAMES, seconds)
        # Of lists, those that were empty, by folder and key; and how often anything was doubted or written since.
        self._empty: cachetools.TTLCache[tuple[Folder, str], None] = cachetools.TTLCache(REMEMBERED_NAMES, seconds)
        self._doubts = 0
        self._absent: cachetools.TTLCache[Name, None] = cachetools.TTLCache(REMEMBERED_NAMES, seconds)

    async def get(self, name: Name) -> Record | None:
        return await self._looked_up(name, self._store.get)

    async def look(self, name: Name) -> Header | None:
        return await self._looked_up(name, self._store.look)

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        if (folder, leaf) in self._empty:
            return ()
        began = self._doubts
        names = await self._answered(self._store.names(folder, leaf))
        if not names and began == self._doubts:
            self._empty[folder, leaf] = None
        return names

    async def delete(self, name: Name) -> None:
        await self._store.delete(name)

    def doubt(self, key: str) -> None:
        """Forgets what of this key is absent: somebody else may have written it."""
        for folder in get_args(Folder):
            self._may_be_there(Name(folder, key))

    async def _looked_up(self, name: Name, look_up: Callable[[Name], Awaitable[_T | None]]) -> _T | None:
        if name in self._absent:
            return None
        found = await self._answered(look_up(name))
        # 1: this look finds nothing. 2: a put of the name ends, here or elsewhere. 3: this look returns, and knows
        # nothing any more.
        if found is None and name not in self._written:
            self._absent[name] = None
        return found

    async def _answered(self, answer: Awaitable[_T]) -> _T:
        try:
            async with AnswerTimeout(self._patience):
                return await answer
        except TimeoutError:
            raise StoreUnavailable(f"the store took longer than {self._patience:g} s") from None

    async def put(self, name: Name, record: Record) -> Record:
        try:
            return await self._store.put(name, record)
        finally:
            self._may_be_there(name)

    def _may_be_there(self, name: Name) -> None:
        self._written[name] = None
        self._absent.pop(name, None)
        self._doubts += 1
        self._empty.pop((name.folder, name.leaf.partition(".")[0]), None)

    async def close(self) -> None:
        await self._store.close()
