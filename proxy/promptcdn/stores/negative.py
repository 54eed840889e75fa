"""A store that remembers for a moment what is not there, and waits only so long for what it does not know.

Junk look-ups cost the real store nothing, and one that hangs is unknown instead of a request that hangs with it. All
who look for one name at the same time share one look-up: hundreds of them would wait in this process's own queue, and
take that for a silent store.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import Context
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar, get_args
from weakref import WeakValueDictionary

import cachetools

from promptcdn.event_loop import AnswerTimeout
from promptcdn.problems import Problem, StoreUnavailable
from promptcdn.stores import Folder, Header, Name, Record, Store

REMEMBERED_NAMES = 50_000

_T = TypeVar("_T")
# A look-up that is shared: of which name, and of how much of it.
_Shared = tuple[Name, Literal["get", "look"]]
# What the names of a list have in common: their folder, and their key.
_List = tuple[Folder, str]


@dataclass(frozen=True)
class Timings:
    """In seconds: how long a name is remembered as absent, and how long a look-up may take. What is paid for is stored
    however long that takes."""

    remembered: float = 2.0
    patience: float = 10.0


class _Changes:
    """How often a name, or a list, was written or doubted while anybody looked for it."""

    count = 0


class NegativeCache:
    """Any store, asked at most once in two seconds for a name that it lacks. Own writes are seen at once: a look that
    began before a write of the same name ended, and found nothing, is made again."""

    def __init__(
        self, store: Store, timings: Timings = Timings(), task_context: Callable[[], Context] = Context
    ) -> None:
        """`task_context` gives the context for a look-up that is shared: nothing of the request that began it."""
        self._store = store
        self._task_context = task_context
        self._patience, seconds = timings.patience, timings.remembered
        self._empty: cachetools.TTLCache[_List, None] = cachetools.TTLCache(REMEMBERED_NAMES, seconds)
        self._absent: cachetools.TTLCache[Name, None] = cachetools.TTLCache(REMEMBERED_NAMES, seconds)
        # Counts live for as long as somebody looks.
        self._changes: WeakValueDictionary[Name | _List, _Changes] = WeakValueDictionary()
        self._under_way: dict[_Shared, asyncio.Task[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    async def get(self, name: Name) -> Record | None:
        return await self._looked_up((name, "get"), self._store.get)

    async def look(self, name: Name) -> Header | None:
        return await self._looked_up((name, "look"), self._store.look)

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        if (folder, leaf) in self._empty:
            return ()
        changes = self._changes_of((folder, leaf))
        while True:
            began = changes.count
            names = await self._answered(self._store.names(folder, leaf))
            if began == changes.count:
                break
        if not names:
            self._empty[folder, leaf] = None
        return names

    async def delete(self, name: Name) -> None:
        await self._store.delete(name)

    def doubt(self, key: str) -> None:
        """Forgets what of this key is absent: somebody else may have written it."""
        for folder in get_args(Folder):
            self._may_be_there(Name(folder, key))

    async def _looked_up(self, shared: _Shared, look_up: Callable[[Name], Coroutine[Any, Any, _T | None]]) -> _T | None:
        name, _ = shared
        if name in self._absent:
            return None
        changes = self._changes_of(name)
        while True:
            began = changes.count
            task = self._under_way.get(shared) or self._begin(shared, self._answered(look_up(name)))
            try:
                found: _T | None = await asyncio.shield(task)
            except Problem as problem:
                raise problem.again() from None
            if found is not None:
                return found
            # 1: this look finds nothing. 2: a put of the name ends, here or elsewhere. 3: this look returns, and knows
            # nothing any more.
            if began == changes.count:
                self._absent[name] = None
                return None

    def _changes_of(self, looked_for: Name | _List) -> _Changes:
        """The count that all share who look for this at the same time."""
        return self._changes.setdefault(looked_for, _Changes())

    def _begin(self, shared: _Shared, look_up: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """A look-up that is nobody's own: who leaves does not end it, and it carries no request's context."""
        task = self._under_way[shared] = asyncio.create_task(look_up, context=self._task_context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(partial(self._end, shared))
        return task

    def _end(self, shared: _Shared, task: asyncio.Task[Any]) -> None:
        """It has ended: whoever looks next asks the store anew."""
        if self._under_way.get(shared) is task:
            del self._under_way[shared]
        if not task.cancelled():
            task.exception()  # or the loop complains of it, where nobody is left to ask

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
        # A look-up that began before may not see it.
        self._under_way.pop((name, "get"), None)
        self._under_way.pop((name, "look"), None)
        self._absent.pop(name, None)
        listed: _List = name.folder, name.leaf.partition(".")[0]
        self._empty.pop(listed, None)
        for looked_for in (name, listed):
            if changes := self._changes.get(looked_for):
                changes.count += 1

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._store.close()
