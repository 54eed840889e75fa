"""A store and a generator whose calls are reported, so that neither they nor their callers hold a clock."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from promptcdn.checks import Check
from promptcdn.generators import NO_SOURCES, InspectedGenerator, Made, Sources
from promptcdn.observer import Observer, Operation, Result
from promptcdn.problems import INTERNAL, UpstreamFailed
from promptcdn.stores import Folder, Header, InspectedStore, Name, Record
from promptcdn.url.request import Resolved


@dataclass
class _Call:
    """The result of a call, as far as it is known."""

    result: Result = "unknown"


class ObservedStore:
    """Any store, each of whose calls is reported. A call that is given up before the store answered is `unknown`."""

    def __init__(self, store: InspectedStore, observer: Observer) -> None:
        self._store = store
        self._observer = observer

    @property
    def corrupt(self) -> int:
        return self._store.corrupt

    async def get(self, name: Name) -> Record | None:
        with self._step("get") as call:
            record = await self._store.get(name)
            call.result = "absent" if record is None else "there"
            return record

    async def look(self, name: Name) -> Header | None:
        with self._step("look") as call:
            header = await self._store.look(name)
            call.result = "absent" if header is None else "there"
            return header

    async def names(self, folder: Folder, leaf: str) -> tuple[Name, ...]:
        with self._step("list") as call:
            names = await self._store.names(folder, leaf)
            call.result = "there"
            return names

    async def put(self, name: Name, record: Record) -> Record:
        with self._step("put") as call:
            winner = await self._store.put(name, record)
            call.result = "there"
            return winner

    async def delete(self, name: Name) -> None:
        with self._step("delete") as call:
            await self._store.delete(name)
            call.result = "absent"

    def listed(self, folder: Folder | None = None, leaf: str = "") -> Iterator[tuple[Name, int]]:
        with self._timed("list") as call:
            yield from self._store.listed(folder, leaf)
            call.result = "there"

    @contextmanager
    def _timed(self, operation: Operation) -> Iterator[_Call]:
        began, call = time.perf_counter(), _Call()
        try:
            yield call
        finally:
            self._observer.stored(operation, call.result, time.perf_counter() - began)

    @contextmanager
    def _step(self, operation: Operation) -> Iterator[_Call]:
        # Not around `listed`: its caller may go from one element to the next in other contexts.
        with self._observer.step("store"), self._timed(operation) as call:
            yield call

    async def checks(self) -> tuple[Check, ...]:
        return await self._store.checks()

    async def require_writable(self) -> None:
        await self._store.require_writable()

    async def close(self) -> None:
        await self._store.close()


class ObservedGenerator:
    """Any generator, each of whose calls is reported; its own retries are inside of one call."""

    def __init__(self, generator: InspectedGenerator, observer: Observer) -> None:
        self._generator = generator
        self._observer = observer

    @property
    def name(self) -> str:
        return self._generator.name

    @property
    def paid(self) -> bool:
        return self._generator.paid

    @property
    def refuses(self) -> str:
        return self._generator.refuses

    async def generate(self, resolved: Resolved, content_key: str, *, sources: Sources = NO_SOURCES) -> Made:
        began, result = time.perf_counter(), INTERNAL.code
        try:
            with self._observer.step("generator"):
                made = await self._generator.generate(resolved, content_key, sources=sources)
            result = "filtered" if made.filtered else "picture"
        except UpstreamFailed as failure:
            result = failure.kind.code
            raise
        else:
            return made
        finally:
            self._observer.generated(self.name, result, time.perf_counter() - began)

    async def checks(self, engines: Sequence[str]) -> tuple[Check, ...]:
        return await self._generator.checks(engines)

    async def close(self) -> None:
        await self._generator.close()
